/**
 * A feed: one list of the state (hub-state.js) and its pages, which come over REST. What is in it follows the live
 * frames; where these cannot tell, it is read again as soon as somebody looks.
 */
import type { HubStore } from "./hub-store.js";
import type { Item, List } from "./hub-state.js";
export type FeedSnapshot = {
    /**
     * pinned first, newest first
     */
    items: Item[];
    /**
     * `loadOlder` would bring more
     */
    hasOlder: boolean;
    /**
     * a page is being read
     */
    loading: boolean;
    /**
     * its first page is there
     */
    ready: boolean;
    /**
     * why the last page did not come: a HubError, or the network's
     */
    error: unknown;
};
/** @import { HubStore } from "./hub-store.js" */
/** @import { Item, List } from "./hub-state.js" */
/**
 * @typedef {object} FeedSnapshot the same object until something changes
 * @property {Item[]} items pinned first, newest first
 * @property {boolean} hasOlder `loadOlder` would bring more
 * @property {boolean} loading a page is being read
 * @property {boolean} ready its first page is there
 * @property {unknown} error why the last page did not come: a HubError, or the network's
 */
export declare class Feed {
    #private;
    list: List;
    /** @type {Promise<boolean> | null} */
    loading: Promise<boolean> | null;
    /** @type {unknown} */
    error: unknown;
    /**
     * @param {HubStore} store
     * @param {List} list
     */
    constructor(store: HubStore, list: List);
    /** @returns {FeedSnapshot} */
    get snapshot(): FeedSnapshot;
    /**
     * Look at the feed: while somebody does, it is kept true.
     * @param {() => void} listener called at most once per turn of the event loop
     * @returns {() => void} takes the listener off again
     */
    subscribe(listener: () => void): () => void;
    /**
     * Bring the next older page. Calls that overlap share one request.
     * @returns {Promise<boolean>} whether there may be more after it
     * @throws {HubError} (rejects) the hub refused; a network's error passes through
     */
    loadOlder(): Promise<boolean>;
    /** Read the first page again. @returns {Promise<boolean>} as `loadOlder` */
    refresh(): Promise<boolean>;
    /** Read what is missing, if somebody looks and the last reading did not fail. */
    look(): void;
    /** What is shown may be another. */
    changed(): void;
    tell(): void;
}
