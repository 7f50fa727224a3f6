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

import { HubClient } from "./hub-client.js";
import { Emitter } from "./hub-emitter.js";
import { Feed } from "./hub-feeds.js";
import { InboxState } from "./hub-state.js";

/** @import { Arrival, HubClientOptions, Traffic } from "./hub-client.js" */
/** @import { Status } from "./hub-connection.js" */
/** @import { Transport } from "./hub-link.js" */
/** @import { Marked } from "./hub-outbox.js" */
/** @import { Counts, Filter, Item, Mark } from "./hub-state.js" */

/**
 * @typedef {object} Snapshot what to show; the same object until something changes
 * @property {Status} status
 * @property {boolean} ready an inbox is held
 * @property {boolean} stale it is an old one: from the last visit, or the connection is away
 * @property {Transport | null} transport
 * @property {boolean} leading this tab holds the connection
 * @property {number | null} rev the own revision
 * @property {Item[]} items of the default feed: pinned first, newest first
 * @property {Counts} counts
 * @property {boolean} hasOlder `loadOlder` would bring more
 * @property {boolean} loadingOlder
 * @property {{code: number | null, reason: string} | null} stopped why, when the hub or `getToken` ended it
 * @property {number | null} retryAt when `waiting`: milliseconds since the epoch
 * @property {number} pending marks that are shown and not confirmed yet
 */

/**
 * @typedef {object} HubStoreEvents
 * @property {Snapshot} change anything that is shown; at most once per turn of the event loop
 * @property {Arrival} item a new item
 * @property {Snapshot} state the status changed
 * @property {Traffic} frame everything that travels, for display
 * @property {unknown} error what went wrong without ending the store: a HubError, or what `getToken` threw
 */

/** @extends {Emitter<HubStoreEvents>} */
export class HubStore extends Emitter {
  #state = new InboxState();
  #client;
  /** @type {Map<string, Feed>} */
  #feeds = new Map();
  #main;
  /** @type {Snapshot | null} */
  #snapshot = null;
  #changeQueued = false;

  /** @param {HubClientOptions} options */
  constructor(options) {
    super();
    const client = (this.#client = new HubClient(options, {
      state: this.#state,
      dial: async () => null,
      others: () => false,
    }));
    this.#main = this.feed();
    for (const type of /** @type {const} */ (["item", "error", "frame"])) {
      client.on(type, (/** @type {any} */ detail) => this.emit(type, detail));
    }
    client.on("change", () => this.#changed());
    client.on("state", () => {
      if (client.status === "live") for (const feed of this.#feeds.values()) feed.error = null;
      this.emit("state", this.snapshot);
    });
  }

  /** Connect, and stay connected. Started twice is started once; after `stop` it resumes where it was. */
  start() {
    this.#client.start();
  }

  /** Disconnect. What is held stays, also marks not yet answered: the next `start` goes on from there. */
  stop() {
    this.#client.stop();
  }

  /**
   * Change the transport; a running store goes on with it at once, from where it is.
   * @param {"auto" | "websocket" | "sse"} transport
   */
  use(transport) {
    this.#client.use(transport);
  }

  /** @returns {Snapshot} */
  get snapshot() {
    const { status, transport, stopped, retryAt } = this.#client;
    const { rev, pending } = this.#state;
    if (!this.#snapshot) {
      const { items, hasOlder, loading } = this.#main.snapshot;
      this.#snapshot = Object.freeze({
        status,
        ready: rev !== null,
        stale: rev !== null && status !== "live",
        transport,
        leading: transport !== null && transport !== "tab",
        rev,
        items,
        counts: this.#state.shownCounts(),
        hasOlder,
        loadingOlder: loading,
        stopped,
        retryAt,
        pending: pending.size,
      });
    }
    return this.#snapshot;
  }

  /**
   * @param {() => void} listener called at most once per turn of the event loop, after something changed
   * @returns {() => void} takes the listener off again
   */
  subscribe(listener) {
    return this.on("change", () => listener());
  }

  /**
   * @param {Filter} [filter] none: the default feed
   * @returns {Feed} the same for the same filter
   */
  feed({ status = "all", category, tag } = {}) {
    const key = JSON.stringify([status, category, tag]);
    let feed = this.#feeds.get(key);
    if (!feed) {
      const filter = { status: status === "all" ? undefined : status, category, tag };
      feed = new Feed(filter, this.#client, this.#state, () => this.#changed());
      this.#feeds.set(key, feed);
    }
    return feed;
  }

  /**
   * Mark items; shown at once, taken back when the hub refuses, kept while there is no connection. `all` covers
   * everything up to the newest item held.
   * @param {Mark} mark any number of ids
   * @returns {Promise<Marked>} when the hub has carried it out
   * @throws {HubError} (rejects) `not_ready` before there is an inbox to show, `reset` when it was replaced before the
   *   answer, or the hub's code
   */
  mark(mark) {
    return this.#client.mark(mark);
  }

  /** The person has seen everything held now. Costs nothing when there is nothing unseen. */
  seen() {
    if (this.#state.counts.unseen > 0) this.#client.seen();
  }

  /** The default feed's next older page: see `Feed`. */
  loadOlder() {
    return this.#main.loadOlder();
  }

  /** @type {HubClient["call"]} */
  call(...request) {
    return this.#client.call(...request);
  }

  #changed() {
    this.#snapshot = null;
    for (const feed of this.#feeds.values()) feed.changed();
    if (this.#changeQueued) return;
    this.#changeQueued = true;
    queueMicrotask(() => {
      this.#changeQueued = false;
      for (const feed of this.#feeds.values()) {
        feed.look();
        feed.tell();
      }
      this.emit("change", this.snapshot);
    });
  }
}
