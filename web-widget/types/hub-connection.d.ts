/**
 * One connection to the hub after the other, and the order of events on it:
 *
 *     stopped ─start→ connecting ─snapshot, or last page→ live
 *        ↑               ↑    │                             │
 *     4500–4999     waiting ←─┴──────────── lost ───────────┘
 *
 * It feeds the state with frames and the outbox with a live link; it shows nothing and is asked for nothing but its
 * status.
 */
import { Outbox } from "./hub-outbox.js";
import type { HubClientOptions, HubEvents, Traffic } from "./hub-client.js";
import type { Rest } from "./hub-rest.js";
import type { Frame, InboxState } from "./hub-state.js";
import type { TokenKeeper } from "./hub-token.js";
export type Status = "stopped" | "connecting" | "live" | "waiting";
export type ConnectionOptions = {
    client: HubClientOptions;
    base: URL;
    state: InboxState;
    token: TokenKeeper;
    rest: Rest;
    /**
     * something that is shown has changed
     */
    onChange: () => void;
    /**
     * the status is another
     */
    onStatus: () => void;
    onItem: (arrival: HubEvents["item"]) => void;
    onError: (error: unknown) => void;
    onTraffic: (direction: Traffic["direction"], transport: Traffic["transport"], frame: Frame, size: number) => void;
};
/** @import { HubClientOptions, HubEvents, Traffic } from "./hub-client.js" */
/** @import { Link, LinkEvents } from "./hub-link.js" */
/** @import { Rest } from "./hub-rest.js" */
/** @import { Frame, InboxState } from "./hub-state.js" */
/** @import { TokenKeeper } from "./hub-token.js" */
/** @typedef {"stopped" | "connecting" | "live" | "waiting"} Status */
/**
 * @typedef {object} ConnectionOptions
 * @property {HubClientOptions} client
 * @property {URL} base
 * @property {InboxState} state
 * @property {TokenKeeper} token
 * @property {Rest} rest
 * @property {() => void} onChange something that is shown has changed
 * @property {() => void} onStatus the status is another
 * @property {(arrival: HubEvents["item"]) => void} onItem
 * @property {(error: unknown) => void} onError
 * @property {(direction: Traffic["direction"], transport: Traffic["transport"], frame: Frame, size: number) => void}
 *   onTraffic
 */
export declare class Connection {
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
    outbox: Outbox;
    /** @param {ConnectionOptions} options */
    constructor(options: ConnectionOptions);
    /** The transport in use. */
    get transport(): "sse" | "websocket" | null;
    /** Connect, and stay connected. Started twice is started once. */
    start(): void;
    /** @param {Connection["stopped"]} why null when it was asked for */
    stop(why: Connection["stopped"]): void;
    /** @param {"auto" | "websocket" | "sse"} transport */
    use(transport: "auto" | "websocket" | "sse"): void;
}
