/**
 * Random schedules against the model hub: whatever is published, marked, lost, reordered or cut off in between, at
 * every quiet point a client holds exactly what the hub lists.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InboxState } from "../src/hub-state.js";
import { ModelHub, Session } from "./model-hub.js";

/** @import { Frame, Mark, Reading } from "../src/hub-state.js" */

/** A device: the state under test, and around it only what any client of the protocol does. */
class Device {
  state = new InboxState();
  /** @type {Session | null} */
  session = null;
  /** @type {Frame[]} */
  incoming = [];
  /** @type {Frame[]} */
  outgoing = [];
  syncing = false;
  ref = 0;
  /** @type {Map<number, Mark>} */
  unanswered = new Map();
  /** @type {{reading: Reading, cursor: string, page: ReturnType<ModelHub["page"]> | null} | null} */
  older = null;

  /** @param {ModelHub} hub */
  constructor(hub) {
    this.hub = hub;
  }

  connect() {
    if (this.session) return;
    this.session = new Session(this.hub, {
      send: (frame) => this.incoming.push(frame),
      close: () => this.disconnect(),
    });
    this.syncing = false;
    this.outgoing.push({ type: "hello", cursor: this.state.cursor });
  }

  disconnect() {
    if (this.session) this.hub.sessions.delete(this.session);
    this.session = null;
    this.incoming = [];
    this.outgoing = [];
  }

  /** The hub takes the next frame of this device, or sends the next page it owes. */
  work() {
    const frame = this.outgoing.shift();
    if (frame) this.session?.receive(frame);
    else return this.session?.step() ?? false;
    return true;
  }

  /** The device takes the next frame of the hub. */
  take() {
    const frame = this.incoming.shift();
    if (!frame) return false;
    if (frame.type === "ok") {
      this.unanswered.delete(frame.ref);
      this.state.confirm(String(frame.ref), frame.rev);
      return true;
    }
    const before = { rev: this.state.rev, items: new Map(this.state.items), generation: this.state.generation };
    const verdict = this.state.apply(frame);
    if (verdict === "reset") this.unanswered.clear();
    if (verdict === "gap" && !this.syncing) {
      this.syncing = true;
      this.outgoing.push({ type: "sync", cursor: /** @type {string} */ (this.state.cursor) });
    }
    const complete = frame.type === "changes" && verdict === "applied" && !frame.more;
    if (complete || verdict === "reset") this.syncing = false;
    if (complete) this.sendMarks();
    if (this.state.generation === before.generation) {
      assert.ok((this.state.rev ?? 0) >= (before.rev ?? 0), "the own revision fell");
      for (const [id, item] of this.state.items) assert.ok(item.rev >= (before.items.get(id)?.rev ?? 0), `${id} fell`);
    }
    const counts = this.state.shownCounts();
    assert.ok(counts.unseen >= 0 && counts.unread >= 0 && counts.total >= 0);
    return true;
  }

  /** @param {Mark} mark */
  mark(mark) {
    if (this.state.rev === null) return;
    this.state.mark(String(++this.ref), mark, "2030-01-01T00:00:00.000Z");
    this.unanswered.set(this.ref, mark);
    if (this.session && this.state.rev !== null) this.outgoing.push({ type: "mark", ref: this.ref, ...mark });
  }

  sendMarks() {
    const sent = new Set(this.outgoing.map((frame) => frame.ref));
    for (const [ref, mark] of this.unanswered) {
      if (!sent.has(ref)) this.outgoing.push({ type: "mark", ref, ...mark });
    }
  }

  askOlder() {
    const cursor = this.state.main.cursor;
    if (cursor === null || this.older) return;
    this.older = { reading: this.state.beginReading(), cursor, page: null };
  }

  readOlder() {
    if (this.older && !this.older.page) this.older.page = this.hub.page(this.older.cursor);
  }

  takeOlder() {
    if (!this.older?.page) return;
    this.state.endReading(this.older.reading, this.older.page);
    this.older = null;
  }
}

const ACTIONS = /** @type {const} */ ([
  ...["seen", "read", "unread", "archive", "unarchive", "snooze", "unsnooze", "pin", "unpin", "click", "delete"],
]);
const CATEGORIES = ["orders", "builds"];

const step = fc.record({
  what: fc.constantFrom(
    ...["publish", "publish", "publish", "collapse", "mark", "mark", "markAll", "withdraw", "wake", "restore"],
    ...["connect", "connect", "disconnect", "work", "work", "work", "take", "take", "take", "take"],
    ...["lose", "swap", "repeat", "askOlder", "readOlder", "takeOlder"],
  ),
  device: fc.nat(1),
  pick: fc.nat(30),
  other: fc.nat(30),
});

/** @param {ModelHub} hub @param {Device} device */
function settle(hub, device) {
  device.connect();
  for (let round = 0; round < 50; round++) {
    let moved = true;
    while (moved) {
      moved = device.work();
      moved = device.take() || moved;
    }
    device.readOlder();
    device.takeOlder();
    if (device.state.rev === hub.rev && device.unanswered.size === 0) break;
    // What the hub does when it compares heads: the last frames may have been lost with nothing after them.
    if (device.state.cursor !== null) device.session?.sync(device.state.cursor);
    device.sendMarks();
  }
}

/** @param {ModelHub} hub @param {Device} device */
function compare(hub, device) {
  const { state } = device;
  assert.equal(state.rev, hub.rev);
  assert.equal(state.pending.size, 0);
  assert.deepEqual(state.counts, hub.counts());
  assert.deepEqual(state.shownCounts(), hub.counts());
  for (const [id, item] of state.items) {
    const row = hub.rows.get(id);
    assert.equal(row?.removed, false, `${id} was removed`);
    assert.deepEqual(item, row?.item);
  }
  while (state.main.cursor !== null) {
    device.askOlder();
    device.readOlder();
    device.takeOlder();
  }
  assert.deepEqual(state.view(), hub.list());
}

test("at every quiet point a client holds exactly what the hub lists", () => {
  const schedule = fc.array(step, { minLength: 5, maxLength: 160, size: "max" });
  fc.assert(
    fc.property(schedule, fc.integer({ min: 1, max: 4 }), (steps, pageSize) => {
      const hub = new ModelHub(pageSize);
      const devices = [new Device(hub), new Device(hub)];
      for (const { what, device: which, pick, other } of steps) {
        const device = /** @type {Device} */ (devices[which]);
        const ids = [...hub.rows.keys()];
        const id = ids[pick % Math.max(1, ids.length)];
        const { incoming } = device;
        const action = /** @type {(typeof ACTIONS)[number]} */ (ACTIONS[pick % ACTIONS.length]);
        const until = action === "snooze" ? { until: `203${other % 3}-01-01T00:00:00.000Z` } : {};
        const at = incoming.findIndex((frame, index) => index >= other % 3 && isLive(frame));
        if (what === "publish") hub.publish({ category: CATEGORIES[pick % 2], tags: other % 3 ? [] : ["a"] });
        else if (what === "collapse") hub.publish({ collapse: `key-${pick % 2}` });
        else if (what === "mark" && id)
          device.mark({ action, ids: [...new Set([id, ids[other % ids.length] ?? id])], ...until });
        else if (what === "markAll") {
          const filter = other % 3 === 0 ? { category: CATEGORIES[0] } : other % 3 === 1 ? { tag: "a" } : {};
          device.mark({ action, all: true, upto: device.state.seq, ...filter, ...until });
        } else if (what === "withdraw" && id) hub.withdraw(id);
        else if (what === "wake" && id) hub.wake(id);
        else if (what === "restore" && other % 4 === 0) hub.restore();
        else if (what === "connect") device.connect();
        else if (what === "disconnect") device.disconnect();
        else if (what === "work") device.work();
        else if (what === "take") device.take();
        else if (what === "lose" && at >= 0) incoming.splice(at, 1);
        else if (what === "swap" && at >= 0 && isLive(incoming[at + 1]))
          incoming.splice(at, 2, ...incoming.slice(at, at + 2).reverse());
        else if (what === "repeat" && at >= 0)
          incoming.splice(at, 0, .../** @type {Frame[]} */ (incoming.slice(at, at + 1)));
        else if (what === "askOlder") device.askOlder();
        else if (what === "readOlder") device.readOlder();
        else if (what === "takeOlder") device.takeOlder();
      }
      for (let round = 0; round < 2; round++) for (const device of devices) settle(hub, device);
      for (const device of devices) settle(hub, device);
      for (const device of devices) compare(hub, device);
    }),
    { numRuns: Number(process.env.HUB_WIDGET_RUNS ?? 3000) },
  );
});

/** @param {Frame | undefined} frame */
function isLive(frame) {
  return frame !== undefined && (frame.type === "item" || frame.type === "update" || frame.type === "removed");
}
