/**
 * The headless client: one connection to the hub, for ever, and the inbox it keeps true. No dependency, no DOM needed,
 * nothing touched at import; it runs in a page, a worker or Node.
 *
 *     const client = new HubClient({ getToken: async () => (await fetch("/my-token")).text() });
 *     client.on("change", ({ items, counts }) => …);
 *     client.start();
 *
 * Who does what: `hub-state.js` holds the inbox and the rules of revisions, `hub-link.js` the two transports,
 * `hub-outbox.js` marks and receipts, `hub-policy.js` waits and close codes. This file is the order of events between them:
 *
 *     stopped ─start→ connecting ─snapshot, or last page→ live
 *        ↑               ↑    │                             │
 *     4500–4999     waiting ←─┴──────────── lost ───────────┘
 *
 * Guarantees: at a quiet moment the state equals the hub's; `item` names a new item at most once per client; a mark is
 * sent until it is answered, over any number of connections.
 */

import { watchActivity } from "./hub-activity.js";
import { ABNORMAL, TOKEN_EXPIRED, TOKEN_REFUSED, openSocket, openStream } from "./hub-link.js";
import { Outbox } from "./hub-outbox.js";
import * as policy from "./hub-policy.js";
import { HubError, Rest } from "./hub-rest.js";
import { InboxState } from "./hub-state.js";
import { Timers } from "./hub-timers.js";
import { TokenKeeper } from "./hub-token.js";

export { HubError, InboxState };

/** @import { Link, LinkEvents } from "./hub-link.js" */
/** @import { Marked } from "./hub-outbox.js" */
/** @import { Counts, Frame, Item, Mark } from "./hub-state.js" */

/**
 * @typedef {object} HubClientOptions
 * @property {() => string | null | Promise<string | null>} getToken asked whenever a client token is needed; null stops the
 *   client (nobody is signed in), an exception is tried again later
 * @property {string | URL} [url] where the hub is; the page's own origin if absent
 * @property {"auto" | "websocket" | "sse"} [transport] `auto`: WebSocket, and SSE where that does not get through
 * @property {typeof WebSocket} [WebSocket] for a runtime without one
 * @property {typeof fetch} [fetch]
 * @property {() => number} [random] in [0, 1), for the backoff
 */

/**
 * @typedef {object} Snapshot what to show; the same object until something changes
 * @property {"stopped" | "connecting" | "live" | "waiting"} status
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
  #options;
  /** @type {URL} */
  #base;
  #token;
  #rest;
  #outbox;
  #state = new InboxState();
  #timers = new Timers();
  /** @type {ReturnType<typeof watchActivity> | null} */
  #activity = null;
  /** @type {Map<string, Set<(detail: any) => void>>} */
  #listeners = new Map();

  /** @type {Snapshot["status"]} */
  #status = "stopped";
  /** @type {Snapshot["stopped"]} */
  #stopped = null;
  /** @type {number | null} */
  #retryAt = null;
  /** @type {Promise<boolean> | null} */
  #loading = null;
  /** @type {Snapshot | null} */
  #snapshot = null;
  #changeQueued = false;

  /** @type {Link | null} */
  #link = null;
  /** @type {Link | null} a WebSocket tried while SSE carries the stream */
  #candidate = null;
  /** Grows with every attempt, so that what an earlier one awaited is dropped. */
  #attempt = 0;
  /** Attempts since the last stable connection: the n of the backoff. */
  #failures = 0;
  /** Attempts in a row that ended without a word from the hub. */
  #unheard = 0;
  #welcomed = false;
  #connection = "";
  #heartbeatSeconds = 25;
  #heardAt = 0;
  #syncing = false;
  #reopenedAt = -Infinity;
  #tokenRef = 0;

  /** @param {HubClientOptions} options */
  constructor(options) {
    this.#options = { transport: "auto", random: Math.random, ...options };
    this.#base = new URL(options.url ?? "/", globalThis.location?.href);
    if (!this.#base.pathname.endsWith("/")) this.#base.pathname += "/";
    this.#token = new TokenKeeper(options.getToken);
    this.#rest = new Rest({
      base: this.#base,
      fetch: (...request) => (options.fetch ?? globalThis.fetch)(...request),
      token: (fresh) => this.#token.take(fresh),
      onTraffic: (direction, frame, size) => this.#traffic(direction, "rest", frame, size),
    });
    this.#outbox = new Outbox({
      state: this.#state,
      rest: this.#rest,
      timers: this.#timers,
      activity: () => this.#activity?.state ?? "active",
      onChange: () => this.#changed(),
      onError: (error) => this.#emit("error", error),
    });
  }

  /** Connect, and stay connected. Started twice is started once; after `stop` it resumes where it was. */
  start() {
    if (this.#status !== "stopped") return;
    this.#stopped = null;
    this.#failures = 0;
    this.#activity ??= watchActivity({
      onChange: () => this.#outbox.receipts(),
      onReturn: () => this.#returned(),
    });
    void this.#connect();
  }

  /** Disconnect. What is held stays, also marks not yet answered: the next `start` goes on from there. */
  stop() {
    this.#stop(null);
  }

  /**
   * Change the transport; a running client goes on with it at once, from where it is.
   * @param {"auto" | "websocket" | "sse"} transport
   */
  use(transport) {
    this.#options.transport = transport;
    this.#unheard = 0;
    if (this.#status === "stopped") return;
    this.#hangUp();
    void this.#connect();
  }

  /** @returns {Snapshot} */
  get snapshot() {
    const state = this.#state;
    return (this.#snapshot ??= Object.freeze({
      status: this.#status,
      ready: state.rev !== null,
      transport: this.#link?.transport ?? null,
      rev: state.rev,
      ...state.view(),
      hasOlder: state.olderCursor !== null,
      loadingOlder: this.#loading !== null,
      stopped: this.#stopped,
      retryAt: this.#retryAt,
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
      return upto > 0 ? this.#outbox.mark({ ...mark, upto }) : { changed: 0, unknown: [] };
    }
    const ids = mark.ids ?? [];
    const parts = [];
    for (let at = 0; at < ids.length; at += policy.IDS_PER_MARK) {
      parts.push(this.#outbox.mark({ ...mark, ids: ids.slice(at, at + policy.IDS_PER_MARK) }));
    }
    const done = await Promise.all(parts);
    return {
      changed: done.reduce((sum, { changed }) => sum + changed, 0),
      unknown: done.flatMap(({ unknown }) => unknown),
    };
  }

  /** The person has seen everything held now. Costs nothing when there is nothing unseen. */
  seen() {
    if (this.#state.counts.unseen > 0) this.#outbox.seen();
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

  async #connect() {
    const attempt = ++this.#attempt;
    this.#timers.clear("retry");
    this.#retryAt = null;
    this.#welcomed = false;
    this.#enter("connecting");
    this.#expectProgress();
    let token;
    try {
      token = await this.#token.take();
    } catch (error) {
      if (attempt !== this.#attempt) return;
      this.#emit("error", error);
      this.#lost(TOKEN_EXPIRED);
      return;
    }
    if (attempt !== this.#attempt) return;
    if (token === null) {
      this.#stop({ code: null, reason: "no token" });
      return;
    }
    this.#expectProgress();
    try {
      this.#link = this.#nextTransport() === "sse" ? this.#openStream(token) : this.#openSocket(token);
    } catch (error) {
      // No WebSocket in this runtime, or forbidden by the page's policy.
      this.#emit("error", error);
      this.#unheard += 1;
      this.#lost(ABNORMAL);
    }
  }

  /** Until the inbox is complete, something must come in good time. */
  #expectProgress() {
    this.#timers.set("progress", policy.WELCOME_SECONDS, () => this.#lost(ABNORMAL));
  }

  /** WebSocket; once that went unheard twice, SSE and WebSocket in turn until one gets through. */
  #nextTransport() {
    const { transport } = this.#options;
    if (transport !== "auto") return transport;
    if (this.#unheard < policy.SOCKET_FAILURES_BEFORE_SSE) return "websocket";
    return this.#unheard % 2 === 0 ? "sse" : "websocket";
  }

  /**
   * @param {string} token
   * @returns {Link}
   */
  #openSocket(token) {
    const url = new URL("v1/inbox/ws", this.#base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const hello = () => {
      const { cursor } = this.#state;
      const state = this.#outbox.helloState();
      return cursor === null ? { type: "hello", token, state } : { type: "hello", token, cursor, state };
    };
    /** @type {Link} */
    const link = openSocket(
      url,
      hello,
      this.#linkEvents("websocket", () => link),
      this.#options.WebSocket ?? globalThis.WebSocket,
    );
    return link;
  }

  /**
   * @param {string} token
   * @returns {Link}
   */
  #openStream(token) {
    const url = new URL("v1/inbox/events", this.#base);
    if (this.#state.cursor !== null) url.searchParams.set("since", this.#state.cursor);
    url.searchParams.set("state", this.#outbox.helloState());
    this.#traffic("out", "sse", { type: `GET ${url.pathname}`, ...Object.fromEntries(url.searchParams) }, 0);
    /** @type {Link} */
    const link = openStream(
      url,
      token,
      this.#linkEvents("sse", () => link),
      (...request) => (this.#options.fetch ?? globalThis.fetch)(...request),
    );
    return link;
  }

  /**
   * @param {"websocket" | "sse"} transport
   * @param {() => Link} which the link that these events are of
   * @returns {LinkEvents}
   */
  #linkEvents(transport, which) {
    return {
      onFrame: (frame, size) => {
        this.#heardAt = Date.now();
        this.#traffic("in", transport, frame, size);
        this.#receive(which(), frame);
      },
      onAlive: () => {
        this.#heardAt = Date.now();
      },
      onSent: (frame, size) => this.#traffic("out", transport, frame, size),
      onClose: (code, reason) => {
        if (which() === this.#candidate) this.#dropCandidate();
        else this.#lost(code, reason);
      },
    };
  }

  /**
   * SSE got through, so the hub is up: did the WebSockets fail because it was down, or are they blocked? One is tried
   * beside the stream and takes over at its `welcome`; until then nothing is interrupted.
   */
  async #tryCandidate() {
    if (this.#options.transport !== "auto") return;
    const attempt = this.#attempt;
    const token = await this.#token.take().catch(() => null);
    if (token === null || attempt !== this.#attempt) return;
    this.#candidate = this.#openSocket(token);
    this.#timers.set("candidate", policy.WELCOME_SECONDS, () => this.#dropCandidate());
  }

  #dropCandidate() {
    this.#timers.clear("candidate");
    this.#candidate?.close();
    this.#candidate = null;
  }

  /**
   * The connection ended. Everything of it ends with it, and the next one is planned.
   * @param {number} code
   * @param {string} [reason]
   */
  #lost(code, reason = "") {
    const link = this.#link;
    // A close code of the hub's own shows that its words get through.
    if (link && !this.#welcomed && code < 4000) this.#unheard += 1;
    // A stream refuses every bad token alike, with 401; one that was good before has most likely only expired.
    const expired = code === TOKEN_REFUSED && link?.transport === "sse" && this.#token.accepted;
    const after = policy.afterClose(expired ? TOKEN_EXPIRED : code, reason);
    if (after.freshToken || after.then === "stop") this.#token.forget();
    if (after.then === "stop") {
      this.#stop({ code, reason });
      return;
    }
    this.#hangUp();
    const seconds = after.retryAfter ?? policy.backoffSeconds(this.#failures, this.#options.random);
    this.#failures += 1;
    this.#retryAt = Date.now() + seconds * 1000;
    this.#timers.set("retry", seconds, () => void this.#connect());
    this.#enter("waiting");
  }

  #hangUp() {
    this.#attempt += 1;
    this.#dropCandidate();
    this.#link?.close();
    this.#link = null;
    this.#syncing = false;
    this.#timers.clearAll();
    this.#outbox.close();
  }

  /** @param {Snapshot["stopped"]} why */
  #stop(why) {
    if (this.#status === "stopped") return;
    this.#hangUp();
    this.#activity?.stop();
    this.#activity = null;
    this.#stopped = why;
    this.#retryAt = null;
    this.#enter("stopped");
  }

  /** Open the same stream anew from the cursor, at once. Twice in a short time is a failure like any other. */
  #reopen() {
    const before = this.#reopenedAt;
    this.#reopenedAt = Date.now();
    if (this.#reopenedAt - before < 5000) {
      this.#lost(ABNORMAL);
      return;
    }
    this.#hangUp();
    void this.#connect();
  }

  /** The network or the page came back: do not wait for the backoff, and do not trust an old connection. */
  #returned() {
    if (this.#status === "waiting") void this.#connect();
    if (!this.#link || !this.#welcomed) return;
    this.#watchSilence();
    if (this.#link?.transport !== "websocket" || Date.now() - this.#heardAt < 5000) return;
    const askedAt = Date.now();
    this.#link.send({ type: "ping" });
    this.#timers.set("probe", 5, () => {
      if (this.#heardAt < askedAt) this.#lost(ABNORMAL);
    });
  }

  #watchSilence() {
    const limit = this.#heartbeatSeconds + policy.SILENCE_GRACE_SECONDS;
    const left = limit - (Date.now() - this.#heardAt) / 1000;
    if (left <= 0) this.#lost(ABNORMAL);
    else this.#timers.set("silence", left, () => this.#watchSilence());
  }

  /**
   * @param {Link} link
   * @param {Frame} frame
   */
  #receive(link, frame) {
    if (link === this.#candidate && frame.type === "welcome") {
      this.#candidate = null;
      this.#hangUp();
      this.#link = link;
      this.#enter("connecting");
    }
    if (link !== this.#link) return;
    if (frame.type === "ping") {
      if (link.transport === "websocket") link.send({ type: "pong" });
    } else if (frame.type === "ok") {
      this.#outbox.answered(frame.ref, { changed: frame.changed ?? 0, unknown: [] }, frame.rev);
    } else if (frame.type === "error") {
      this.#refused(frame);
    } else {
      if (frame.type === "welcome") this.#welcome(link, frame);
      this.#apply(link, frame);
    }
  }

  /**
   * @param {Link} link
   * @param {Frame} frame
   */
  #welcome(link, frame) {
    this.#welcomed = true;
    this.#connection = frame.connection;
    this.#heartbeatSeconds = frame.heartbeat_seconds;
    this.#token.accepted = true;
    this.#timers.set("stable", policy.STABLE_SECONDS, () => {
      this.#failures = 0;
    });
    this.#renewIn(this.#token.renewAfter(frame.expires_at ?? null));
    this.#watchSilence();
    this.#expectProgress();
    if (link.transport === "websocket") this.#unheard = 0;
    else void this.#tryCandidate();
  }

  /** @param {Frame} frame */
  #refused(frame) {
    const error = new HubError(frame.code, frame.detail ?? frame.code);
    if (frame.ref !== undefined && this.#outbox.refused(frame.ref, error)) return;
    // The old token lasts a while yet; the next connection asks for another.
    if (frame.ref !== undefined && frame.ref === this.#tokenRef) this.#token.forget();
    this.#emit("error", error);
  }

  /**
   * @param {Link} link
   * @param {Frame} frame
   */
  #apply(link, frame) {
    const state = this.#state;
    const before = state.rev ?? 0;
    let verdict;
    try {
      verdict = state.apply(frame);
    } catch (error) {
      // No frame of this protocol: begin anew from a snapshot rather than keep half of it.
      this.#emit("error", error);
      state.apply({ type: "reset" });
      this.#outbox.reset();
      this.#changed();
      this.#lost(ABNORMAL);
      return;
    }
    if (verdict === "ignored") return;
    if (verdict === "gap") {
      this.#sync(link);
      return;
    }
    this.#changed();
    if (verdict === "reset") this.#outbox.reset();
    else this.#announce(frame, before);
    if (frame.type === "reset") {
      this.#outbox.close();
      this.#enter("connecting");
    }
    const complete = frame.type === "welcome" || (frame.type === "changes" && !frame.more);
    if (complete) this.#goLive(link);
    else if (frame.type === "changes" || frame.type === "reset") this.#expectProgress();
    this.#outbox.receipts();
  }

  /** @param {Link} link its inbox is complete */
  #goLive(link) {
    this.#syncing = false;
    this.#timers.clear("progress");
    if (this.#status === "live") return;
    this.#enter("live");
    this.#outbox.open(link, this.#connection);
  }

  /**
   * Ask for what is missing. SSE cannot ask, so there the stream is opened anew from the cursor.
   * @param {Link} link
   */
  #sync(link) {
    if (this.#syncing) return;
    if (link.transport === "sse") {
      this.#reopen();
      return;
    }
    this.#syncing = true;
    this.#expectProgress();
    link.send({ type: "sync", cursor: this.#state.cursor });
  }

  /**
   * @param {Frame} frame just applied
   * @param {number} before the own revision before it
   */
  #announce(frame, before) {
    const missed = frame.type === "changes";
    const items = missed ? (frame.items ?? []) : frame.type === "item" ? [frame.item] : [];
    for (const item of items) {
      if (item.seq > before && this.#state.items.has(item.id)) this.#emit("item", { item, missed });
    }
  }

  /** @param {number | null} seconds */
  #renewIn(seconds) {
    if (seconds !== null) this.#timers.set("renew", seconds, () => void this.#renew());
  }

  /** Bring the hub a new token before the old one ends; on SSE that takes a new stream. */
  async #renew() {
    const attempt = this.#attempt;
    let next;
    try {
      next = await this.#token.replace();
    } catch (error) {
      this.#emit("error", error);
      next = null;
    }
    if (attempt !== this.#attempt || !this.#link) return;
    if (next?.token === null) {
      this.#stop({ code: null, reason: "no token" });
    } else if (!next?.changed) {
      this.#renewIn(10);
    } else if (this.#link.transport === "sse") {
      this.#reopen();
    } else {
      this.#tokenRef = this.#outbox.nextRef();
      this.#link.send({ type: "token", ref: this.#tokenRef, token: next.token });
      this.#token.accepted = true;
      this.#renewIn(this.#token.renewAfter(null));
    }
  }

  /** @param {Snapshot["status"]} status */
  #enter(status) {
    if (status === this.#status) return;
    this.#status = status;
    this.#changed();
    this.#emit("state", this.snapshot);
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
