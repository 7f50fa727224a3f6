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

import { Connection } from "./hub-connection.js";
import { IDS_PER_MARK } from "./hub-policy.js";
import { HubError, Rest } from "./hub-rest.js";
import { InboxState } from "./hub-state.js";
import { TokenKeeper } from "./hub-token.js";

export { HubError, InboxState };

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

export class HubClient {
  #rest;
  #connection;
  #state = new InboxState();
  /** @type {Map<string, Set<(detail: any) => void>>} */
  #listeners = new Map();
  /** @type {Promise<boolean> | null} */
  #loading = null;
  /** @type {Snapshot | null} */
  #snapshot = null;
  #changeQueued = false;

  /** @param {HubClientOptions} options */
  constructor(options) {
    const base = new URL(options.url ?? "/", globalThis.location?.href);
    if (!base.pathname.endsWith("/")) base.pathname += "/";
    const token = new TokenKeeper(options.getToken);
    this.#rest = new Rest({
      base,
      fetch: (...request) => (options.fetch ?? globalThis.fetch)(...request),
      token: (fresh) => token.take(fresh),
      onTraffic: (direction, frame, size) => this.#traffic(direction, "rest", frame, size),
    });
    this.#connection = new Connection({
      client: options,
      base,
      token,
      state: this.#state,
      rest: this.#rest,
      onChange: () => this.#changed(),
      onStatus: () => {
        this.#changed();
        this.#emit("state", this.snapshot);
      },
      onItem: (arrival) => this.#emit("item", arrival),
      onError: (error) => this.#emit("error", error),
      onTraffic: (...traffic) => this.#traffic(...traffic),
    });
  }

  /** Connect, and stay connected. Started twice is started once; after `stop` it resumes where it was. */
  start() {
    this.#connection.start();
  }

  /** Disconnect. What is held stays, also marks not yet answered: the next `start` goes on from there. */
  stop() {
    this.#connection.stop(null);
  }

  /**
   * Change the transport; a running client goes on with it at once, from where it is.
   * @param {"auto" | "websocket" | "sse"} transport
   */
  use(transport) {
    this.#connection.use(transport);
  }

  /** @returns {Snapshot} */
  get snapshot() {
    const state = this.#state;
    const { status, transport, stopped, retryAt } = this.#connection;
    return (this.#snapshot ??= Object.freeze({
      status,
      ready: state.rev !== null,
      transport,
      rev: state.rev,
      ...state.view(),
      hasOlder: state.olderCursor !== null,
      loadingOlder: this.#loading !== null,
      stopped,
      retryAt,
    }));
  }

  /**
   * @template {keyof HubEvents} T
   * @param {T} type
   * @param {(detail: HubEvents[T]) => void} listener
   * @returns {() => void} takes the listener off again
   */
  on(type, listener) {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /**
   * Mark items; shown at once, taken back when the hub refuses. `all` covers everything up to the newest item held.
   * @param {Mark} mark any number of ids
   * @returns {Promise<Marked>} when the hub has carried it out
   * @throws {HubError} (rejects) `not_ready` before the first snapshot, `reset` when the inbox was replaced before the
   *   answer, or the hub's code
   */
  async mark(mark) {
    if (this.#state.rev === null) throw new HubError("not_ready", "there is no inbox to mark yet");
    if (mark.all) {
      const upto = mark.upto ?? this.#state.highestSeq();
      return upto > 0 ? this.#connection.outbox.mark({ ...mark, upto }) : { changed: 0, unknown: [] };
    }
    const ids = mark.ids ?? [];
    const parts = [];
    for (let at = 0; at < ids.length; at += IDS_PER_MARK) {
      parts.push(this.#connection.outbox.mark({ ...mark, ids: ids.slice(at, at + IDS_PER_MARK) }));
    }
    const done = await Promise.all(parts);
    return {
      changed: done.reduce((sum, { changed }) => sum + changed, 0),
      unknown: done.flatMap(({ unknown }) => unknown),
    };
  }

  /** The person has seen everything held now. Costs nothing when there is nothing unseen. */
  seen() {
    if (this.#state.counts.unseen > 0) this.#connection.outbox.seen();
  }

  /**
   * Bring the next older page. Calls that overlap share one request.
   * @returns {Promise<boolean>} whether there may be more after it
   * @throws {HubError} (rejects) the hub refused; a network's error passes through
   */
  loadOlder() {
    if (this.#loading) return this.#loading;
    this.#loading = this.#loadOlder().finally(() => {
      this.#loading = null;
      this.#changed();
    });
    this.#changed();
    return this.#loading;
  }

  /** @returns {Promise<boolean>} */
  async #loadOlder() {
    const cursor = this.#state.olderCursor;
    if (cursor === null) return false;
    const reading = this.#state.beginReading();
    let page = null;
    try {
      page = await this.#rest.call("GET", `v1/inbox?cursor=${encodeURIComponent(cursor)}`);
    } finally {
      this.#state.endReading(reading, page);
    }
    return this.#state.olderCursor !== null;
  }

  #changed() {
    this.#snapshot = null;
    if (this.#changeQueued) return;
    this.#changeQueued = true;
    queueMicrotask(() => {
      this.#changeQueued = false;
      this.#emit("change", this.snapshot);
    });
  }

  /**
   * @param {"in" | "out"} direction
   * @param {Traffic["transport"]} transport
   * @param {Frame} frame
   * @param {number} size
   */
  #traffic(direction, transport, frame, size) {
    if (!this.#listeners.get("frame")?.size) return;
    const shown = "token" in frame ? { ...frame, token: "…" } : frame;
    this.#emit("frame", { direction, transport, frame: shown, size, at: Date.now() });
  }

  /**
   * A listener that throws must not end the connection: its exception is reported as an uncaught one instead.
   * @template {keyof HubEvents} T
   * @param {T} type
   * @param {HubEvents[T]} detail
   */
  #emit(type, detail) {
    for (const listener of this.#listeners.get(type) ?? []) {
      try {
        listener(detail);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** @param {unknown} error of a listener, to where uncaught ones go */
function report(error) {
  if (globalThis.reportError) globalThis.reportError(error);
  else console.error(error);
}
