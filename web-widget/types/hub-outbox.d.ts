/**
 * What a client tells the hub: marks, which are answered one by one and repeated until they are, and receipts (ack,
 * seen, state), of which only the newest counts.
 *
 * A mark is sent at least once, in order, over any number of links, with the same Idempotency-Key. Where the hub does
 * not know the key (a WebSocket has none) a repeated mark is carried out again, which changes nothing unless something
 * contrary came between the two: an `unread` repeated after a `read` on another device wins over it.
 */
import { HubError } from "./hub-rest.js";
import type { Connection } from "./hub-connection.js";
import type { Activity } from "./hub-activity.js";
import type { Link } from "./hub-link.js";
import type { Frame, Mark } from "./hub-state.js";
export type Marked = {
    changed: number;
    unknown: string[];
};
export type Answer = Marked & {
    rev: number;
};
export type Call = {
    mark: Mark;
    /**
     * its Idempotency-Key
     */
    key: string;
    /**
     * when it was made, RFC 3339
     */
    at: string;
    /**
     * where it was sent last
     */
    link: Link | null;
    /**
     * rejects with a HubError
     */
    done: Promise<Answer>;
    resolve: (done: Answer) => void;
    reject: (why: HubError) => void;
};
/** @import { Connection } from "./hub-connection.js" */
/** @import { Activity } from "./hub-activity.js" */
/** @import { Link } from "./hub-link.js" */
/** @import { Frame, Mark } from "./hub-state.js" */
/** @typedef {{changed: number, unknown: string[]}} Marked what a mark did; `unknown` ids are only told over REST */
/** @typedef {Marked & {rev: number}} Answer with the revision at which the hub carried it out */
/**
 * @typedef {object} Call a mark that the hub has not answered
 * @property {Mark} mark
 * @property {string} key its Idempotency-Key
 * @property {string} at when it was made, RFC 3339
 * @property {Link | null} link where it was sent last
 * @property {Promise<Answer>} done rejects with a HubError
 * @property {(done: Answer) => void} resolve
 * @property {(why: HubError) => void} reject
 */
export declare class Outbox {
    #private;
    /** @type {Map<number, Call>} by ref */
    calls: Map<number, Call>;
    /** @param {Connection} connection */
    constructor(connection: Connection);
    /** A number for a frame that is answered, never used before by this client. */
    nextRef(): number;
    /** The state to say in `hello`. */
    greet(): Activity;
    /**
     * The link takes marks: send what waits, repeat what may not have arrived.
     * @param {Link} link
     */
    open(link: Link): void;
    /** The link is gone; what it left unanswered waits for the next. */
    close(): void;
    /**
     * Show a mark and send it as soon as there is a link.
     * @param {Mark} mark as the protocol takes it
     * @param {string} [key] of a mark made elsewhere or earlier; one that waits here already is not sent twice
     * @param {string} [at] when it was made, RFC 3339
     * @returns {Promise<Answer>} rejects with a HubError
     */
    mark(mark: Mark, key?: string, at?: string): Promise<Answer>;
    /**
     * The person has seen everything up to here.
     * @param {number} seq
     */
    seen(seq: number): void;
    /**
     * The hub carried a mark out, or refused it.
     * @param {Frame} frame `ok` or `error`
     * @returns {boolean} false when no mark has this number
     */
    answered({ type, ref, rev, changed, unknown, code, detail, status }: Frame): boolean;
    /** The inbox was replaced: marks and what was seen belonged to the old one. */
    reset(): void;
    /** Send what is due of ack, seen and state: at once when the last receipts are a second old, else when they are. */
    tell(): void;
}
/** @returns {string} unlike any other; `randomUUID` would need a secure context */
export declare function newKey(): string;
