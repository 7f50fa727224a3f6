/**
 * What the client tells the hub: marks, which are answered one by one and repeated until they are, and receipts (ack,
 * seen, state), of which only the newest counts. It speaks over the link it is given: frames on a WebSocket, REST
 * beside SSE.
 */
import { HubError } from "./hub-rest.js";
import type { Activity } from "./hub-activity.js";
import type { Link } from "./hub-link.js";
import type { Rest } from "./hub-rest.js";
import type { InboxState, Mark } from "./hub-state.js";
import type { Timers } from "./hub-timers.js";
export type Marked = {
    changed: number;
    unknown: string[];
};
export type Call = {
    mark: Mark;
    /**
     * its Idempotency-Key
     */
    key: string;
    /**
     * where it was sent last; null when it has to be sent again there, or was not sent yet
     */
    link: Link | null;
    resolve: (done: Marked) => void;
    reject: (why: HubError) => void;
};
export type OutboxOptions = {
    state: InboxState;
    rest: Rest;
    /**
     * all of them are cleared when a connection ends
     */
    timers: Timers;
    activity: () => Activity;
    /**
     * what is shown has changed
     */
    onChange: () => void;
    onError: (error: unknown) => void;
};
/** @import { Activity } from "./hub-activity.js" */
/** @import { Link } from "./hub-link.js" */
/** @import { Rest } from "./hub-rest.js" */
/** @import { InboxState, Mark } from "./hub-state.js" */
/** @import { Timers } from "./hub-timers.js" */
/** @typedef {{changed: number, unknown: string[]}} Marked what a mark did; `unknown` ids are only told over REST */
/**
 * @typedef {object} Call a mark that the hub has not answered
 * @property {Mark} mark
 * @property {string} key its Idempotency-Key
 * @property {Link | null} link where it was sent last; null when it has to be sent again there, or was not sent yet
 * @property {(done: Marked) => void} resolve
 * @property {(why: HubError) => void} reject
 */
/**
 * @typedef {object} OutboxOptions
 * @property {InboxState} state
 * @property {Rest} rest
 * @property {Timers} timers all of them are cleared when a connection ends
 * @property {() => Activity} activity
 * @property {() => void} onChange what is shown has changed
 * @property {(error: unknown) => void} onError
 */
export declare class Outbox {
    #private;
    /** @param {OutboxOptions} options */
    constructor(options: OutboxOptions);
    /** A number for a frame that is answered, never used before by this client. */
    nextRef(): number;
    /** The state to say in `hello`, or in a stream's URL. */
    helloState(): Activity;
    /**
     * The link is live and the inbox complete: send what waits, repeat what may not have arrived.
     * @param {Link} link
     * @param {string} connection its id, from `welcome`
     */
    open(link: Link, connection: string): void;
    /** The link is gone; what it left unanswered waits for the next. */
    close(): void;
    /**
     * Show a mark and send it as soon as there is a link.
     * @param {Mark} mark as the protocol takes it
     * @returns {Promise<Marked>} rejects with a HubError
     */
    mark(mark: Mark): Promise<Marked>;
    /** The person has seen everything held now. */
    seen(): void;
    /**
     * @param {number} ref
     * @param {Marked} done
     * @param {number} rev the revision at which the hub carried it out
     */
    answered(ref: number, done: Marked, rev: number): void;
    /**
     * @param {number} ref
     * @param {HubError} error
     * @returns {boolean} false when no mark has this number
     */
    refused(ref: number, error: HubError): boolean;
    /** The inbox was replaced: marks and what was seen belonged to the old one. */
    reset(): void;
    /** Send what is due of ack, seen and state: at once when the last receipts are a second old, else when they are. */
    receipts(): void;
}
