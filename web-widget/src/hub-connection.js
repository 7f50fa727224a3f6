/**
 * One connection to the hub after the other, and the order of events on it:
 *
 *     stopped ─start→ connecting ─snapshot, or last page→ live
 *        ↑               ↑    │                             │
 *     4500–4999     waiting ←─┴──────────── lost ───────────┘
 *
 * It feeds the state with frames and the outbox with a link; it shows nothing. What the store does otherwise, it does by
 * overriding the methods that say so.
 */

import { watchActivity } from "./hub-activity.js";
import { Emitter } from "./hub-emitter.js";
import { ABNORMAL, TOKEN_EXPIRED, openSocket, parseFrame } from "./hub-link.js";
import { Outbox, newKey } from "./hub-outbox.js";
import * as policy from "./hub-policy.js";
import { HubError, request } from "./hub-rest.js";
import { Revisions } from "./hub-revisions.js";
import { Timers } from "./hub-timers.js";
import { TokenKeeper } from "./hub-token.js";

/** @import { HubClientOptions, HubEvents, Traffic } from "./hub-client.js" */
/** @import { Link, LinkEvents } from "./hub-link.js" */
/** @import { Verdict } from "./hub-revisions.js" */
/** @import { Frame, InboxState } from "./hub-state.js" */

/** @typedef {"stopped" | "connecting" | "live" | "waiting"} Status */
/** @typedef {"auto" | "websocket" | "sse"} WantedTransport */

/** @extends {Emitter<HubEvents>} */
export class Connection extends Emitter {
  /** @type {Status} */
  status = "stopped";
  /** @type {{code: number | null, reason: string} | null} why, when the hub or `getToken` ended it */
  stopped = null;
  /** @type {number | null} when `waiting`: milliseconds since the epoch */
  retryAt = null;
  base;
  token;
  /** @type {Revisions & Partial<InboxState>} */
  state = new Revisions();
  timers = new Timers();
  outbox = new Outbox(this);
  #options;
  /** @type {ReturnType<typeof watchActivity> | null} */
  #activity = null;
  /** @type {WantedTransport} */
  #wanted;

  /** @type {Link | null} */
  #link = null;
  /** Grows with every attempt, so that what an earlier one awaited is dropped. */
  #attempt = 0;
  /** Attempts since the last stable connection: the n of the backoff. */
  #failures = 0;
  /** Attempts in a row that ended without a word from the hub. */
  #unheard = 0;
  /** When the hub said welcome, in milliseconds; 0 before. */
  #welcomedAt = 0;
  #silenceSeconds = policy.WELCOME_SECONDS;
  #syncing = false;

  /**
   * @param {HubClientOptions} options
   */
  constructor(options) {
    super();
    this.#options = options;
    this.#wanted = options.transport ?? "auto";
    this.base = new URL(`${options.url ?? "/"}`.replace(/\/?$/, "/"), globalThis.location?.href);
    this.token = new TokenKeeper(options.getToken);
  }

  /** The transport in use. */
  get transport() {
    return this.#link?.transport ?? null;
  }

  /** Whether somebody is there, in this tab or another. */
  activity() {
    return this.#activity?.state ?? "active";
  }

  /** Connect, and stay connected. Started twice is started once; after `stop` it resumes where it was. */
  start() {
    if (this.status !== "stopped") return;
    this.stopped = null;
    this.#activity = watchActivity(
      () => this.outbox.tell(),
      () => this.#returned(),
    );
    this.#connect();
  }

  /**
   * Disconnect. What is held stays, also marks not yet answered: the next `start` goes on from there.
   * @param {Connection["stopped"]} [why] null when it was asked for
   */
  stop(why = null) {
    if (this.status === "stopped") return;
    this.#hangUp();
    this.#activity?.stop();
    this.stopped = why;
    this.enter("stopped");
  }

  /**
   * Change the transport; a running client goes on with it at once, from where it is.
   * @param {WantedTransport} [transport] the same, if absent: connect anew
   */
  use(transport = this.#wanted) {
    this.#wanted = transport;
    this.#unheard = 0;
    if (this.status !== "stopped") this.#connect();
  }

  /** Discard everything, as a `reset` does. */
  forget() {
    this.state.discard();
    this.outbox.reset();
    this.changed();
  }

  /**
   * It is this frame's turn.
   * @param {Frame} frame
   * @param {Verdict} _verdict
   */
  took(frame, _verdict) {
    this.emit("message", frame);
  }

  /** What is held or pending may be another. */
  changed() {}

  /** The status is another. */
  turned() {
    this.emit("state", this);
  }

  /**
   * Who is to connect, and how.
   * @param {string} _token of the person
   * @returns {Promise<((events: LinkEvents) => Link) | null>} null: this client itself
   */
  async dial(_token) {
    return null;
  }

  /** @type {typeof fetch} */
  fetch = (...given) => (this.#options.fetch ?? fetch)(...given);

  async #connect() {
    this.#hangUp();
    const attempt = this.#attempt;
    this.#welcomedAt = 0;
    this.enter("connecting");
    try {
      this.#heard();
      const token = await this.token.take();
      if (attempt !== this.#attempt) return;
      if (!token) {
        this.#signedOut();
        return;
      }
      const dial = (await this.dial(token)) ?? (await this.#dial());
      if (attempt !== this.#attempt) return;
      this.#link = dial({
        hello: () => ({
          type: "hello",
          token: this.token.held,
          cursor: this.state.cursor ?? undefined,
          state: this.outbox.greet(),
        }),
        onFrame: (frame, size) => {
          this.#heard();
          if (!frame) return;
          this.traffic("in", this.transport, frame, size);
          this.#receive(frame);
        },
        onSent: (frame, size) => this.traffic("out", this.transport, frame, size),
        onClose: (code, reason) => this.#lost(code, reason),
      });
      this.#heard();
    } catch (error) {
      // No token, no WebSocket in this runtime or by the page's policy, or the other way could not be loaded.
      if (attempt !== this.#attempt) return;
      this.emit("error", error);
      this.#unheard += 1;
      this.#lost();
    }
  }

  #signedOut() {
    this.stop({ code: null, reason: "no token" });
  }

  /** WebSocket; once that went unheard twice, SSE and WebSocket in turn until one gets through. */
  async #dial() {
    const auto = this.#wanted === "auto";
    const due = this.#unheard && this.#unheard % policy.SOCKET_FAILURES_BEFORE_SSE === 0;
    const url = this.base.href.replace("http", "ws") + "v1/inbox/ws";
    /** @param {LinkEvents} events */
    const dialSocket = (events) => openSocket(url, events, this.#options.WebSocket ?? WebSocket);
    if (auto ? !due : this.#wanted !== "sse") return dialSocket;
    const { openStream } = await import("./hub-sse.js");
    return (/** @type {LinkEvents} */ events) =>
      openStream(events, this, auto ? dialSocket : null, request, parseFrame, newKey);
  }

  /**
   * The connection ended. Everything of it ends with it, and the next one is planned.
   * @param {number} [code]
   * @param {string} [reason]
   */
  #lost(code = ABNORMAL, reason = "") {
    // A close code of the hub's own shows that its words get through.
    if (this.#link && !this.#welcomedAt && code < 4000) this.#unheard += 1;
    if (code >= TOKEN_EXPIRED) this.token.held = null;
    if (policy.isFinal(code)) {
      // For who builds the page: to the person, the page can only say that it stopped.
      console.error(`Hub: ${code} ${reason}`);
      this.stop({ code, reason });
      return;
    }
    if (this.#welcomedAt && Date.now() - this.#welcomedAt >= policy.STABLE_SECONDS * 1000) this.#failures = 0;
    this.#hangUp();
    const seconds =
      policy.retryAfterSeconds(reason) ?? policy.backoffSeconds(this.#failures++, this.#options.random ?? Math.random);
    this.timers.set("retry", seconds, () => this.#connect());
    this.enter("waiting", Date.now() + seconds * 1000);
  }

  #hangUp() {
    this.#attempt += 1;
    this.#link?.close();
    this.#link = null;
    this.#syncing = false;
    this.timers.clear();
    this.outbox.close();
  }

  /** The network or the page came back: do not wait for the backoff, and do not trust an old connection. */
  #returned() {
    if (this.status === "waiting" && !this.#link) this.#connect();
    if (!this.#welcomedAt) return;
    this.#link?.send({ type: "ping" });
    this.#heard(policy.PROBE_SECONDS);
  }

  /**
   * Whatever came shows that the connection lives. The next must come in good time; sooner while something is missing,
   * and another tab sees to that itself.
   * @param {number} [seconds]
   */
  #heard(seconds = this.status === "live" && !this.#syncing ? this.#silenceSeconds : policy.WELCOME_SECONDS) {
    this.timers.clear("silence");
    if (this.transport !== "tab") this.timers.set("silence", seconds, () => this.#lost());
  }

  /** @param {Frame} frame */
  #receive(frame) {
    const link = /** @type {Link} */ (this.#link);
    const { type } = frame;
    if (type === "ping") {
      link.send({ type: "pong" });
    } else if (type === "ok" || type === "error") {
      if (this.outbox.answered(frame) || type === "ok") return;
      const { code, detail, status } = frame;
      // The old token lasts a while yet; the next connection asks for another.
      if (code === "token_refused") this.token.held = null;
      this.emit("error", new HubError(code, detail, status));
    } else {
      if (type === "welcome") this.#welcome(frame);
      this.#apply(frame);
    }
  }

  /** @param {Frame} frame the stream begins, perhaps anew on the same link */
  #welcome({ heartbeat_seconds }) {
    this.#welcomedAt ||= Date.now();
    this.#silenceSeconds = heartbeat_seconds + policy.SILENCE_GRACE_SECONDS;
    if (this.transport === "websocket") this.#unheard = 0;
    this.outbox.close();
    this.enter("connecting");
    this.#renewIn(this.token.renewal());
  }

  /** @param {Frame} frame */
  #apply(frame) {
    const { state } = this;
    const { type } = frame;
    let verdict;
    try {
      verdict = state.apply(frame);
    } catch (error) {
      // No frame of this protocol: begin anew from a snapshot rather than keep half of it.
      this.emit("error", error);
      this.forget();
      this.#lost();
      return;
    }
    if (verdict === "ignored") return;
    if (verdict === "gap") {
      if (this.#syncing) return;
      this.#syncing = true;
      this.#heard();
      this.#link?.send({ type: "sync", cursor: state.cursor });
      return;
    }
    if (verdict === "reset") this.outbox.reset();
    this.took(frame, verdict);
    this.changed();
    if ((type === "welcome" || type === "changes") && !frame.more) {
      this.#syncing = false;
      this.enter("live");
      this.#heard();
      if (this.#link) this.outbox.open(this.#link);
    }
    this.outbox.tell();
  }

  /**
   * Bring the hub a new token before the old one ends.
   * @param {number | null} seconds from now
   */
  #renewIn(seconds) {
    if (!seconds) return;
    this.timers.set("renew", seconds, async () => {
      const attempt = this.#attempt;
      const before = this.token.held;
      const token = await this.token.take(true).catch((error) => {
        this.emit("error", error);
        return before;
      });
      if (attempt !== this.#attempt) return;
      if (!token) return this.#signedOut();
      if (token !== before) this.#link?.send({ type: "token", ref: this.outbox.nextRef(), token });
      this.#renewIn(token === before ? policy.PROBE_SECONDS : this.token.renewal());
    });
  }

  /**
   * Be in this status; to be called by links that know it (hub-tabs.js), and here.
   * @param {Status} status
   * @param {number | null} [retryAt] when it is `waiting`
   */
  enter(status, retryAt = null) {
    if (status === this.status && retryAt === this.retryAt) return;
    this.status = status;
    this.retryAt = retryAt;
    this.turned();
  }

  /**
   * Tell who displays the traffic.
   * @param {"in" | "out"} direction
   * @param {Traffic["transport"]} transport
   * @param {Frame} frame
   * @param {number} size in characters
   */
  traffic(direction, transport, frame, size) {
    if (frame.token) frame = { ...frame, token: "…" };
    this.emit("frame", { direction, transport, frame, size, at: Date.now() });
  }
}
