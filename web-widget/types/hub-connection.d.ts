/**
 * One connection to the hub after the other, and the order of events on it:
 *
 *     stopped ─start→ connecting ─snapshot, or last page→ live
 *        ↑               ↑    │                             │
 *     4500–4999     waiting ←─┴──────────── lost ───────────┘
 *
 * It feeds the state with frames and the outbox with a link; it shows nothing. A link to another tab, which holds the
 * connection for this one, tells how that one fares (`wait`); what it sends is otherwise the hub's own protocol.
 */
import { Emitter } from "./hub-emitter.js";
import { Outbox } from "./hub-outbox.js";
import { Rest } from "./hub-rest.js";
import { Revisions } from "./hub-revisions.js";
import { Timers } from "./hub-timers.js";
import { TokenKeeper } from "./hub-token.js";
import type { HubClientOptions, HubClientEvents } from "./hub-client.js";
import type { Link, LinkEvents, Transport } from "./hub-link.js";
import type { InboxState } from "./hub-state.js";
export type Status = "stopped" | "connecting" | "live" | "waiting";
export type WantedTransport = "auto" | "websocket" | "sse";
export type Below = {
    state: InboxState;
    /**
     * who is to connect, and how; null:
     * this client itself
     */
    dial: (token: string) => Promise<((events: LinkEvents) => Link) | null>;
    /**
     * whether somebody is active in another tab
     */
    others: () => boolean;
};
/** @import { HubClientOptions, HubClientEvents } from "./hub-client.js" */
/** @import { Link, LinkEvents, Transport } from "./hub-link.js" */
/** @import { Frame, InboxState } from "./hub-state.js" */
/** @typedef {"stopped" | "connecting" | "live" | "waiting"} Status */
/** @typedef {"auto" | "websocket" | "sse"} WantedTransport */
/**
 * What the store puts below its client.
 * @typedef {object} Below
 * @property {InboxState} state
 * @property {(token: string) => Promise<((events: LinkEvents) => Link) | null>} dial who is to connect, and how; null:
 *   this client itself
 * @property {() => boolean} others whether somebody is active in another tab
 */
/** @extends {Emitter<HubClientEvents>} */
export declare class Connection extends Emitter<HubClientEvents> {
    #private;
    /** @type {Status} */
    status: Status;
    /** @type {{code: number | null, reason: string} | null} why, when the hub or `getToken` ended it */
    stopped: {
        code: number | null;
        reason: string;
    } | null;
    /** @type {number | null} when `waiting`: milliseconds since the epoch */
    retryAt: number | null;
    /** @type {Revisions & Partial<InboxState>} */
    state: Revisions & Partial<InboxState>;
    rest: Rest;
    token: TokenKeeper;
    timers: Timers;
    outbox: Outbox;
    /**
     * @param {HubClientOptions} options
     * @param {Below} [below]
     */
    constructor(options: HubClientOptions, below?: Below);
    /** The transport in use. */
    get transport(): Transport | null;
    /** Whether somebody is there, in this tab or another. */
    activity(): import("./hub-activity.js").Activity;
    /** Connect, and stay connected. Started twice is started once; after `stop` it resumes where it was. */
    start(): void;
    /**
     * Disconnect. What is held stays, also marks not yet answered: the next `start` goes on from there.
     * @param {Connection["stopped"]} [why] null when it was asked for
     */
    stop(why?: Connection["stopped"]): void;
    /**
     * Change the transport; a running client goes on with it at once, from where it is.
     * @param {WantedTransport} [transport] the same, if absent: connect anew
     */
    use(transport?: WantedTransport): void;
    /** Discard everything, as a `reset` does. */
    forget(): void;
}
/**
 * @param {string | URL} [url] where the hub is; the page's own origin if absent
 * @returns {URL} what paths below it are resolved against
 */
export declare function baseOf(url?: string | URL): URL;
