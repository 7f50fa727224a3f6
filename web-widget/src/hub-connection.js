/**
 * One connection to the hub after the other, and the order of events on it:
 *
 *     stopped ─start→ connecting ─snapshot, or last page→ live
 *        ↑               ↑    │                             │
 *     4500–4999     waiting ←─┴──────────── lost ───────────┘
 *
 * It feeds the state with frames and the outbox with a link; it shows nothing. A link to another tab, which holds the
 * connection for this one, tells how that one fares (`wait`); what it sends is otherwise the hub's own protocol.
 */

import { watchActivity } from "./hub-activity.js";
import { Emitter } from "./hub-emitter.js";
import { ABNORMAL, TOKEN_EXPIRED, openSocket, parseFrame } from "./hub-link.js";
import { Outbox, newKey } from "./hub-outbox.js";
import * as policy from "./hub-policy.js";
import { HubError, Rest } from "./hub-rest.js";
import { Revisions, itemsOf } from "./hub-revisions.js";
import { Timers } from "./hub-timers.js";
import { TokenKeeper } from "./hub-token.js";

/** @import { HubClientOptions, HubClientEvents } from "./hub-client.js" */
/** @import { Link, LinkEvents, Transport } from "./hub-link.js" */
/** @import { Frame, InboxState } from "./hub-state.js" */

/** @typedef {"stopped" | "connecting" | "live" | "waiting"} Status */
/** @typedef {"auto" | "websocket" | "sse"} WantedTransport */

/**
 * What the store puts below its client.
 * @typedef {object} Below
 * @property {InboxState} state
 * @property {(token: string) => Promise<((events: LinkEvents) => Link) | null>} dial who is to connect, and how; null:
 *   this client itself
 * @property {() => boolean} others whether somebody is active in another tab
 */

/** @extends {Emitter<HubClientEvents>} */
export class Connection extends Emitter {
  /** @type {Status} */
  status = "stopped";
  /** @type {{code: number | null, reason: string} | null} why, when the hub or `getToken` ended it */
  stopped = null;
  /** @type {number | null} when `waiting`: milliseconds since the epoch */
  retryAt = null;
  /** @type {Revisions & Partial<InboxState>} */
  state;
  rest;
  token;
  timers = new Timers();
  outbox = new Outbox(this);
  #options;
  #below;
  #base;
  /** @type {ReturnType<typeof watchActivity> | null} */
  #activity = null;
  /** @type {WantedTransport} */
  #wanted;

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
  #heartbeatSeconds = 25;
  #heardAt = 0;
  #syncing = false;
  #tokenRef = 0;
  /** @type {Set<string>} items announced since the inbox was last complete: a page may come again */
  #announced = new Set();

  /**
   * @param {HubClientOptions} options
   * @param {Below} [below]
   */
  constructor(options, below) {
    super();
    this.#options = options;
    this.#below = below;
    this.#base = baseOf(options.url);
    this.#wanted = options.transport ?? "auto";
    this.state = below?.state ?? new Revisions();
    this.token = new TokenKeeper(options.getToken);
    this.rest = new Rest({
      base: this.#base,
      fetch: this.#fetch,
      token: (fresh) => this.token.take(fresh),
      onTraffic: (direction, frame, size) => this.#traffic(direction, "rest", frame, size),
    });
  }

  /** The transport in use. */
  get transport() {
    return this.#link?.transport ?? null;
  }

  /** Whether somebody is there, in this tab or another. */
  activity() {
    return this.#below?.others() ? "active" : (this.#activity?.state ?? "active");
  }

  /** Connect, and stay connected. Started twice is started once; after `stop` it resumes where it was. */
  start() {
    if (this.status !== "stopped") return;
    this.stopped = null;
    this.#failures = 0;
    this.#activity ??= watchActivity({
      onChange: () => this.outbox.receipts(),
      onReturn: () => this.#returned(),
    });
    void this.#connect();
  }

  /**
   * Disconnect. What is held stays, also marks not yet answered: the next `start` goes on from there.
   * @param {Connection["stopped"]} [why] null when it was asked for
   */
  stop(why = null) {
    if (this.status === "stopped") return;
    this.#hangUp();
    this.#activity?.stop();
    this.#activity = null;
    this.stopped = why;
    this.#enter("stopped");
  }

  /**
   * Change the transport; a running client goes on with it at once, from where it is.
   * @param {WantedTransport} [transport] the same, if absent: connect anew
   */
  use(transport = this.#wanted) {
    this.#wanted = transport;
    this.#unheard = 0;
    if (this.status === "stopped") return;
    this.#hangUp();
    void this.#connect();
  }

  /** @type {typeof fetch} */
  #fetch = (...request) => (this.#options.fetch ?? globalThis.fetch)(...request);

  async #connect() {
    const attempt = ++this.#attempt;
    this.timers.clear("retry");
    this.#welcomed = false;
    this.#enter("connecting");
    this.#expectProgress();
    let token;
    try {
      token = await this.token.take();
    } catch (error) {
      if (attempt !== this.#attempt) return;
      this.emit("error", error);
      this.#lost(TOKEN_EXPIRED);
      return;
    }
    if (attempt !== this.#attempt) return;
    if (token === null) {
      this.#signedOut();
      return;
    }
    this.#expectProgress();
    try {
      const dial = (await this.#below?.dial(token)) ?? (await this.#dial());
      if (attempt === this.#attempt) this.#link = this.#open(dial);
      if (this.transport === "tab") this.timers.clear("progress");
    } catch (error) {
      if (attempt !== this.#attempt) return;
      // No WebSocket in this runtime, or forbidden by the page's policy; or the other way could not be loaded.
      this.emit("error", error);
      this.#unheard += 1;
      this.#lost(ABNORMAL);
    }
  }

  #signedOut() {
    this.stop({ code: null, reason: "no token" });
  }

  /** Until the inbox is complete, something must come in good time; another tab says so itself when nothing does. */
  #expectProgress() {
    if (this.transport !== "tab") this.timers.set("progress", policy.WELCOME_SECONDS, () => this.#lost(ABNORMAL));
  }

  /** WebSocket; once that went unheard twice, SSE and WebSocket in turn until one gets through. */
  async #dial() {
    let sse = this.#wanted === "sse";
    if (this.#wanted === "auto") sse = this.#unheard >= policy.SOCKET_FAILURES_BEFORE_SSE && this.#unheard % 2 === 0;
    if (!sse) return this.#dialSocket;
    const { openStream } = await import("./hub-sse.js");
    const tools = { base: this.#base, fetch: this.#fetch, rest: this.rest, parseFrame, newKey };
    return (/** @type {LinkEvents} */ events) => openStream(events, tools);
  }

  /** @param {LinkEvents} events */
  #dialSocket = (events) => {
    const url = new URL("v1/inbox/ws", this.#base);
    url.protocol = url.protocol.replace("http", "ws");
    return openSocket(url, events, this.#options.WebSocket ?? globalThis.WebSocket);
  };

  /**
   * @param {(events: LinkEvents) => Link} dial
   * @returns {Link}
   */
  #open(dial) {
    /** @type {Link} */
    let link;
    link = dial({
      hello: () => ({
        type: "hello",
        token: this.token.held,
        cursor: this.state.cursor ?? undefined,
        state: this.outbox.helloState(),
      }),
      onFrame: (frame, size) => {
        this.#heardAt = Date.now();
        this.#traffic("in", link.transport, frame, size);
        this.#receive(link, frame);
      },
      onAlive: () => {
        this.#heardAt = Date.now();
      },
      onSent: (frame, size) => this.#traffic("out", link?.transport ?? "sse", frame, size),
      onClose: (code, reason) => {
        if (link === this.#candidate) this.#dropCandidate();
        else this.#lost(code, reason);
      },
    });
    return link;
  }

  /**
   * SSE got through, so the hub is up: did the WebSockets fail because it was down, or are they blocked? One is tried
   * beside the stream and takes over at its `welcome`; until then nothing is interrupted.
   */
  async #tryCandidate() {
    if (this.#wanted !== "auto" || this.#candidate) return;
    const attempt = this.#attempt;
    const token = await this.token.take().catch(() => null);
    if (token === null || attempt !== this.#attempt) return;
    this.#candidate = this.#open(this.#dialSocket);
    this.timers.set("candidate", policy.WELCOME_SECONDS, () => this.#dropCandidate());
  }

  #dropCandidate() {
    this.timers.clear("candidate");
    this.#candidate?.close();
    this.#candidate = null;
  }

  /**
   * The connection ended. Everything of it ends with it, and the next one is planned.
   * @param {number} code
   * @param {string} [reason]
   */
  #lost(code, reason = "") {
    // A close code of the hub's own shows that its words get through.
    if (this.#link && !this.#welcomed && code < 4000) this.#unheard += 1;
    const after = policy.afterClose(code, reason);
    if (after.freshToken || after.then === "stop") this.token.forget();
    if (after.then === "stop") {
      // For who builds the page: to the person, the page can only say that it stopped.
      console.error(`The hub ended the connection for good (${code}): ${reason}`);
      this.stop({ code, reason });
      return;
    }
    this.#hangUp();
    const seconds = after.retryAfter ?? policy.backoffSeconds(this.#failures, this.#options.random ?? Math.random);
    this.#failures += 1;
    this.timers.set("retry", seconds, () => void this.#connect());
    this.#enter("waiting", Date.now() + seconds * 1000);
  }

  #hangUp() {
    this.#attempt += 1;
    this.#dropCandidate();
    this.#link?.close();
    this.#link = null;
    this.#syncing = false;
    this.timers.clearAll();
    this.outbox.close();
  }

  /** The network or the page came back: do not wait for the backoff, and do not trust an old connection. */
  #returned() {
    const link = this.#link;
    if (this.status === "waiting" && !link) void this.#connect();
    if (!link || !this.#welcomed) return;
    this.#watchSilence();
    if (Date.now() - this.#heardAt < 5000) return;
    const askedAt = Date.now();
    link.send({ type: "ping" });
    this.timers.set("probe", 5, () => {
      if (this.#heardAt < askedAt) this.#lost(ABNORMAL);
    });
  }

  #watchSilence() {
    const limit = this.#heartbeatSeconds + policy.SILENCE_GRACE_SECONDS;
    const left = limit - (Date.now() - this.#heardAt) / 1000;
    if (left <= 0) this.#lost(ABNORMAL);
    else this.timers.set("silence", left, () => this.#watchSilence());
  }

  /**
   * @param {Link} link
   * @param {Frame} frame
   */
  #receive(link, frame) {
    const { type } = frame;
    if (link === this.#candidate && type === "welcome") {
      this.#candidate = null;
      this.#hangUp();
      this.#link = link;
      this.#enter("connecting");
    }
    if (link !== this.#link) return;
    if (type === "ping") {
      link.send({ type: "pong" });
    } else if (type === "wait") {
      this.outbox.open(link);
      this.#enter(frame.status, frame.retryAt);
    } else if (type === "ok" || type === "error") {
      if (this.outbox.answered(frame) || type === "ok") return;
      // The old token lasts a while yet; the next connection asks for another.
      if (frame.ref !== undefined && frame.ref === this.#tokenRef) this.token.forget();
      this.emit("error", new HubError(frame.code, frame.detail ?? frame.code, frame.status));
    } else {
      if (type === "welcome") this.#welcome(link, frame);
      this.#apply(link, frame);
    }
  }

  /**
   * @param {Link} link
   * @param {Frame} frame
   */
  #welcome(link, frame) {
    this.#welcomed = true;
    this.#heartbeatSeconds = frame.heartbeat_seconds;
    this.timers.set("stable", policy.STABLE_SECONDS, () => {
      this.#failures = 0;
    });
    this.#renewIn(this.token.renewAfter(frame.expires_at ?? null));
    this.#watchSilence();
    this.#expectProgress();
    if (link.transport === "websocket") this.#unheard = 0;
    if (link.transport === "sse") void this.#tryCandidate();
  }

  /**
   * @param {Link} link
   * @param {Frame} frame
   */
  #apply(link, frame) {
    const { state } = this;
    const { type } = frame;
    const before = state.rev ?? Infinity;
    let verdict;
    try {
      verdict = state.apply(frame);
    } catch (error) {
      // No frame of this protocol: begin anew from a snapshot rather than keep half of it.
      this.emit("error", error);
      this.forget();
      this.#lost(ABNORMAL);
      return;
    }
    if (verdict === "ignored") return;
    if (verdict === "gap") {
      if (this.#syncing) return;
      this.#syncing = true;
      this.#expectProgress();
      link.send({ type: "sync", cursor: state.cursor });
      return;
    }
    if (verdict === "reset") this.outbox.reset();
    this.emit("message", frame);
    this.emit("change", null);
    if (verdict === "applied") this.#announce(frame, before);
    if (type === "reset") {
      this.outbox.close();
      this.#enter("connecting");
    }
    if (type === "welcome" || type === "changes") {
      if (frame.more) this.#expectProgress();
      else this.#complete(link);
    } else if (type === "reset") {
      this.#expectProgress();
    }
    this.outbox.receipts();
  }

  /** @param {Link} link its inbox is complete */
  #complete(link) {
    this.#syncing = false;
    this.#announced.clear();
    this.timers.clear("progress");
    if (this.status === "live") return;
    this.#enter("live");
    this.outbox.open(link);
  }

  /** Discard everything, as a `reset` does. */
  forget() {
    this.state.apply({ type: "reset" });
    this.outbox.reset();
    this.emit("change", null);
  }

  /**
   * @param {Frame} frame just applied
   * @param {number} before the own revision before it
   */
  #announce(frame, before) {
    const removed = frame.removed ?? [];
    for (const item of itemsOf(frame)) {
      const { id } = item;
      if (item.seq <= before || removed.includes(id) || this.#announced.has(id)) continue;
      this.#announced.add(id);
      this.emit("item", { item, missed: frame.type !== "item" });
    }
  }

  /** @param {number | null} seconds */
  #renewIn(seconds) {
    if (seconds !== null) this.timers.set("renew", seconds, () => void this.#renew());
  }

  /** Bring the hub a new token before the old one ends. */
  async #renew() {
    const attempt = this.#attempt;
    let next;
    try {
      next = await this.token.replace();
    } catch (error) {
      this.emit("error", error);
    }
    if (attempt !== this.#attempt) return;
    if (next?.token === null) {
      this.#signedOut();
    } else if (!next?.changed) {
      this.#renewIn(10);
    } else {
      this.#tokenRef = this.outbox.nextRef();
      this.#link?.send({ type: "token", ref: this.#tokenRef, token: next.token });
      this.#renewIn(this.token.renewAfter(null));
    }
  }

  /**
   * @param {Status} status
   * @param {number | null} [retryAt] when it is `waiting`
   */
  #enter(status, retryAt = null) {
    if (status === this.status && retryAt === this.retryAt) return;
    this.status = status;
    this.retryAt = retryAt;
    this.emit("change", null);
    this.emit("state", this);
  }

  /**
   * @param {"in" | "out"} direction
   * @param {Transport | "rest"} transport
   * @param {Frame} frame
   * @param {number} size
   */
  #traffic(direction, transport, frame, size) {
    if (!this.heard("frame")) return;
    const shown = "token" in frame ? { ...frame, token: "…" } : frame;
    this.emit("frame", { direction, transport, frame: shown, size, at: Date.now() });
  }
}

/**
 * @param {string | URL} [url] where the hub is; the page's own origin if absent
 * @returns {URL} what paths below it are resolved against
 */
export function baseOf(url) {
  const base = new URL(url ?? "/", globalThis.location?.href);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}
