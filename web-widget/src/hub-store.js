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

import { Cache } from "./hub-cache.js";
import { HubClient } from "./hub-client.js";
import { Emitter } from "./hub-emitter.js";
import { Feed } from "./hub-feeds.js";
import { readClaims } from "./hub-policy.js";
import { InboxState } from "./hub-state.js";
import { Tabs } from "./hub-tabs.js";

/** @import { Arrival, HubClientOptions, Traffic } from "./hub-client.js" */
/** @import { Status } from "./hub-connection.js" */
/** @import { LinkEvents, Transport } from "./hub-link.js" */
/** @import { Marked } from "./hub-outbox.js" */
/** @import { Counts, Filter, Item, Mark } from "./hub-state.js" */

/**
 * @typedef {object} HubStoreExtras
 * @property {boolean} [persist] keep the top of the inbox, and marks not answered, in localStorage for the next visit;
 *   true if absent
 * @property {boolean} [share] one connection for all tabs; true if absent. Without Web Locks or BroadcastChannel each
 *   tab has its own
 * @property {Storage} [storage] in place of localStorage
 * @property {LockManager} [locks] in place of navigator.locks
 * @property {typeof BroadcastChannel} [BroadcastChannel]
 */

/** @typedef {HubClientOptions & HubStoreExtras} HubStoreOptions */

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

/** Items kept for the next visit: as many as a `welcome` brings. */
const CACHED_ITEMS = 50;
const REVOKED = 4506;

/** @extends {Emitter<HubStoreEvents>} */
export class HubStore extends Emitter {
  /** @type {{user: string, project: string} | null} of the token; null before there is one that tells */
  person = null;
  #state = new InboxState();
  #client;
  /** @type {Map<string, Feed>} */
  #feeds = new Map();
  #main;
  /** @type {Snapshot | null} */
  #snapshot = null;
  #changeQueued = false;

  /** @type {Cache | null} */
  #cache = null;
  /** @type {Tabs | null} */
  #tabs = null;
  #prefix;
  /** @type {string | null} of the person's cache, lock and channel */
  #name = null;
  /** @type {AbortController | null} while started */
  #page = null;

  /** @param {HubStoreOptions} options */
  constructor(options) {
    super();
    const state = this.#state;
    const client = (this.#client = new HubClient(options, {
      state,
      dial: (token) => this.#dial(token),
      others: () => !!this.#tabs?.active(),
    }));
    this.#prefix = `hub:${client.base}[`;
    const storage = options.storage ?? localStorageOrNone();
    if (storage && options.persist !== false) this.#cache = new Cache(storage, this.#prefix);
    const locks = options.locks ?? globalThis.navigator?.locks;
    const Channel = options.BroadcastChannel ?? globalThis.BroadcastChannel;
    if (locks && Channel && options.share !== false) this.#tabs = new Tabs(client, state, locks, Channel);
    this.#main = this.feed();
    for (const type of /** @type {const} */ (["item", "error", "frame"])) {
      client.on(type, (/** @type {any} */ detail) => this.emit(type, detail));
    }
    client.on("change", () => this.#changed());
    client.on("state", () => this.#turned());
  }

  /** Connect, and stay connected. Started twice is started once; after `stop` it resumes where it was. */
  start() {
    if (!this.#page) {
      this.#page = new AbortController();
      const { signal } = this.#page;
      // A page that is put aside gives the connection to another tab, and joins again when it is back.
      for (const type of ["pagehide", "freeze"])
        globalThis.document && addEventListener(type, () => this.#pause(), { signal, capture: true });
      for (const type of ["pageshow", "resume"])
        globalThis.document && addEventListener(type, () => this.#client.start(), { signal, capture: true });
    }
    this.#client.start();
  }

  /** Disconnect. What is held stays, also marks not yet answered: the next `start` goes on from there. */
  stop() {
    this.#page?.abort();
    this.#page = null;
    this.#pause();
  }

  /** Everything held here and kept for the next visit is discarded; a running store begins anew. */
  forget() {
    this.#cache?.forget();
    this.#client.forget();
    this.#client.use();
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

  #pause() {
    this.#cache?.flush();
    this.#client.stop();
    this.#tabs?.leave();
  }

  /**
   * Whose inbox it is decides what may be shown from the last visit, and with which tabs the connection is shared.
   * @param {string} token
   */
  async #dial(token) {
    const { sub, aud } = readClaims(token);
    const name = sub && aud ? `${this.#prefix}${JSON.stringify([aud, sub])}` : null;
    if (name !== this.#name) {
      if (this.#name) this.#client.forget();
      this.#name = name;
      this.person = name ? { user: sub, project: aud } : null;
      this.#restore();
    }
    if (name && this.#tabs && !(await this.#tabs.join(name))) {
      return (/** @type {LinkEvents} */ events) => /** @type {Tabs} */ (this.#tabs).dial(events);
    }
    // What other tabs and earlier visits left unanswered is this one's to send now.
    for (const [key, { mark, at, foreign }] of this.#state.pending) {
      if (foreign) this.#client.outbox.mark(mark, key, at).catch(() => {});
    }
    return null;
  }

  #restore() {
    const state = this.#state;
    const saved = this.#name && this.#cache?.read(this.#name);
    if (!saved || state.rev !== null) return;
    try {
      const { welcome, marks } = saved;
      if (!welcome.items.every((/** @type {Item} */ { id, seq }) => id && seq > 0) || !(welcome.rev >= 0)) return;
      state.apply(welcome);
      for (const { key, mark, at } of marks) state.mark(key, mark, at, true);
      this.#client.emit("change", null);
      state.view();
    } catch {
      // Not written by us, or by another version.
      state.apply({ type: "reset" });
    }
  }

  #turned() {
    this.#changed();
    const { status, stopped } = this.#client;
    if (status === "live") for (const feed of this.#feeds.values()) feed.error = null;
    if (stopped && (stopped.code === null || stopped.code === REVOKED)) {
      // Of who signed out, nothing stays.
      this.#cache?.forget();
      this.#tabs?.out();
      this.#client.forget();
      this.#name = this.person = null;
    }
    if (stopped) this.#tabs?.leave();
    this.emit("state", this.snapshot);
  }

  #save() {
    if (!this.#name || this.#tabs?.leading === false) return;
    const state = this.#state;
    this.#cache?.write(this.#name, () => {
      const marks = [...this.#client.outbox.calls.values()].map(({ key, mark, at }) => ({ key, mark, at }));
      return state.rev === null ? null : { welcome: state.welcome(CACHED_ITEMS), marks };
    });
  }

  #changed() {
    this.#snapshot = null;
    for (const feed of this.#feeds.values()) feed.changed();
    if (this.#changeQueued) return;
    this.#changeQueued = true;
    queueMicrotask(() => {
      this.#changeQueued = false;
      this.#save();
      this.#tabs?.tellMarks();
      for (const feed of this.#feeds.values()) {
        feed.look();
        feed.tell();
      }
      this.emit("change", this.snapshot);
    });
  }
}

/** @returns {Storage | undefined} none where the page may not have one */
function localStorageOrNone() {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}
