/**
 * The inbox of one person, kept true: items, counts, feeds, and what was marked here, shown at once and taken back when
 * the hub refuses. It needs no DOM.
 *
 *     const store = new HubStore({ getToken: async () => (await fetch("/my-token")).text() });
 *     store.subscribe(() => render(store.snapshot));
 *     store.start();
 *
 * It is a client (hub-client.js) that keeps what the frames say. Who does what: `hub-state.js` what is known,
 * `hub-feeds.js` the lists and their pages, `hub-tabs.js` one connection per browser, `hub-cache.js` what outlives the
 * page.
 *
 * Guarantees: at a quiet moment it equals the hub's inbox; `item` names a new item at most once per store; a mark is
 * shown from the moment it is made until the hub's own word on it is, and sent until it is answered.
 */
import { HubClient } from "./hub-client.js";
import { Feed } from "./hub-feeds.js";
import { InboxState } from "./hub-state.js";
import type { HubClientOptions } from "./hub-client.js";
import type { Status } from "./hub-connection.js";
import type { LinkEvents, Transport } from "./hub-link.js";
import type { Marked } from "./hub-outbox.js";
import type { Verdict } from "./hub-revisions.js";
import type { Counts, Filter, Frame, Item, Mark } from "./hub-state.js";
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
export declare class HubStore extends HubClient {
    #private;
    /** @override */
    state: InboxState;
    /** @type {{user: string, project: string} | null} of the token; null before there is one that tells */
    person: {
        user: string;
        project: string;
    } | null;
    /** @param {HubStoreOptions} options */
    constructor(options: HubStoreOptions);
    /** @override */
    start(): void;
    /**
     * @param {HubStore["stopped"]} [why]
     * @override
     */
    stop(why?: HubStore["stopped"]): void;
    /** @override */
    forget(): void;
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
     * The person has seen everything held now. Costs nothing when there is nothing unseen.
     * @override
     */
    seen(): void;
    /** The default feed's next older page: see `Feed`. */
    loadOlder(): Promise<boolean>;
    /** @override */
    activity(): import("./hub-activity.js").Activity;
    /**
     * Mark items; shown at once, taken back when the hub refuses, kept while there is no connection. `all` covers
     * everything up to the newest item held.
     * @param {Mark} mark any number of ids
     * @returns {Promise<Marked>} when the hub has carried it out
     * @throws {import("./hub-rest.js").HubError} (rejects) `not_ready` before there is an inbox to show, `reset` when it was replaced before the
     *   answer, or the hub's code
     * @override
     */
    mark(mark: Mark): Promise<Marked>;
    /**
     * @param {Frame} frame
     * @param {Verdict} verdict
     * @override
     */
    took(frame: Frame, verdict: Verdict): void;
    /** @override */
    changed(): void;
    /** @override */
    turned(): void;
    /**
     * Whose inbox it is decides what may be shown from the last visit, and with which tabs the connection is shared.
     * @param {string} token
     * @override
     */
    dial(token: string): Promise<((events: LinkEvents) => import("./hub-link.js").Link) | null>;
}
