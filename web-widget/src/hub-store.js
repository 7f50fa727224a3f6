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

import { Cache } from "./hub-cache.js";
import { HubClient } from "./hub-client.js";
import { Feed } from "./hub-feeds.js";
import { IDS_PER_MARK, readClaims } from "./hub-policy.js";
import { itemsOf } from "./hub-revisions.js";
import { InboxState, newList } from "./hub-state.js";
import { Tabs } from "./hub-tabs.js";

/** @import { HubClientOptions } from "./hub-client.js" */
/** @import { Status } from "./hub-connection.js" */
/** @import { LinkEvents, Transport } from "./hub-link.js" */
/** @import { Marked } from "./hub-outbox.js" */
/** @import { Verdict } from "./hub-revisions.js" */
/** @import { Counts, Filter, Frame, Item, Mark } from "./hub-state.js" */

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

/** Items kept for the next visit: as many as a `welcome` brings. */
const CACHED_ITEMS = 50;
const REVOKED = 4506;

export class HubStore extends HubClient {
  /** @override */
  state = new InboxState();
  /** @type {{user: string, project: string} | null} of the token; null before there is one that tells */
  person = null;
  /** @type {Map<string, Feed>} */
  #feeds = new Map();
  #main;
  /** @type {Snapshot | null} */
  #snapshot = null;
  #changeQueued = false;
  /** No item up to this revision is new, nor one of these. */
  #announcedTo = 0;
  /** @type {Set<string>} */
  #announced = new Set();
  /** @type {Cache | null} */
  #cache = null;
  /** @type {Tabs | null} */
  #tabs = null;
  /** @type {string | null} of the person's cache, lock and channel */
  #name = null;
  #page = new AbortController();

  /** @param {HubStoreOptions} options */
  constructor(options) {
    super(options);
    const {
      persist = true,
      share = true,
      storage = localStorageOrNone(),
      locks = globalThis.navigator?.locks,
      BroadcastChannel = globalThis.BroadcastChannel,
    } = options;
    if (persist && storage) this.#cache = new Cache(storage, `hub:${this.base}[`);
    if (share && locks && BroadcastChannel) this.#tabs = new Tabs(this, locks, BroadcastChannel);
    this.#main = this.feed();
  }

  /** @override */
  start() {
    super.start();
    // A page that is put aside gives the connection to another tab, and joins again when it is back.
    this.#await(["pagehide", "freeze"], () => {
      this.stop();
      this.#await(["pageshow", "resume"], () => this.start());
    });
  }

  /**
   * @param {HubStore["stopped"]} [why]
   * @override
   */
  stop(why) {
    this.#page.abort();
    this.#cache?.flush();
    super.stop(why);
    this.#tabs?.leave();
  }

  /** @override */
  forget() {
    this.#cache?.forget();
    super.forget();
  }

  /** @returns {Snapshot} */
  get snapshot() {
    const { status, transport, stopped, retryAt, state } = this;
    const { rev, pending } = state;
    if (!this.#snapshot) {
      const ready = rev !== null;
      const { items, hasOlder, loading } = this.#main.snapshot;
      this.#snapshot = Object.freeze({
        status,
        ready,
        stale: ready && status !== "live",
        transport,
        leading: !!transport && transport !== "tab",
        rev,
        items,
        counts: state.shownCounts(),
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
    const filter = { status, category, tag };
    const key = JSON.stringify(filter);
    let feed = this.#feeds.get(key);
    if (!feed) {
      feed = new Feed(this, key === '{"status":"all"}' ? this.state.main : newList(filter));
      this.#feeds.set(key, feed);
    }
    return feed;
  }

  /**
   * The person has seen everything held now. Costs nothing when there is nothing unseen.
   * @override
   */
  seen() {
    if (this.state.counts.unseen > 0) super.seen();
  }

  /** The default feed's next older page: see `Feed`. */
  loadOlder() {
    return this.#main.loadOlder();
  }

  /** @override */
  activity() {
    return this.#tabs?.active() ? "active" : super.activity();
  }

  /**
   * Mark items; shown at once, taken back when the hub refuses, kept while there is no connection. `all` covers
   * everything up to the newest item held.
   * @param {Mark} mark any number of ids
   * @returns {Promise<Marked>} when the hub has carried it out
   * @throws {import("./hub-rest.js").HubError} (rejects) `not_ready` before there is an inbox to show, `reset` when it was replaced before the
   *   answer, or the hub's code
   * @override
   */
  async mark(mark) {
    const { ids } = mark;
    const parts = [];
    for (let at = 0; at < (ids?.length ?? 1); at += IDS_PER_MARK) {
      parts.push(super.mark(ids ? { ...mark, ids: ids.slice(at, at + IDS_PER_MARK) } : mark));
    }
    const done = await Promise.all(parts);
    return {
      changed: done.reduce((sum, { changed }) => sum + changed, 0),
      unknown: done.flatMap(({ unknown }) => unknown),
    };
  }

  /**
   * @param {Frame} frame
   * @param {Verdict} verdict
   * @override
   */
  took(frame, verdict) {
    super.took(frame, verdict);
    const { state } = this;
    for (const item of verdict === "applied" ? itemsOf(frame) : []) {
      const { id, seq } = item;
      if (seq <= this.#announcedTo || this.#announced.has(id) || !state.items.has(id)) continue;
      this.#announced.add(id);
      this.emit("item", { item, missed: frame.type !== "item" });
    }
    // A page may bring items from beyond the revision that it holds completely.
    if (verdict === "applied" && state.seq > frame.rev) return;
    this.#announced.clear();
    this.#announcedTo = state.rev ?? 0;
  }

  /** @override */
  changed() {
    this.#snapshot = null;
    for (const feed of this.#feeds.values()) feed.changed();
    if (this.#changeQueued) return;
    this.#changeQueued = true;
    queueMicrotask(() => {
      this.#changeQueued = false;
      this.#save();
      this.#tabs?.tellMarks();
      for (const feed of this.#feeds.values()) feed.tell();
      this.emit("change", this.snapshot);
    });
  }

  /** @override */
  turned() {
    const { status, stopped } = this;
    this.changed();
    if (status === "live") for (const feed of this.#feeds.values()) feed.error = null;
    if (stopped && (!stopped.code || stopped.code === REVOKED)) {
      // Of who signed out, nothing stays.
      this.#tabs?.out();
      this.forget();
      this.#name = this.person = null;
    }
    this.emit("state", this.snapshot);
  }

  /**
   * Whose inbox it is decides what may be shown from the last visit, and with which tabs the connection is shared.
   * @param {string} token
   * @override
   */
  async dial(token) {
    const { sub, aud } = readClaims(token);
    const name = sub && aud ? `hub:${this.base}${JSON.stringify([aud, sub])}` : null;
    if (name !== this.#name) {
      if (this.#name) super.forget();
      this.#name = name;
      this.person = name ? { user: sub, project: aud } : null;
      this.#restore();
    }
    const tabs = this.#tabs;
    if (name && tabs && !(await tabs.join(name))) return (/** @type {LinkEvents} */ events) => tabs.dial(events);
    // What other tabs and earlier visits left unanswered is this one's to send now.
    for (const [key, { mark, at, foreign }] of this.state.pending) {
      if (foreign) this.outbox.mark(mark, key, at).catch(() => {});
    }
    return null;
  }

  #restore() {
    const { state } = this;
    const saved = this.#name && this.#cache?.read(this.#name);
    if (!saved || state.rev !== null) return;
    try {
      state.apply(saved.welcome);
      for (const { key, mark, at } of saved.marks) state.mark(key, mark, at, true);
      // What was not written by us, or by another version, shows it here.
      if (!(state.seq <= Number(state.rev))) throw state;
      state.view();
      this.#announcedTo = Number(state.rev);
    } catch {
      state.discard();
    }
    this.changed();
  }

  #save() {
    const { state } = this;
    if (!this.#name || this.#tabs?.leading === false) return;
    this.#cache?.write(
      this.#name,
      () => state.rev !== null && { welcome: state.welcome(CACHED_ITEMS), marks: state.marks() },
    );
  }

  /**
   * @param {string[]} types events of the page
   * @param {() => void} run on the first of them
   */
  #await(types, run) {
    this.#page.abort();
    this.#page = new AbortController();
    if (!globalThis.document) return;
    for (const type of types) addEventListener(type, run, { capture: true, signal: this.#page.signal });
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
