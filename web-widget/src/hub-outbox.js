/**
 * What the client tells the hub: marks, which are answered one by one and repeated until they are, and receipts (ack,
 * seen, state), of which only the newest counts. It speaks over the link it is given: frames on a WebSocket, REST
 * beside SSE.
 */

import * as policy from "./hub-policy.js";
import { HubError } from "./hub-rest.js";

/** @import { Activity } from "./hub-activity.js" */
/** @import { Link } from "./hub-link.js" */
/** @import { Rest } from "./hub-rest.js" */
/** @import { InboxState, Mark } from "./hub-state.js" */
/** @import { Timers } from "./hub-timers.js" */

/** @typedef {{changed: number, unknown: string[]}} Marked what a mark did; `unknown` ids are only told over REST */

/**
 * @typedef {object} Call a mark that the hub has not answered
 * @property {Mark} mark
 * @property {string} key its Idempotency-Key
 * @property {Link | null} link where it was sent last; null when it has to be sent again there, or was not sent yet
 * @property {(done: Marked) => void} resolve
 * @property {(why: HubError) => void} reject
 */

/**
 * @typedef {object} OutboxOptions
 * @property {InboxState} state
 * @property {Rest} rest
 * @property {Timers} timers all of them are cleared when a connection ends
 * @property {() => Activity} activity
 * @property {() => void} onChange what is shown has changed
 * @property {(error: unknown) => void} onError
 */

export class Outbox {
  #options;
  /** @type {Map<number, Call>} by ref */
  #calls = new Map();
  #ref = 0;
  /** @type {Link | null} the live link */
  #link = null;
  #connection = "";
  /** @type {number[]} when marks were sent, in milliseconds, within the window */
  #marksSentAt = [];
  #receiptsAt = -Infinity;
  #acked = 0;
  #seenWanted = 0;
  #seenSent = 0;
  /** @type {Activity} */
  #activitySent = "active";

  /** @param {OutboxOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** A number for a frame that is answered, never used before by this client. */
  nextRef() {
    return ++this.#ref;
  }

  /** The state to say in `hello`, or in a stream's URL. */
  helloState() {
    this.#activitySent = this.#options.activity();
    return this.#activitySent;
  }

  /**
   * The link is live and the inbox complete: send what waits, repeat what may not have arrived.
   * @param {Link} link
   * @param {string} connection its id, from `welcome`
   */
  open(link, connection) {
    this.#link = link;
    this.#connection = connection;
    this.#acked = 0;
    this.#receiptsAt = -Infinity;
    const { items } = this.#options.state;
    const unseen = [...items.values()].some((item) => item.seen_at === null && item.seq <= this.#seenWanted);
    this.#seenSent = unseen ? 0 : this.#seenWanted;
    this.#sendMarks();
    this.receipts();
  }

  /** The link is gone; what it left unanswered waits for the next. */
  close() {
    this.#link = null;
  }

  /**
   * Show a mark and send it as soon as there is a link.
   * @param {Mark} mark as the protocol takes it
   * @returns {Promise<Marked>} rejects with a HubError
   */
  mark(mark) {
    const ref = this.nextRef();
    this.#options.state.mark(ref, mark, new Date().toISOString());
    const done = new Promise((/** @type {(done: Marked) => void} */ resolve, reject) => {
      this.#calls.set(ref, { mark, key: newKey(), link: null, resolve, reject });
    });
    this.#options.onChange();
    this.#sendMarks();
    return done;
  }

  /** The person has seen everything held now. */
  seen() {
    this.#seenWanted = this.#options.state.highestSeq();
    this.receipts();
  }

  /**
   * @param {number} ref
   * @param {Marked} done
   * @param {number} rev the revision at which the hub carried it out
   */
  answered(ref, done, rev) {
    const call = this.#calls.get(ref);
    if (!call) return;
    this.#calls.delete(ref);
    this.#options.state.confirm(ref, rev);
    this.#options.onChange();
    call.resolve(done);
  }

  /**
   * @param {number} ref
   * @param {HubError} error
   * @returns {boolean} false when no mark has this number
   */
  refused(ref, error) {
    const call = this.#calls.get(ref);
    if (!call) return false;
    this.#calls.delete(ref);
    this.#options.state.refuse(ref);
    this.#options.onChange();
    call.reject(error);
    return true;
  }

  /** The inbox was replaced: marks and what was seen belonged to the old one. */
  reset() {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    this.#seenWanted = 0;
    for (const call of calls) call.reject(new HubError("reset", "the inbox was replaced before the mark was answered"));
  }

  /** Send what is due of ack, seen and state: at once when the last receipts are a second old, else when they are. */
  receipts() {
    const { timers } = this.#options;
    if (!this.#link || timers.has("receipts")) return;
    const wait = this.#receiptsAt / 1000 + policy.RECEIPT_SECONDS - Date.now() / 1000;
    if (wait > 0) timers.set("receipts", wait, () => this.#sendReceipts());
    else this.#sendReceipts();
  }

  #sendReceipts() {
    const link = this.#link;
    if (!link) return;
    /** @type {{ack?: number, seen?: number, state?: Activity}} */
    const due = {};
    const rev = this.#options.state.rev ?? 0;
    const activity = this.#options.activity();
    if (rev > this.#acked) due.ack = rev;
    if (this.#seenWanted > this.#seenSent) due.seen = this.#seenWanted;
    if (activity !== this.#activitySent) due.state = activity;
    if (Object.keys(due).length === 0) return;
    this.#receiptsAt = Date.now();
    this.#acked = rev;
    this.#seenSent = this.#seenWanted;
    this.#activitySent = activity;
    if (link.transport === "websocket") {
      if (due.ack !== undefined) link.send({ type: "ack", rev: due.ack });
      if (due.seen !== undefined) link.send({ type: "seen", rev: due.seen });
      if (due.state !== undefined) link.send({ type: "state", state: due.state });
    } else {
      const body = { connection: this.#connection, ...due };
      this.#options.rest.call("POST", "v1/inbox/receipts", body, newKey()).catch((error) => {
        // One that got lost, or came when its connection had ended, is made good by the next.
        if (error instanceof HubError && error.code !== "not_found") this.#options.onError(error);
      });
    }
  }

  #sendMarks() {
    const link = this.#link;
    if (!link) return;
    for (const [ref, call] of this.#calls) {
      if (call.link === link) continue;
      const wait = this.#secondsToNextMark();
      if (wait > 0) {
        this.#options.timers.set("marks", wait, () => this.#sendMarks());
        return;
      }
      call.link = link;
      if (link.transport === "websocket") link.send({ type: "mark", ref, ...call.mark });
      else void this.#postMark(ref, call, link);
    }
  }

  /** How long until another mark may be sent; 0 takes a place in the window. */
  #secondsToNextMark() {
    const now = Date.now();
    const window = policy.FRAME_WINDOW_SECONDS * 1000;
    this.#marksSentAt = this.#marksSentAt.filter((at) => now - at < window);
    const [oldest] = this.#marksSentAt;
    if (oldest !== undefined && this.#marksSentAt.length >= policy.MARKS_PER_WINDOW) {
      return (oldest + window - now) / 1000;
    }
    this.#marksSentAt.push(now);
    return 0;
  }

  /**
   * @param {number} ref
   * @param {Call} call
   * @param {Link} link
   */
  async #postMark(ref, call, link) {
    try {
      const answer = await this.#options.rest.call("POST", "v1/inbox/mark", call.mark, call.key);
      this.answered(ref, { changed: answer.changed, unknown: answer.unknown ?? [] }, answer.rev);
    } catch (error) {
      if (error instanceof HubError && error.code !== "idempotency_in_flight") {
        this.refused(ref, error);
        return;
      }
      // No answer came, and it may be carried out even now: the next attempt has the same key.
      if (call.link === link) call.link = null;
      if (this.#link === link) this.#options.timers.set("marks", policy.RECEIPT_SECONDS, () => this.#sendMarks());
    }
  }
}

/** @returns {string} unlike any other; `randomUUID` would need a secure context */
function newKey() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
