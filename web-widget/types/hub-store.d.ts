/**
 * The inbox of one person, kept true: items, counts, feeds, and what was marked here, shown at once and taken back when
 * the hub refuses. It needs no DOM.
 *
 *     const store = new HubStore({ getToken: async () => (await fetch("/my-token")).text() });
 *     store.subscribe(() => render(store.snapshot));
 *     store.start();
 *
 * Who does what: `hub-state.js` what is known, `hub-feeds.js` the lists and their pages, `hub-client.js` the connection,
 * `hub-tabs.js` one of it per browser, `hub-cache.js` what outlives the page.
 *
 * Guarantees: at a quiet moment it equals the hub's inbox; `item` names a new item at most once per store; a mark is
 * shown from the moment it is made until the hub's own word on it is, and sent until it is answered.
 */
import { Emitter } from "./hub-emitter.js";
import { Feed } from "./hub-feeds.js";
import type { Arrival, HubClientOptions, Traffic } from "./hub-client.js";
import type { Status } from "./hub-connection.js";
import type { Transport } from "./hub-link.js";
import type { Marked } from "./hub-outbox.js";
import type { Counts, Filter, Item, Mark } from "./hub-state.js";
export type HubStoreExtras = {
    /**
     * keep the top of the inbox, and marks not answered, in localStorage for the next visit;
     * true if absent
     */
    persist?: boolean;
    /**
     * one connection for all tabs; true if absent. Without Web Locks or BroadcastChannel each
     * tab has its own
     */
    share?: boolean;
    /**
     * in place of localStorage
     */
    storage?: Storage;
    /**
     * in place of navigator.locks
     */
    locks?: LockManager;
    BroadcastChannel?: typeof BroadcastChannel;
};
export type HubStoreOptions = HubClientOptions & HubStoreExtras;
export type Snapshot = {
    status: Status;
    /**
     * an inbox is held
     */
    ready: boolean;
    /**
     * it is an old one: from the last visit, or the connection is away
     */
    stale: boolean;
    transport: Transport | null;
    /**
     * this tab holds the connection
     */
    leading: boolean;
    /**
     * the own revision
     */
    rev: number | null;
    /**
     * of the default feed: pinned first, newest first
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
    /**
     * marks that are shown and not confirmed yet
     */
    pending: number;
};
export type HubStoreEvents = {
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
    /**
     * everything that travels, for display
     */
    frame: Traffic;
    /**
     * what went wrong without ending the store: a HubError, or what `getToken` threw
     */
    error: unknown;
};
/** @extends {Emitter<HubStoreEvents>} */
export declare class HubStore extends Emitter<HubStoreEvents> {
    #private;
    /** @type {{user: string, project: string} | null} of the token; null before there is one that tells */
    person: {
        user: string;
        project: string;
    } | null;
    /** @param {HubStoreOptions} options */
    constructor(options: HubStoreOptions);
    /** Connect, and stay connected. Started twice is started once; after `stop` it resumes where it was. */
    start(): void;
    /** Disconnect. What is held stays, also marks not yet answered: the next `start` goes on from there. */
    stop(): void;
    /** Everything held here and kept for the next visit is discarded; a running store begins anew. */
    forget(): void;
    /**
     * Change the transport; a running store goes on with it at once, from where it is.
     * @param {"auto" | "websocket" | "sse"} transport
     */
    use(transport: "auto" | "websocket" | "sse"): void;
    /** @returns {Snapshot} */
    get snapshot(): Snapshot;
    /**
     * @param {() => void} listener called at most once per turn of the event loop, after something changed
     * @returns {() => void} takes the listener off again
     */
    subscribe(listener: () => void): () => void;
    /**
     * @param {Filter} [filter] none: the default feed
     * @returns {Feed} the same for the same filter
     */
    feed({ status, category, tag }?: Filter): Feed;
    /**
     * Mark items; shown at once, taken back when the hub refuses, kept while there is no connection. `all` covers
     * everything up to the newest item held.
     * @param {Mark} mark any number of ids
     * @returns {Promise<Marked>} when the hub has carried it out
     * @throws {HubError} (rejects) `not_ready` before there is an inbox to show, `reset` when it was replaced before the
     *   answer, or the hub's code
     */
    mark(mark: Mark): Promise<Marked>;
    /** The person has seen everything held now. Costs nothing when there is nothing unseen. */
    seen(): void;
    /** The default feed's next older page: see `Feed`. */
    loadOlder(): Promise<boolean>;
}
