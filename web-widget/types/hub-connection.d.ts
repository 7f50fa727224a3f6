/**
 * One connection to the hub after the other, and the order of events on it:
 *
 *     stopped ─start→ connecting ─snapshot, or last page→ live
 *        ↑               ↑    │                             │
 *     4500–4999     waiting ←─┴──────────── lost ───────────┘
 *
 * It feeds the state with frames and the outbox with a link; it shows nothing. What the store does otherwise, it does by
 * overriding the methods that say so.
 */
import { Emitter } from "./hub-emitter.js";
import { Outbox } from "./hub-outbox.js";
import { Revisions } from "./hub-revisions.js";
import { Timers } from "./hub-timers.js";
import { TokenKeeper } from "./hub-token.js";
import type { HubClientOptions, HubEvents, Traffic } from "./hub-client.js";
import type { Link, LinkEvents } from "./hub-link.js";
import type { Verdict } from "./hub-revisions.js";
import type { Frame, InboxState } from "./hub-state.js";
export type Status = "stopped" | "connecting" | "live" | "waiting";
export type WantedTransport = "auto" | "websocket" | "sse";
/** @import { HubClientOptions, HubEvents, Traffic } from "./hub-client.js" */
/** @import { Link, LinkEvents } from "./hub-link.js" */
/** @import { Verdict } from "./hub-revisions.js" */
/** @import { Frame, InboxState } from "./hub-state.js" */
/** @typedef {"stopped" | "connecting" | "live" | "waiting"} Status */
/** @typedef {"auto" | "websocket" | "sse"} WantedTransport */
/** @extends {Emitter<HubEvents>} */
export declare class Connection extends Emitter<HubEvents> {
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
    base: URL;
    token: TokenKeeper;
    /** @type {Revisions & Partial<InboxState>} */
    state: Revisions & Partial<InboxState>;
    timers: Timers;
    outbox: Outbox;
    /**
     * @param {HubClientOptions} options
     */
    constructor(options: HubClientOptions);
    /** The transport in use. */
    get transport(): import("./hub-link.js").Transport | null;
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
    /**
     * It is this frame's turn.
     * @param {Frame} frame
     * @param {Verdict} _verdict
     */
    took(frame: Frame, _verdict: Verdict): void;
    /** What is held or pending may be another. */
    changed(): void;
    /** The status is another. */
    turned(): void;
    /**
     * Who is to connect, and how.
     * @param {string} _token of the person
     * @returns {Promise<((events: LinkEvents) => Link) | null>} null: this client itself
     */
    dial(_token: string): Promise<((events: LinkEvents) => Link) | null>;
    /** @type {typeof fetch} */
    fetch: typeof fetch;
    /**
     * Be in this status; to be called by links that know it (hub-tabs.js), and here.
     * @param {Status} status
     * @param {number | null} [retryAt] when it is `waiting`
     */
    enter(status: Status, retryAt?: number | null): void;
    /**
     * Tell who displays the traffic.
     * @param {"in" | "out"} direction
     * @param {Traffic["transport"]} transport
     * @param {Frame} frame
     * @param {number} size in characters
     */
    traffic(direction: "in" | "out", transport: Traffic["transport"], frame: Frame, size: number): void;
}
