/**
 * What a client tells the hub: marks, which are answered one by one and repeated until they are, and receipts (ack,
 * seen, state), of which only the newest counts.
 *
 * A mark is sent at least once, in order, over any number of links, with the same Idempotency-Key. Where the hub does
 * not know the key (a WebSocket has none) a repeated mark is carried out again, which changes nothing unless something
 * contrary came between the two: an `unread` repeated after a `read` on another device wins over it.
 */

import * as policy from "./hub-policy.js";
import { HubError } from "./hub-rest.js";

/** @import { Connection } from "./hub-connection.js" */
/** @import { Activity } from "./hub-activity.js" */
/** @import { Link } from "./hub-link.js" */
/** @import { Frame, Mark } from "./hub-state.js" */

/** @typedef {{changed: number, unknown: string[]}} Marked what a mark did; `unknown` ids are only told over REST */
/** @typedef {Marked & {rev: number}} Answer with the revision at which the hub carried it out */

/**
 * @typedef {object} Call a mark that the hub has not answered
 * @property {Mark} mark
 * @property {string} key its Idempotency-Key
 * @property {string} at when it was made, RFC 3339
 * @property {Link | null} link where it was sent last
 * @property {Promise<Answer>} done rejects with a HubError
 * @property {(done: Answer) => void} resolve
 * @property {(why: HubError) => void} reject
 */

export class Outbox {
  /** @type {Map<number, Call>} by ref */
  calls = new Map();
  #of;
  #ref = 0;
  /** @type {Link | null} the link that takes marks */
  #link = null;
  /** When the last marks were sent, in seconds of a clock that nobody sets; the first of them allows the next. */
  #marksSentAt = Array(policy.MARKS_PER_WINDOW).fill(-Infinity);
  #acked = 0;
  #seenWanted = 0;
  #seenSent = 0;
  /** @type {Activity} */
  #activitySent = "active";

  /** @param {Connection} connection */
  constructor(connection) {
    this.#of = connection;
  }

  /** A number for a frame that is answered, never used before by this client. */
  nextRef() {
    return ++this.#ref;
  }

  /** The state to say in `hello`. */
  greet() {
    return (this.#activitySent = this.#of.activity());
  }

  /**
   * The link takes marks: send what waits, repeat what may not have arrived.
   * @param {Link} link
   */
  open(link) {
    if (link !== this.#link) {
      this.#link = link;
      this.#acked = this.#seenSent = 0;
    }
    this.#sendMarks();
    this.tell();
  }

  /** The link is gone; what it left unanswered waits for the next. */
  close() {
    this.#link = null;
  }

  /**
   * Show a mark and send it as soon as there is a link.
   * @param {Mark} mark as the protocol takes it
   * @param {string} [key] of a mark made elsewhere or earlier; one that waits here already is not sent twice
   * @param {string} [at] when it was made, RFC 3339
   * @returns {Promise<Answer>} rejects with a HubError
   */
  mark(mark, key = newKey(), at = new Date().toISOString()) {
    for (const call of this.calls.values()) if (call.key === key) return call.done;
    const ref = this.nextRef();
    const call = /** @type {Call} */ ({ mark, key, at, link: null });
    call.done = new Promise((resolve, reject) => Object.assign(call, { resolve, reject }));
    this.calls.set(ref, call);
    this.#of.state.mark?.(key, mark, at);
    this.#of.changed();
    this.#sendMarks();
    return call.done;
  }

  /**
   * The person has seen everything up to here.
   * @param {number} seq
   */
  seen(seq) {
    this.#seenWanted = Math.max(this.#seenWanted, seq);
    this.tell();
  }

  /**
   * The hub carried a mark out, or refused it.
   * @param {Frame} frame `ok` or `error`
   * @returns {boolean} false when no mark has this number
   */
  answered({ type, ref, rev, changed = 0, unknown = [], code, detail, status }) {
    const { state } = this.#of;
    const call = this.calls.get(ref);
    if (!call) return false;
    this.calls.delete(ref);
    if (type === "ok") {
      state.confirm?.(call.key, rev);
      call.resolve({ rev, changed, unknown });
    } else {
      state.refuse?.(call.key);
      call.reject(new HubError(code, detail, status));
    }
    this.#of.changed();
    return true;
  }

  /** The inbox was replaced: marks and what was seen belonged to the old one. */
  reset() {
    this.#seenWanted = 0;
    for (const ref of this.calls.keys()) this.answered({ type: "reset", ref, code: "reset" });
  }

  /** Send what is due of ack, seen and state: at once when the last receipts are a second old, else when they are. */
  tell() {
    const { timers, state } = this.#of;
    const link = this.#link;
    if (!link || timers.has("receipts")) return;
    const rev = state.rev ?? 0;
    const activity = this.#of.activity();
    const due = [];
    if (rev > this.#acked) due.push({ type: "ack", rev });
    if (this.#seenWanted > this.#seenSent) due.push({ type: "seen", rev: this.#seenWanted });
    if (activity !== this.#activitySent) due.push({ type: "state", state: activity });
    this.#acked = rev;
    this.#seenSent = this.#seenWanted;
    this.#activitySent = activity;
    for (const frame of due) link.send(frame);
    if (due.length) timers.set("receipts", policy.RECEIPT_SECONDS, () => this.tell());
  }

  #sendMarks() {
    const { timers } = this.#of;
    for (const [ref, call] of this.calls) {
      if (!this.#link || call.link === this.#link) continue;
      const now = performance.now() / 1000;
      const wait = this.#marksSentAt[0] + policy.FRAME_WINDOW_SECONDS - now;
      if (wait > 0) return timers.set("marks", wait, () => this.#sendMarks());
      this.#marksSentAt = [...this.#marksSentAt.slice(1), now];
      call.link = this.#link;
      call.link.send({ type: "mark", ref, ...call.mark }, call.key);
    }
  }
}

/** @returns {string} unlike any other; `randomUUID` would need a secure context */
export function newKey() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
