/**
 * One connection to the hub after the other, and the order of events on it:
 *
 *     stopped ─start→ connecting ─snapshot, or last page→ live
 *        ↑               ↑    │                             │
 *     4500–4999     waiting ←─┴──────────── lost ───────────┘
 *
 * It feeds the state with frames and the outbox with a live link; it shows nothing and is asked for nothing but its
 * status.
 */

import { watchActivity } from "./hub-activity.js";
import { ABNORMAL, TOKEN_EXPIRED, openSocket, openStream } from "./hub-link.js";
import { Outbox } from "./hub-outbox.js";
import * as policy from "./hub-policy.js";
import { HubError } from "./hub-rest.js";
import { Timers } from "./hub-timers.js";

/** @import { HubClientOptions, HubEvents, Traffic } from "./hub-client.js" */
/** @import { Link, LinkEvents } from "./hub-link.js" */
/** @import { Rest } from "./hub-rest.js" */
/** @import { Frame, InboxState } from "./hub-state.js" */
/** @import { TokenKeeper } from "./hub-token.js" */

/** @typedef {"stopped" | "connecting" | "live" | "waiting"} Status */

/**
 * @typedef {object} ConnectionOptions
 * @property {HubClientOptions} client
 * @property {URL} base
 * @property {InboxState} state
 * @property {TokenKeeper} token
 * @property {Rest} rest
 * @property {() => void} onChange something that is shown has changed
 * @property {() => void} onStatus the status is another
 * @property {(arrival: HubEvents["item"]) => void} onItem
 * @property {(error: unknown) => void} onError
 * @property {(direction: Traffic["direction"], transport: Traffic["transport"], frame: Frame, size: number) => void}
 *   onTraffic
 */

export class Connection {
  /** @type {Status} */
  status = "stopped";
  /** @type {{code: number | null, reason: string} | null} why, when the hub or `getToken` ended it */
  stopped = null;
  /** @type {number | null} when `waiting`: milliseconds since the epoch */
  retryAt = null;
  outbox;
  #options;
  #state;
  #token;
  #timers = new Timers();
  /** @type {ReturnType<typeof watchActivity> | null} */
  #activity = null;
  /** @type {"auto" | "websocket" | "sse"} */
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
  #connection = "";
  #heartbeatSeconds = 25;
  #heardAt = 0;
  #syncing = false;
  #reopenedAt = -Infinity;
  #tokenRef = 0;

  /** @param {ConnectionOptions} options */
  constructor(options) {
    this.#options = options;
    this.#state = options.state;
    this.#token = options.token;
    this.#wanted = options.client.transport ?? "auto";
    this.outbox = new Outbox({
      state: options.state,
      rest: options.rest,
      timers: this.#timers,
      activity: () => this.#activity?.state ?? "active",
      onChange: options.onChange,
      onError: options.onError,
    });
  }

  /** The transport in use. */
  get transport() {
    return this.#link?.transport ?? null;
  }

  /** Connect, and stay connected. Started twice is started once. */
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

  /** @param {Connection["stopped"]} why null when it was asked for */
  stop(why) {
    if (this.status === "stopped") return;
    this.#hangUp();
    this.#activity?.stop();
    this.#activity = null;
    this.stopped = why;
    this.retryAt = null;
    this.#enter("stopped");
  }

  /** @param {"auto" | "websocket" | "sse"} transport */
  use(transport) {
    this.#wanted = transport;
    this.#unheard = 0;
    if (this.status === "stopped") return;
    this.#hangUp();
    void this.#connect();
  }

  async #connect() {
    const attempt = ++this.#attempt;
    this.#timers.clear("retry");
    this.retryAt = null;
    this.#welcomed = false;
    this.#enter("connecting");
    this.#expectProgress();
    let token;
    try {
      token = await this.#token.take();
    } catch (error) {
      if (attempt !== this.#attempt) return;
      this.#options.onError(error);
      this.#lost(TOKEN_EXPIRED);
      return;
    }
    if (attempt !== this.#attempt) return;
    if (token === null) {
      this.stop({ code: null, reason: "no token" });
      return;
    }
    this.#expectProgress();
    try {
      this.#link = this.#nextTransport() === "sse" ? this.#openStream(token) : this.#openSocket(token);
    } catch (error) {
      // No WebSocket in this runtime, or forbidden by the page's policy.
      this.#options.onError(error);
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
    if (this.#wanted !== "auto") return this.#wanted;
    if (this.#unheard < policy.SOCKET_FAILURES_BEFORE_SSE) return "websocket";
    return this.#unheard % 2 === 0 ? "sse" : "websocket";
  }

  /**
   * @param {string} token
   * @returns {Link}
   */
  #openSocket(token) {
    const url = new URL("v1/inbox/ws", this.#options.base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const hello = () => {
      const { cursor } = this.#state;
      const state = this.outbox.helloState();
      return cursor === null ? { type: "hello", token, state } : { type: "hello", token, cursor, state };
    };
    /** @type {Link} */
    const link = openSocket(
      url,
      hello,
      this.#linkEvents("websocket", () => link),
      this.#options.client.WebSocket ?? globalThis.WebSocket,
    );
    return link;
  }

  /**
   * @param {string} token
   * @returns {Link}
   */
  #openStream(token) {
    const url = new URL("v1/inbox/events", this.#options.base);
    if (this.#state.cursor !== null) url.searchParams.set("since", this.#state.cursor);
    url.searchParams.set("state", this.outbox.helloState());
    this.#options.onTraffic("out", "sse", { type: `GET ${url.pathname}`, ...Object.fromEntries(url.searchParams) }, 0);
    /** @type {Link} */
    const link = openStream(
      url,
      token,
      this.#linkEvents("sse", () => link),
      (...request) => (this.#options.client.fetch ?? globalThis.fetch)(...request),
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
        this.#options.onTraffic("in", transport, frame, size);
        this.#receive(which(), frame);
      },
      onAlive: () => {
        this.#heardAt = Date.now();
      },
      onSent: (frame, size) => this.#options.onTraffic("out", transport, frame, size),
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
    if (this.#wanted !== "auto") return;
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
    // A close code of the hub's own shows that its words get through.
    if (this.#link && !this.#welcomed && code < 4000) this.#unheard += 1;
    const after = policy.afterClose(code, reason);
    if (after.freshToken || after.then === "stop") this.#token.forget();
    if (after.then === "stop") {
      // For who builds the page: to the person, the page can only say that it stopped.
      console.error(`The hub ended the connection for good (${code}): ${reason}`);
      this.stop({ code, reason });
      return;
    }
    this.#hangUp();
    const seconds =
      after.retryAfter ?? policy.backoffSeconds(this.#failures, this.#options.client.random ?? Math.random);
    this.#failures += 1;
    this.retryAt = Date.now() + seconds * 1000;
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
    this.outbox.close();
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
    if (this.status === "waiting") void this.#connect();
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
      this.outbox.answered(frame.ref, { changed: frame.changed ?? 0, unknown: [] }, frame.rev);
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
    if (frame.ref !== undefined && this.outbox.refused(frame.ref, error)) return;
    // The old token lasts a while yet; the next connection asks for another.
    if (frame.ref !== undefined && frame.ref === this.#tokenRef) this.#token.forget();
    this.#options.onError(error);
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
      this.#options.onError(error);
      state.apply({ type: "reset" });
      this.outbox.reset();
      this.#options.onChange();
      this.#lost(ABNORMAL);
      return;
    }
    if (verdict === "ignored") return;
    if (verdict === "gap") {
      this.#sync(link);
      return;
    }
    this.#options.onChange();
    if (verdict === "reset") this.outbox.reset();
    else this.#announce(frame, before);
    if (frame.type === "reset") {
      this.outbox.close();
      this.#enter("connecting");
    }
    const complete = frame.type === "welcome" || (frame.type === "changes" && !frame.more);
    if (complete) this.#goLive(link);
    else if (frame.type === "changes" || frame.type === "reset") this.#expectProgress();
    this.outbox.receipts();
  }

  /** @param {Link} link its inbox is complete */
  #goLive(link) {
    this.#syncing = false;
    this.#timers.clear("progress");
    if (this.status === "live") return;
    this.#enter("live");
    this.outbox.open(link, this.#connection);
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
      if (item.seq > before && this.#state.items.has(item.id)) this.#options.onItem({ item, missed });
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
      this.#options.onError(error);
      next = null;
    }
    if (attempt !== this.#attempt || !this.#link) return;
    if (next?.token === null) {
      this.stop({ code: null, reason: "no token" });
    } else if (!next?.changed) {
      this.#renewIn(10);
    } else if (this.#link.transport === "sse") {
      this.#reopen();
    } else {
      this.#tokenRef = this.outbox.nextRef();
      this.#link.send({ type: "token", ref: this.#tokenRef, token: next.token });
      this.#renewIn(this.#token.renewAfter(null));
    }
  }

  /** @param {Status} status */
  #enter(status) {
    if (status === this.status) return;
    this.status = status;
    this.#options.onStatus();
  }
}
