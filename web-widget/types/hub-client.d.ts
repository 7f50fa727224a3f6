/**
 * The headless client: one connection to the hub, for ever, and the inbox it keeps true. No dependency, no DOM needed,
 * nothing touched at import; it runs in a page, a worker or Node.
 *
 *     const client = new HubClient({ getToken: async () => (await fetch("/my-token")).text() });
 *     client.on("change", ({ items, counts }) => …);
 *     client.start();
 *
 * Who does what: `hub-state.js` holds the inbox and the rules of revisions, `hub-connection.js` the life of the
 * connection over the two transports of `hub-link.js`, `hub-outbox.js` marks and receipts, `hub-policy.js` waits and
 * close codes.
 *
 * Guarantees: at a quiet moment the state equals the hub's; `item` names a new item at most once per client; a mark is
 * sent until it is answered, over any number of connections.
 */
import { HubError } from "./hub-rest.js";
import { InboxState } from "./hub-state.js";
export { HubError, InboxState };
import type { Status } from "./hub-connection.js";
import type { Marked } from "./hub-outbox.js";
import type { Counts, Frame, Item, Mark } from "./hub-state.js";
export type HubClientOptions = {
    /**
     * asked whenever a client token is needed; null stops
     * the client (nobody is signed in), an exception is tried again later
     */
    getToken: () => string | null | Promise<string | null>;
    /**
     * where the hub is; the page's own origin if absent
     */
    url?: string | URL;
    /**
     * `auto`: WebSocket, and SSE where that does not get through
     */
    transport?: "auto" | "websocket" | "sse";
    /**
     * for a runtime without one
     */
    WebSocket?: typeof WebSocket;
    fetch?: typeof fetch;
    /**
     * in [0, 1), for the backoff
     */
    random?: () => number;
};
export type Snapshot = {
    status: Status;
    /**
     * an inbox is held, possibly an old one while not `live`
     */
    ready: boolean;
    transport: "websocket" | "sse" | null;
    /**
     * the own revision
     */
    rev: number | null;
    /**
     * pinned first, newest first
     */
    items: Item[];
    counts: Counts;
    /**
     * `loadOlder` would bring more
     */
    hasOlder: boolean;
    loadingOlder: boolean;
    /**
     * why, when the hub or `getToken` ended it
     */
    stopped: {
        code: number | null;
        reason: string;
    } | null;
    /**
     * when `waiting`: milliseconds since the epoch
     */
    retryAt: number | null;
};
export type Traffic = {
    direction: "in" | "out";
    transport: "websocket" | "sse" | "rest";
    frame: Frame;
    /**
     * in characters
     */
    size: number;
    /**
     * milliseconds since the epoch
     */
    at: number;
};
export type Arrival = {
    item: Item;
    missed: boolean;
};
export type HubEvents = {
    /**
     * anything that is shown; at most once per turn of the event loop
     */
    change: Snapshot;
    /**
     * a new item
     */
    item: Arrival;
    /**
     * the status changed
     */
    state: Snapshot;
    frame: Traffic;
    /**
     * what went wrong without ending the client: a HubError, or what `getToken` threw
     */
    error: unknown;
};
/** @import { Status } from "./hub-connection.js" */
/** @import { Marked } from "./hub-outbox.js" */
/** @import { Counts, Frame, Item, Mark } from "./hub-state.js" */
/**
 * @typedef {object} HubClientOptions
 * @property {() => string | null | Promise<string | null>} getToken asked whenever a client token is needed; null stops
 *   the client (nobody is signed in), an exception is tried again later
 * @property {string | URL} [url] where the hub is; the page's own origin if absent
 * @property {"auto" | "websocket" | "sse"} [transport] `auto`: WebSocket, and SSE where that does not get through
 * @property {typeof WebSocket} [WebSocket] for a runtime without one
 * @property {typeof fetch} [fetch]
 * @property {() => number} [random] in [0, 1), for the backoff
 */
/**
 * @typedef {object} Snapshot what to show; the same object until something changes
 * @property {Status} status
 * @property {boolean} ready an inbox is held, possibly an old one while not `live`
 * @property {"websocket" | "sse" | null} transport
 * @property {number | null} rev the own revision
 * @property {Item[]} items pinned first, newest first
 * @property {Counts} counts
 * @property {boolean} hasOlder `loadOlder` would bring more
 * @property {boolean} loadingOlder
 * @property {{code: number | null, reason: string} | null} stopped why, when the hub or `getToken` ended it
 * @property {number | null} retryAt when `waiting`: milliseconds since the epoch
 */
/**
 * @typedef {object} Traffic one frame, or one REST call or answer; tokens are masked
 * @property {"in" | "out"} direction
 * @property {"websocket" | "sse" | "rest"} transport
 * @property {Frame} frame
 * @property {number} size in characters
 * @property {number} at milliseconds since the epoch
 */
/** @typedef {{item: Item, missed: boolean}} Arrival `missed`: it came while this client was away */
/**
 * @typedef {object} HubEvents
 * @property {Snapshot} change anything that is shown; at most once per turn of the event loop
 * @property {Arrival} item a new item
 * @property {Snapshot} state the status changed
 * @property {Traffic} frame
 * @property {unknown} error what went wrong without ending the client: a HubError, or what `getToken` threw
 */
export declare class HubClient {
    #private;
    /** @param {HubClientOptions} options */
    constructor(options: HubClientOptions);
    /** Connect, and stay connected. Started twice is started once; after `stop` it resumes where it was. */
    start(): void;
    /** Disconnect. What is held stays, also marks not yet answered: the next `start` goes on from there. */
    stop(): void;
    /**
     * Change the transport; a running client goes on with it at once, from where it is.
     * @param {"auto" | "websocket" | "sse"} transport
     */
    use(transport: "auto" | "websocket" | "sse"): void;
    /** @returns {Snapshot} */
    get snapshot(): Snapshot;
    /**
     * @template {keyof HubEvents} T
     * @param {T} type
     * @param {(detail: HubEvents[T]) => void} listener
     * @returns {() => void} takes the listener off again
     */
    on<T extends keyof HubEvents>(type: T, listener: (detail: HubEvents[T]) => void): () => void;
    /**
     * Mark items; shown at once, taken back when the hub refuses. `all` covers everything up to the newest item held.
     * @param {Mark} mark any number of ids
     * @returns {Promise<Marked>} when the hub has carried it out
     * @throws {HubError} (rejects) `not_ready` before the first snapshot, `reset` when the inbox was replaced before the
     *   answer, or the hub's code
     */
    mark(mark: Mark): Promise<Marked>;
    /** The person has seen everything held now. Costs nothing when there is nothing unseen. */
    seen(): void;
    /**
     * Bring the next older page. Calls that overlap share one request.
     * @returns {Promise<boolean>} whether there may be more after it
     * @throws {HubError} (rejects) the hub refused; a network's error passes through
     */
    loadOlder(): Promise<boolean>;
}
