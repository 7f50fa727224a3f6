/**
 * One connection per browser. The tabs of one origin, hub and person share a Web Lock and a BroadcastChannel of one
 * name. Who holds the lock leads: it is connected to the hub and speaks the hub's own protocol to the other tabs, so
 * that they follow by the same rules of revisions as if they were connected themselves:
 *
 *     follower → leader   {from, frame}   hello, sync, mark (with its key), seen, state, ping, pong; bye
 *     leader → followers  {lead, to?, frame}   what the hub sent; welcome or changes to a hello; ok, error, ping, pong;
 *                         wait (how the connection fares while it is not live); marks (not confirmed yet, of all tabs)
 *     either              {frame: out}   somebody signed out here: ask for your token anew
 *
 * The lock ends with its tab, and the next in its queue goes on from its own cursor. A leader that hangs keeps its lock:
 * a visible follower that hears nothing for `SILENCE_SECONDS`, and no answer to a ping, steals it.
 */

import { newKey } from "./hub-outbox.js";
import { Timers } from "./hub-timers.js";

/** @import { HubStore } from "./hub-store.js" */
/** @import { Link, LinkEvents } from "./hub-link.js" */
/** @import { Frame, Mark } from "./hub-state.js" */

/** Between two pings of the leader. A hidden tab's timers may come but once a minute, so silence alone proves nothing. */
const BEAT_SECONDS = 5;
const SILENCE_SECONDS = 10;
/** More silence after a follower's own ping; up to twice as much, so that not all of them steal at once. */
const ANSWER_SECONDS = 1;
/** A follower not heard for three beats counts as gone. */
const GONE_MS = 3 * BEAT_SECONDS * 1000;

export class Tabs {
  /** This tab holds the lock. */
  leading = false;
  #store;
  #locks;
  #Channel;
  #id = newKey();
  /** @type {string | null} */
  #name = null;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  /** @type {Promise<void> | null} */
  #joining = null;
  #queued = new AbortController();
  #release = () => {};
  #timers = new Timers();
  /** @type {Link | null} of a follower */
  #link = null;
  /** @type {LinkEvents | null} of that link, while it is open */
  #events = null;
  /** @type {string | null} the leader that the link is to */
  #leader = null;
  /** @type {Map<string, {state: string, at: number}>} followers, by id */
  #others = new Map();
  /** How many marks were told last. */
  #marksTold = 0;

  /**
   * @param {HubStore} store
   * @param {LockManager} locks
   * @param {typeof BroadcastChannel} Channel
   */
  constructor(store, locks, Channel) {
    this.#store = store;
    this.#locks = locks;
    this.#Channel = Channel;
    store.on("message", (frame) => this.#tell(frame));
    store.on("state", () => this.#tellWait());
  }

  /**
   * Be one of the tabs of this name; already being one is fine.
   * @param {string} name
   * @returns {Promise<boolean>} whether this one leads
   */
  async join(name) {
    if (name !== this.#name) {
      this.leave();
      this.#name = name;
      this.#channel = new this.#Channel(name);
      this.#channel.onmessage = ({ data }) => this.#hear(data);
      this.#joining = this.#ask({ ifAvailable: true });
    }
    await this.#joining;
    return this.leading;
  }

  /** Leave the others alone; who leads hands over. To be called when the client is stopped. May be called twice. */
  leave() {
    this.#say({ type: "bye" });
    this.#channel?.close();
    this.#name = this.#channel = this.#joining = null;
    this.#queued.abort();
    this.#queued = new AbortController();
    this.#end();
    this.#release();
  }

  /** The person signed out here: no tab goes on with a token from before. */
  out() {
    this.#channel?.postMessage({ frame: { type: "out" } });
  }

  /** Whether somebody is active in another tab, as far as this one leads. */
  active() {
    for (const { state, at } of this.#others.values()) {
      if (state === "active" && Date.now() - at < GONE_MS) return true;
    }
    return false;
  }

  /**
   * Marks may have been made or confirmed: the others show the same.
   * @param {boolean} [anyway] some tab does not know that there are none
   */
  tellMarks(anyway = false) {
    const marks = this.#store.state.marks();
    if (marks.length || this.#marksTold || anyway) this.#tell({ type: "marks", marks });
    this.#marksTold = marks.length;
  }

  /**
   * The link of a follower.
   * @param {LinkEvents} events
   * @returns {Link}
   */
  dial(events) {
    this.#events = events;
    this.#leader = null;
    this.#say(events.hello());
    this.#listen();
    return (this.#link = {
      transport: "tab",
      send: (frame, key) => {
        // The leader needs no token of this tab; but a new one may be another person's.
        if (frame.type === "token") this.#store.use();
        else this.#say({ ...frame, key });
      },
      close: () => {
        this.#events = null;
      },
    });
  }

  /**
   * Ask for the lock; who is refused waits for it.
   * @param {LockOptions} [options]
   * @returns {Promise<void>} when it is known
   */
  #ask(options = { signal: this.#queued.signal }) {
    const channel = this.#channel;
    const name = /** @type {string} */ (this.#name);
    let held = false;
    return new Promise((known) => {
      this.#locks
        .request(name, options, (lock) => {
          if (channel !== this.#channel) return;
          if (lock) {
            // Whatever else was asked for meanwhile.
            this.#queued.abort();
            this.#queued = new AbortController();
            this.#end();
            this.leading = held = true;
            this.#beat();
            if (!options.ifAvailable) this.#store.use();
          } else {
            this.#ask();
          }
          known();
          return lock && new Promise((release) => (this.#release = () => release(undefined)));
        })
        .catch(() => {
          // Taken back, or stolen because this tab was silent.
          known();
          if (channel !== this.#channel || !held) return;
          this.#end();
          this.#ask();
          this.#store.use();
        });
    });
  }

  /** What it was, leader or follower, it is no more. */
  #end() {
    this.leading = false;
    this.#timers.clear();
    this.#others.clear();
  }

  #beat() {
    this.#tell({ type: "ping" });
    this.#store.outbox.tell();
    this.#timers.set("beat", BEAT_SECONDS, () => this.#beat());
  }

  #listen() {
    this.#timers.set("silence", SILENCE_SECONDS, () => {
      this.#say({ type: "ping" });
      this.#timers.set("silence", ANSWER_SECONDS * (1 + Math.random()), () => {
        if (globalThis.document?.visibilityState === "hidden") this.#listen();
        else this.#ask({ steal: true });
      });
    });
  }

  /** @param {Frame} frame from a follower to the leader, which needs no token of it */
  #say({ token, ...frame }) {
    if (!this.leading) this.#channel?.postMessage({ from: this.#id, frame });
  }

  /** @param {Frame} frame from the leader @param {string} [to] one follower; all, if absent */
  #tell(frame, to) {
    if (this.leading) this.#channel?.postMessage({ lead: this.#id, to, frame });
  }

  #tellWait() {
    const { status, retryAt } = this.#store;
    if (status !== "live" && status !== "stopped") this.#tell({ type: "wait", status, retryAt });
  }

  /** @param {{lead?: string, from?: string, to?: string, frame: Frame}} message */
  #hear({ lead, from, to, frame }) {
    const events = this.#events;
    if (frame.type === "out") {
      this.#store.token.held = null;
      this.#store.use();
    } else if (this.leading) {
      if (from) this.#answer(from, frame);
    } else if (lead && events && (!to || to === this.#id)) {
      this.#listen();
      if (this.#leader && lead !== this.#leader) {
        events.onClose(4000, '{"retry_after_seconds":0}');
        return;
      }
      // It may not have been leading yet when it was greeted.
      if (!this.#leader && !to) this.#say(events.hello());
      this.#leader = lead;
      if (frame.type === "marks") this.#show(frame.marks);
      else if (frame.type === "wait") this.#wait(frame);
      else events.onFrame(frame, 0);
    }
  }

  /** @param {Frame} frame the connection is away, but the leader takes marks */
  #wait({ status, retryAt }) {
    if (this.#link) this.#store.outbox.open(this.#link);
    this.#store.enter(status, retryAt);
  }

  /** @param {{key: string, mark: Mark, at: string}[]} marks not confirmed yet, of all tabs: these and no others */
  #show(marks) {
    const { pending } = this.#store.state;
    const keys = marks.map(({ key }) => key);
    for (const [key, { foreign }] of pending) if (foreign && !keys.includes(key)) this.#store.state.refuse(key);
    for (const { key, mark, at } of marks) if (!pending.has(key)) this.#store.state.mark(key, mark, at, true);
    this.#store.changed();
  }

  /** @param {string} from @param {Frame} frame */
  #answer(from, { type, ref, key, ...body }) {
    const { outbox } = this.#store;
    if (type === "bye") {
      this.#others.delete(from);
    } else {
      const state = body.state ?? this.#others.get(from)?.state;
      this.#others.set(from, { state, at: Date.now() });
    }
    outbox.tell();
    if (type === "hello" || type === "sync") {
      const { rev, cursor, counts } = this.#store.state;
      const more = this.#store.status !== "live";
      const welcome = { type: "welcome", heartbeat_seconds: 3 * BEAT_SECONDS };
      this.#tell(welcome, from);
      if (rev !== null && cursor === body.cursor)
        this.#tell({ type: "changes", since: rev, rev, cursor, counts, more }, from);
      else if (rev !== null) this.#tell({ ...welcome, ...this.#store.state.welcome(), more }, from);
      this.tellMarks(true);
      this.#tellWait();
    } else if (type === "mark") {
      outbox.mark(/** @type {any} */ (body), key).then(
        (done) => this.#tell({ type: "ok", ref, ...done }, from),
        ({ code, message, status }) => this.#tell({ type: "error", ref, code, detail: message, status }, from),
      );
    } else if (type === "seen") {
      outbox.seen(body.rev);
    } else if (type === "ping") {
      this.#tell({ type: "pong" }, from);
    }
  }
}
