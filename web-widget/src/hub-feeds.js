/**
 * A feed: one list of the state (hub-state.js) and its pages, which come over REST. What is in it follows the live
 * frames; where these cannot tell, it is read again as soon as somebody looks.
 */

import { HubError } from "./hub-rest.js";

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

export class Feed {
  list;
  /** @type {Promise<boolean> | null} */
  loading = null;
  /** @type {unknown} */
  error = null;
  #store;
  /** @type {FeedSnapshot | null} */
  #snapshot = null;
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /**
   * @param {HubStore} store
   * @param {List} list
   */
  constructor(store, list) {
    this.#store = store;
    this.list = list;
    store.state.lists.add(list);
  }

  /** @returns {FeedSnapshot} */
  get snapshot() {
    const { edge, cursor } = this.list;
    const ready = edge < Infinity;
    return (this.#snapshot ??= Object.freeze({
      items: this.#store.state.view(this.list),
      hasOlder: ready && cursor !== null,
      loading: this.loading !== null,
      ready,
      error: this.error,
    }));
  }

  /**
   * Look at the feed: while somebody does, it is kept true.
   * @param {() => void} listener called at most once per turn of the event loop
   * @returns {() => void} takes the listener off again
   */
  subscribe(listener) {
    // Its own function, so that one listener given twice is two.
    const told = () => listener();
    this.#listeners.add(told);
    this.list.watched = true;
    if (this.error) {
      this.error = null;
      this.changed();
    }
    this.look();
    return () => {
      this.#listeners.delete(told);
      this.list.watched = this.#listeners.size > 0;
    };
  }

  /**
   * Bring the next older page. Calls that overlap share one request.
   * @returns {Promise<boolean>} whether there may be more after it
   * @throws {HubError} (rejects) the hub refused; a network's error passes through
   */
  loadOlder() {
    if (!this.loading) {
      this.error = null;
      this.loading = this.#load()
        .catch((error) => {
          this.error = error;
          throw error;
        })
        .finally(() => {
          this.loading = null;
          this.#store.changed();
        });
      this.#store.changed();
    }
    return this.loading;
  }

  /** Read the first page again. @returns {Promise<boolean>} as `loadOlder` */
  refresh() {
    this.list.stale = true;
    return this.loadOlder();
  }

  /** Read what is missing, if somebody looks and the last reading did not fail. */
  look() {
    if (this.list.watched && this.list.stale && !this.error && this.#store.status === "live") {
      this.loadOlder().catch(() => {});
    }
  }

  /** What is shown may be another. */
  changed() {
    this.#snapshot = null;
  }

  tell() {
    this.look();
    for (const listener of this.#listeners) listener();
  }

  /** @returns {Promise<boolean>} */
  async #load() {
    const { list } = this;
    const before = list.edge;
    // Where some of it was given up to save memory, pages bring what is there already until they pass the edge.
    do {
      const cursor = list.stale ? "" : list.cursor;
      if (cursor === null || this.#store.state.rev === null) break;
      const query = new URLSearchParams();
      for (const [name, value] of Object.entries({ ...list.filter, cursor })) if (value) query.set(name, value);
      const reading = this.#store.state.beginReading(list);
      let page = null;
      try {
        page = await this.#store.call("GET", `v1/inbox?${query}`);
        // Something between answers in the hub's place, or it stands still: asking on would never end.
        if (!page?.items || (cursor && page.next_cursor === cursor)) throw new HubError("http_error");
      } finally {
        this.#store.state.endReading(reading, page);
      }
      list.keep = Math.max(list.keep, this.#store.state.view(list).length);
    } while (list.cursor && list.edge < Infinity && list.edge >= before);
    return list.cursor !== null;
  }
}
