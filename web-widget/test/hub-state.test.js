/** The rules of revisions one by one; what they add up to is in hub-state.property.test.js. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { InboxState } from "../src/hub-state.js";
import { ModelHub } from "./model-hub.js";

/** @import { Frame } from "../src/hub-state.js" */

/** @type {ModelHub} */
let hub;
/** @type {InboxState} */
let state;
/** @type {Frame[]} */
let frames;

beforeEach(() => {
  hub = new ModelHub(50);
  state = new InboxState();
  frames = [];
  for (let made = 0; made < 3; made++) hub.publish({ category: made ? "orders" : "builds", tags: ["a"] });
  state.apply({ type: "welcome", ...hub.welcomeItems() });
  const session = /** @type {any} */ ({ announce: (/** @type {Frame} */ frame) => frames.push(frame) });
  hub.sessions.add(session);
});

/** @returns {Frame} the frame that the hub sent last */
function sent() {
  return /** @type {Frame} */ (frames.at(-1));
}

/** @param {string} id */
function held(id) {
  return /** @type {import("../src/hub-state.js").Item} */ (state.items.get(id));
}

test("the next revision is applied, with its cursor and its counts", () => {
  hub.publish();
  assert.equal(state.apply(sent()), "applied");
  assert.equal(state.rev, 4);
  assert.equal(state.cursor, hub.cursor());
  assert.deepEqual(state.counts, { unseen: 4, unread: 4, total: 4 });
});

test("a revision already held is ignored", () => {
  hub.publish();
  state.apply(sent());
  assert.equal(state.apply(sent()), "ignored");
});

test("a revision too far is a gap and changes nothing", () => {
  hub.publish();
  hub.publish();
  assert.equal(state.apply(sent()), "gap");
  assert.equal(state.rev, 3);
  assert.equal(state.items.size, 3);
});

test("an unknown type is ignored, but with a revision ahead it is a gap", () => {
  assert.equal(state.apply({ type: "news", text: "…" }), "ignored");
  assert.equal(state.apply({ type: "news", rev: 3 }), "ignored");
  assert.equal(state.apply({ type: "news", rev: 4, cursor: "later" }), "gap");
  assert.equal(state.rev, 3);
});

test("unknown fields are ignored", () => {
  hub.publish();
  assert.equal(state.apply({ ...sent(), sparkle: true }), "applied");
});

test("changes go by since alone, even when their revision is the own one", () => {
  const item = { ...held("item-000001"), rev: 4, read_at: "2026-01-02T00:00:00.000Z" };
  const page = {
    type: "changes",
    since: 3,
    rev: 3,
    cursor: "1:3",
    items: [item],
    updates: [],
    removed: [],
    more: true,
  };
  assert.equal(state.apply(page), "applied");
  assert.equal(state.rev, 3);
  assert.equal(held(item.id).read_at, item.read_at);
  assert.equal(state.apply({ ...page, since: 4, rev: 9 }), "gap");
});

test("the own revision, the cursor and the counts never fall", () => {
  hub.publish();
  state.apply(sent());
  const old = {
    type: "changes",
    since: 2,
    rev: 3,
    cursor: hub.cursor(3),
    items: [],
    updates: [],
    removed: [],
    more: false,
  };
  assert.equal(state.apply({ ...old, counts: { unseen: 0, unread: 0, total: 0 } }), "applied");
  assert.equal(state.rev, 4);
  assert.equal(state.cursor, hub.cursor(4));
  assert.equal(state.counts.total, 4);
});

test("changes apply items, then updates, then what was removed", () => {
  const item = { ...held("item-000001"), rev: 4, title: "New title" };
  const update = { rev: 5, all: true, upto: 3, set: { read_at: "2026-01-03T00:00:00.000Z" } };
  const page = { type: "changes", since: 3, rev: 6, cursor: "1:6", items: [item], updates: [update] };
  state.apply({ ...page, removed: ["item-000002"], more: false, counts: { unseen: 2, unread: 0, total: 2 } });
  assert.equal(held(item.id).title, "New title");
  assert.equal(held(item.id).read_at, update.set.read_at);
  assert.equal(held(item.id).rev, 5);
  assert.equal(state.items.has("item-000002"), false);
});

test("an item is never replaced by one of lower revision", () => {
  hub.mark({ action: "read", ids: ["item-000001"] });
  state.apply(sent());
  const reading = state.beginReading();
  const stale = { ...held("item-000001"), rev: 1, read_at: null };
  assert.equal(state.endReading(reading, { items: [stale], next_cursor: null }), true);
  assert.notEqual(held("item-000001").read_at, null);
});

test("a time applies only where there is none, null and the end of a snooze always", () => {
  const id = "item-000001";
  const set = { seen_at: "2026-02-01T00:00:00.000Z", snoozed_until: "2026-03-01T00:00:00.000Z" };
  state.apply({ type: "update", rev: 4, cursor: "1:4", ids: [id, "unknown"], set });
  state.apply({
    type: "update",
    rev: 5,
    cursor: "1:5",
    ids: [id],
    set: { ...set, seen_at: "2026-02-02T00:00:00.000Z" },
  });
  assert.equal(held(id).seen_at, set.seen_at);
  assert.equal(held(id).rev, 4, "an update that changes nothing leaves the item's revision");
  state.apply({ type: "update", rev: 6, cursor: "1:6", ids: [id], set: { snoozed_until: "2026-04-01T00:00:00.000Z" } });
  assert.equal(held(id).snoozed_until, "2026-04-01T00:00:00.000Z");
  state.apply({ type: "update", rev: 7, cursor: "1:7", ids: [id], set: { seen_at: null } });
  assert.equal(held(id).seen_at, null);
});

test("an update on all covers items up to its seq, of its category and tag", () => {
  const set = { read_at: "2026-02-01T00:00:00.000Z" };
  state.apply({ type: "update", rev: 4, cursor: "1:4", all: true, upto: 2, category: "orders", tag: "a", set });
  const read = [...state.items.values()].filter((item) => item.read_at !== null).map((item) => item.id);
  assert.deepEqual(read, ["item-000002"]);
});

test("an update does not touch an item that a page brought in a later state", () => {
  const reading = state.beginReading();
  const later = { ...held("item-000001"), rev: 9 };
  state.endReading(reading, { items: [later], next_cursor: null });
  state.apply({ type: "update", rev: 4, cursor: "1:4", ids: [later.id], set: { seen_at: "2026-02-01T00:00:00.000Z" } });
  assert.equal(held(later.id).seen_at, null);
  assert.equal(state.rev, 4, "a page never moves the own revision");
});

test("frames that arrive while a page is read are applied to it", () => {
  const page = { items: [{ ...held("item-000001"), id: "old", seq: 0, rev: 0 }], next_cursor: "more" };
  const reading = state.beginReading();
  state.apply({ type: "removed", rev: 4, cursor: "1:4", ids: ["old"] });
  state.endReading(reading, page);
  assert.equal(state.items.has("old"), false);
  assert.equal(state.main.cursor, "more");
});

test("a reset discards everything: items, marks, and pages that are still being read", () => {
  const reading = state.beginReading();
  const { generation } = state;
  state.mark("1", { action: "read", ids: ["item-000001"] }, "2026-02-01T00:00:00.000Z");
  assert.equal(state.apply({ type: "reset" }), "reset");
  assert.equal(state.rev, null);
  assert.equal(state.view().length, 0);
  assert.equal(state.pending.size, 0);
  assert.equal(state.endReading(reading, { items: [...hub.list()], next_cursor: null }), false);
  assert.equal(state.items.size, 0);
  assert.equal(state.apply({ type: "item", rev: 1, item: hub.list()[0] }), "ignored", "until a welcome comes");
  state.apply({ type: "welcome", ...hub.welcomeItems() });
  assert.equal(state.rev, 3);
  assert.ok(state.generation > generation);
});

test("a mark shows at once and lasts until the own revision reaches that of its ok", () => {
  state.mark("1", { action: "read", ids: ["item-000001"] }, "2026-02-01T00:00:00.000Z");
  assert.deepEqual(state.shownCounts(), { unseen: 2, unread: 2, total: 3 });
  assert.equal(held("item-000001").read_at, null, "what the hub said is kept apart");
  const { rev } = hub.mark({ action: "read", ids: ["item-000001"] });
  state.confirm("1", rev);
  assert.equal(state.rev, 3, "an ok never moves the own revision");
  assert.equal(state.pending.size, 1);
  assert.equal(state.shownCounts().unread, 2);
  state.apply(sent());
  assert.equal(state.pending.size, 0);
  assert.deepEqual(state.shownCounts(), { unseen: 2, unread: 2, total: 3 });
});

test("a refused mark is taken back", () => {
  state.mark("1", { action: "delete", ids: ["item-000001"] }, "2026-02-01T00:00:00.000Z");
  assert.equal(state.view().length, 2);
  assert.equal(state.shownCounts().total, 2);
  state.refuse("1");
  assert.equal(state.view().length, 3);
});

test("a mark on all empties the badge, also of items on pages not loaded, but not of newer ones", () => {
  state.counts = { unseen: 40, unread: 50, total: 60 };
  state.mark("1", { action: "read", all: true, upto: state.seq }, "2026-02-01T00:00:00.000Z");
  assert.deepEqual(state.shownCounts(), { unseen: 0, unread: 0, total: 60 });
  hub.publish();
  state.apply({ ...sent(), counts: { unseen: 41, unread: 51, total: 61 } });
  assert.deepEqual(state.shownCounts(), { unseen: 1, unread: 1, total: 61 });
});

test("the view leaves out archived and snoozed items and puts pinned ones first", () => {
  hub.mark({ action: "pin", ids: ["item-000001"] });
  state.apply(sent());
  hub.mark({ action: "archive", ids: ["item-000003"] });
  state.apply(sent());
  assert.deepEqual(
    state.view().map((item) => item.id),
    ["item-000001", "item-000002"],
  );
});

test("a snapshot of the same inbox that is older, or no newer, takes nothing away", () => {
  const { lineage, items } = state.welcome();
  hub.publish();
  state.apply(sent());
  state.mark("1", { action: "read", ids: ["item-000001"] }, "2026-02-01T00:00:00.000Z");
  assert.equal(
    state.apply({ type: "welcome", lineage, rev: 3, cursor: hub.cursor(3), counts: hub.counts(), items }),
    "ignored",
  );
  assert.equal(state.rev, 4);
  assert.equal(state.apply({ ...state.welcome(), rev: 5, cursor: hub.cursor(5) }), "applied");
  assert.deepEqual([state.rev, state.pending.size, state.items.size], [5, 1, 4]);
  assert.equal(state.apply({ ...state.welcome(), lineage: "another" }), "reset");
  assert.equal(state.pending.size, 0);
});

test("what a snapshot leaves out is read again from the top", () => {
  hub.mark({ action: "pin", ids: ["item-000001"] });
  state.apply(sent());
  const kept = new InboxState();
  kept.apply(JSON.parse(JSON.stringify(state.welcome(2))));
  assert.deepEqual(
    kept.view().map(({ id }) => id),
    ["item-000001", "item-000003"],
  );
  assert.deepEqual([kept.main.cursor, kept.rev, kept.cursor], ["", state.rev, state.cursor]);
});
