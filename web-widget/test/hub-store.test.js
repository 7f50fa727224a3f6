/** The store's own promises one by one, in the tabs of a model browser; what they add up to is in its property test. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Clock } from "./clock.js";
import { Browser, tokenOf } from "./model-browser.js";

/** @import { HubStoreOptions } from "../src/hub-store.js" */
/** @import { Tab } from "./model-browser.js" */

/** @type {Clock} */
let clock;
/** @type {Browser} */
let browser;
/** @type {Tab[]} */
let tabs;

beforeEach(() => {
  clock = new Clock();
  browser = new Browser(50);
  tabs = [];
});

afterEach(() => {
  for (const { store } of tabs) store.stop();
  clock.restore();
});

/** @param {Partial<HubStoreOptions>} [options] */
async function open(options) {
  const tab = browser.open(options);
  tabs.push(tab);
  tab.store.start();
  await browser.run();
  return tab;
}

/** @param {number} seconds */
async function pass(seconds) {
  for (let second = 0; second < seconds; second++) {
    clock.pass(1);
    await browser.run();
  }
}

/** @param {Tab} tab */
const ids = ({ store }) => store.snapshot.items.map(({ id }) => id);

/** @param {number} many */
function publish(many) {
  for (let made = 0; made < many; made++) browser.hub.publish();
}

test("the snapshot is the same object until something changes, and change comes once per turn", async () => {
  const { store } = await open();
  const before = store.snapshot;
  assert.equal(store.snapshot, before);
  let changes = 0;
  const off = store.subscribe(() => (changes += 1));
  publish(1);
  await browser.run();
  assert.equal(changes, 1);
  off();
  publish(1);
  await browser.run();
  assert.equal(changes, 1);
  assert.ok(Object.isFrozen(store.snapshot));
});

test("a feed is read when somebody looks, pages from there, and follows the live frames", async () => {
  browser = new Browser(2);
  publish(5);
  const { store } = await open();
  store.mark({ action: "read", ids: ["item-000004"] });
  await browser.run();
  const feed = store.feed({ status: "unread" });
  assert.equal(store.feed({ status: "unread" }), feed);
  assert.deepEqual([feed.snapshot.ready, feed.snapshot.items], [false, []]);
  let told = 0;
  feed.subscribe(() => (told += 1));
  assert.equal(feed.snapshot.loading, true);
  await browser.run();
  assert.deepEqual(feed.snapshot.items, browser.hub.list({ status: "unread" }).slice(0, 2));
  assert.ok(told > 0);
  publish(1);
  browser.hub.mark({ action: "read", ids: ["item-000005"] });
  await browser.run();
  assert.deepEqual(
    feed.snapshot.items.map(({ id }) => id),
    ["item-000006", "item-000003"],
  );
  const older = feed.loadOlder();
  await browser.run();
  assert.equal(await older, false);
  assert.deepEqual(feed.snapshot.items, browser.hub.list({ status: "unread" }));
});

test("what is archived elsewhere and was not held makes the archive stale, and it is read again", async () => {
  browser = new Browser(2);
  publish(5);
  const { store } = await open();
  const archive = store.feed({ status: "archived" });
  archive.subscribe(() => {});
  await browser.run();
  assert.deepEqual([archive.snapshot.ready, archive.snapshot.items], [true, []]);
  browser.hub.mark({ action: "archive", ids: ["item-000001"] });
  await browser.run();
  assert.deepEqual(archive.snapshot.items, browser.hub.list({ status: "archived" }));
});

test("a feed that could not be read says why, and is read again on the next connection or refresh", async () => {
  const { store } = await open();
  browser.failing = 1;
  const feed = store.feed({ category: "general" });
  feed.subscribe(() => {});
  await browser.run();
  assert.match(String(feed.snapshot.error), /no network/);
  assert.equal(feed.snapshot.loading, false);
  publish(1);
  await browser.run();
  assert.equal(feed.snapshot.ready, false, "not tried again at every change");
  const again = feed.refresh();
  await browser.run();
  await again;
  assert.deepEqual([feed.snapshot.error, feed.snapshot.items.length], [null, 1]);
});

test("a page that is none, and one that leads to itself, are errors and not asked for again and again", async () => {
  browser = new Browser(2);
  publish(5);
  /** @type {unknown[]} what the next requests are answered with */
  const answers = [];
  let asked = 0;
  const { store } = await open({
    fetch: async () => {
      asked += 1;
      assert.ok(asked < 20, "asks for ever");
      return new Response(JSON.stringify(answers.shift() ?? null) + (answers.length ? "" : "<html>"));
    },
  });
  await assert.rejects(store.loadOlder(), { code: "http_error" });
  const archive = store.feed({ status: "archived" });
  archive.subscribe(() => {});
  for (let turn = 0; turn < 10; turn++) await browser.run();
  assert.ok(archive.snapshot.error);
  answers.push({ items: [], next_cursor: store.state.main.cursor }, null);
  await assert.rejects(store.loadOlder(), { code: "http_error" });
  assert.equal(asked, 3);
});

test("ten thousand arrivals are not all kept, and paging brings them back without a hole or a double", async () => {
  publish(60);
  const { store } = await open();
  const older = store.loadOlder();
  await browser.run();
  await older;
  // The model counts by listing everything, which is not what is tested here.
  browser.hub.counts = () => ({ unseen: 1, unread: 1, total: 1 });
  let most = 0;
  for (let round = 0; round < 100; round++) {
    publish(100);
    await browser.run();
    most = Math.max(most, store.state.items.size);
  }
  assert.ok(most <= 500, `${most} items held`);
  assert.deepEqual(store.snapshot.items, browser.hub.list().slice(0, store.snapshot.items.length));
  assert.equal(store.snapshot.hasOlder, true);
  /** @type {number[]} */
  const shown = [];
  store.subscribe(() => shown.push(store.snapshot.items.length));
  for (let pages = 0; pages < 8; pages++) {
    const before = store.snapshot.items.length;
    const page = store.loadOlder();
    await browser.run(2);
    publish(1);
    await browser.run();
    await page;
    assert.ok(store.snapshot.items.length > before, "every call brings something");
    assert.ok(Math.min(...shown) >= before, "nothing that was shown goes while a page is read");
    shown.length = 0;
    assert.deepEqual(store.snapshot.items, browser.hub.list().slice(0, store.snapshot.items.length));
  }
});

test("marks made offline show at once and are carried out on return", async () => {
  publish(2);
  const { store } = await open();
  browser.setOnline(false);
  await pass(2);
  const marked = store.mark({ action: "archive", ids: ["item-000001"] });
  assert.deepEqual([store.snapshot.counts.total, store.snapshot.pending, store.snapshot.stale], [1, 1, true]);
  browser.setOnline(true);
  await pass(3);
  assert.equal((await marked).changed, 1);
  assert.deepEqual([store.snapshot.pending, browser.hub.list().length], [0, 1]);
});

test("marks made offline outlive the page", async () => {
  publish(2);
  const first = await open();
  browser.setOnline(false);
  await pass(1);
  first.store.mark({ action: "archive", ids: ["item-000001"] }).catch(() => {});
  await pass(2);
  first.crash();
  const second = await open();
  await pass(1);
  assert.deepEqual([second.store.snapshot.ready, ids(second)], [true, ["item-000002"]]);
  browser.setOnline(true);
  await pass(3);
  assert.deepEqual(
    browser.hub.list().map(({ id }) => id),
    ["item-000002"],
  );
  assert.equal(second.store.snapshot.pending, 0);
});

test("a refused mark is taken back", async () => {
  publish(1);
  const { store } = await open();
  browser.refusing = 1;
  const refused = assert.rejects(store.mark({ action: "delete", ids: ["item-000001"] }), { code: "forbidden" });
  assert.equal(store.snapshot.items.length, 0);
  await browser.run();
  await refused;
  assert.equal(store.snapshot.items.length, 1);
});

test("the next visit shows the last inbox at once and resumes from there", async () => {
  publish(60);
  const first = await open();
  await pass(2);
  first.store.stop();
  browser.hub.publish();
  browser.setOnline(false);
  const second = await open();
  const { ready, stale, status, counts } = second.store.snapshot;
  assert.deepEqual([ready, stale, status === "live", counts.total], [true, true, false, 60]);
  assert.deepEqual(second.store.snapshot.items.length, 50);
  browser.setOnline(true);
  await pass(2);
  assert.equal(second.store.snapshot.stale, false);
  assert.deepEqual(second.announced, [{ id: "item-000061", missed: true }]);
  const older = second.store.loadOlder();
  await browser.run();
  await older;
  assert.deepEqual(second.store.snapshot.items, browser.hub.list());
});

test("the inbox is written at most once a second, and only by the tab that leads", async () => {
  let writes = 0;
  const { stored } = browser;
  const { set } = stored;
  stored.set = (...entry) => {
    writes += 1;
    return set.apply(stored, entry);
  };
  await open();
  await open();
  await pass(2);
  writes = 0;
  for (let turn = 0; turn < 5; turn++) {
    publish(1);
    await browser.run();
  }
  assert.equal(writes, 0);
  await pass(1);
  assert.equal(writes, 1);
});

test("another person's inbox is never shown, and signing out forgets it", async () => {
  publish(1);
  /** @type {string | null} */
  let token = tokenOf();
  const first = await open({ getToken: () => token });
  await pass(2);
  first.store.stop();
  assert.equal(browser.stored.size, 1);
  browser.setOnline(false);
  const other = await open({ getToken: () => tokenOf("bob") });
  assert.deepEqual([other.store.snapshot.ready, other.store.person], [false, { user: "bob", project: "test" }]);
  other.store.stop();
  token = null;
  first.store.start();
  clock.pass(0);
  await browser.run();
  assert.equal(first.store.snapshot.ready, true, "the token held is still good");
  const third = await open({ getToken: () => null });
  assert.deepEqual([third.store.snapshot.stopped?.reason, browser.stored.size], ["no token", 0]);
});

test("forget discards what is held and kept; persist: false keeps nothing", async () => {
  publish(1);
  const first = await open();
  await pass(2);
  first.store.stop();
  first.store.forget();
  assert.deepEqual([browser.stored.size, first.store.snapshot.ready], [0, false]);
  const second = await open({ persist: false });
  await pass(2);
  assert.equal(second.store.snapshot.items.length, 1);
  assert.equal(browser.stored.size, 0);
});

test("full, forbidden and broken storage is as good as none", async () => {
  publish(1);
  const broken = ["{", "null", "3", '{"welcome":{}}', '{"welcome":{"type":"welcome","items":[{}],"rev":1},"marks":[]}'];
  for (const text of broken) {
    const storage = /** @type {any} */ ({
      getItem: () => text,
      setItem: () => {
        throw new DOMException("full", "QuotaExceededError");
      },
      removeItem: () => {},
    });
    const { store } = await open({ storage });
    await pass(2);
    assert.deepEqual([store.snapshot.status, store.snapshot.items.length], ["live", 1], text);
    store.stop();
  }
});

test("six tabs share one socket and show the same; each announces an item once", async () => {
  publish(2);
  /** @type {string[]} */
  const said = [];
  browser.overhear = (message) => said.push(JSON.stringify(message));
  for (let tab = 0; tab < 6; tab++) await open();
  assert.equal(browser.sockets.size, 1);
  assert.ok(said.length > 0 && !said.join().includes(tokenOf()), "no token goes from tab to tab");
  browser.hub.mark({ action: "read", ids: ["item-000001"] });
  publish(1);
  await browser.run();
  for (const tab of tabs) {
    assert.deepEqual(tab.store.snapshot.items, browser.hub.list());
    assert.deepEqual([tab.store.snapshot.status, tab.store.snapshot.counts.unread], ["live", 2]);
    assert.deepEqual(tab.announced, [{ id: "item-000003", missed: false }]);
  }
  assert.deepEqual(
    tabs.map(({ store }) => store.snapshot.leading),
    [true, false, false, false, false, false],
  );
});

test("a tab that follows marks through the leader, and every tab shows it before the hub answers", async () => {
  publish(1);
  const [leader, follower, third] = [await open(), await open(), await open()];
  browser.setOnline(false);
  await pass(1);
  const marked = follower.store.mark({ action: "archive", ids: ["item-000001"] });
  await browser.run();
  for (const tab of [leader, follower, third]) {
    assert.deepEqual([tab.store.snapshot.items.length, tab.store.snapshot.pending], [0, 1]);
    assert.notEqual(tab.store.snapshot.status, "live");
  }
  browser.setOnline(true);
  await pass(3);
  assert.equal((await marked).changed, 1);
  for (const tab of tabs) assert.equal(tab.store.snapshot.pending, 0);
});

test("a tab that comes while the leader is offline is not live for a moment, and its mark is sent once", async () => {
  publish(1);
  const leader = await open();
  browser.setOnline(false);
  await pass(1);
  const follower = await open();
  /** @type {string[]} */
  const states = [];
  follower.store.on("state", ({ status }) => states.push(status));
  const marked = follower.store.mark({ action: "read", ids: ["item-000001"] });
  follower.store.use();
  await pass(2);
  assert.equal(leader.store.outbox.calls.size, 1);
  assert.equal(states.includes("live"), false);
  browser.setOnline(true);
  await pass(3);
  assert.equal((await marked).changed, 1);
});

test("a tab that greets before the leader knows that it leads greets again", async () => {
  const earlier = await open();
  await pass(2);
  earlier.store.stop();
  const leader = browser.open();
  tabs.push(leader);
  leader.store.start();
  await new Promise((resolve) => setImmediate(resolve));
  leader.frozen = true;
  const follower = await open({ persist: false });
  leader.frozen = false;
  // Its lock and the greeting come from two sources; neither need be first.
  browser.queue.reverse();
  await pass(6);
  assert.deepEqual([leader.store.snapshot.leading, follower.store.snapshot.status], [true, "live"]);
});

test("marks of the last visit that were answered meanwhile are not shown", async () => {
  publish(1);
  const leader = await open();
  browser.setOnline(false);
  await pass(1);
  const marked = leader.store.mark({ action: "archive", ids: ["item-000001"] });
  await pass(2);
  const { stored } = browser;
  const [[name, text] = ["", ""]] = stored;
  browser.setOnline(true);
  await pass(3);
  await marked;
  browser.hub.mark({ action: "unarchive", ids: ["item-000001"] });
  await pass(2);
  // As it was before the last second's writing.
  stored.set(name, text);
  const follower = await open();
  assert.deepEqual([follower.store.snapshot.pending, ids(follower)], [0, ["item-000001"]]);
});

for (const how of ["closed", "crashed", "frozen"]) {
  test(`when the leader is ${how}, another tab goes on from where it was`, async () => {
    publish(1);
    const [leader, ...others] = [await open(), await open(), await open()];
    if (how === "closed") leader.store.stop();
    else if (how === "crashed") leader.crash();
    else leader.frozen = true;
    const marked = others[0]?.store.mark({ action: "read", ids: ["item-000001"] });
    publish(1);
    await pass(20);
    for (const { store, announced } of others) {
      assert.equal(store.snapshot.status, "live");
      assert.deepEqual(store.snapshot.items, browser.hub.list());
      assert.deepEqual(announced, [{ id: "item-000002", missed: true }]);
    }
    assert.deepEqual(await marked, { changed: 1, unknown: [] });
    leader.frozen = false;
    await pass(2);
    assert.equal(browser.sockets.size, 1);
    if (how === "frozen") {
      assert.deepEqual([leader.store.snapshot.status, leader.store.snapshot.leading], ["live", false]);
      assert.deepEqual(leader.store.snapshot.items, browser.hub.list());
      assert.equal(leader.announced.length, 1);
    }
  });
}

test("different persons, and tabs that do not share, have a connection each", async () => {
  await open();
  await open({ getToken: () => tokenOf("bob") });
  await open({ share: false });
  await open({ locks: undefined, BroadcastChannel: undefined, share: false });
  assert.equal(browser.sockets.size, 4);
});

test("who signs out in one tab is asked for in all, and nothing of them is told or kept", async () => {
  publish(1);
  let token = /** @type {string | null} */ (tokenOf());
  const options = { getToken: () => token };
  const [leader, follower] = [await open(options), await open(options)];
  token = null;
  leader.store.token.held = null;
  leader.store.use();
  await pass(2);
  for (const { store } of [leader, follower]) {
    assert.deepEqual([store.snapshot.stopped?.reason, store.snapshot.ready, store.person], ["no token", false, null]);
  }
  assert.deepEqual([browser.sockets.size, browser.stored.size], [0, 0]);
});

test("a tab that follows stays with its leader over a new token, and leaves it with another person's", async () => {
  publish(1);
  const leader = await open();
  let user = "ada";
  let asked = 0;
  const { store } = await open({ persist: false, getToken: () => (asked++, tokenOf(user, 120)) });
  assert.deepEqual([store.snapshot.status, store.transport], ["live", "tab"]);
  await pass(100);
  assert.deepEqual([asked, store.snapshot.status, store.transport], [2, "live", "tab"]);
  user = "bob";
  await pass(100);
  assert.deepEqual([store.person?.user, store.snapshot.status, store.transport], ["bob", "live", "websocket"]);
  assert.equal(leader.store.snapshot.leading, true);
});

test("the person is active while any tab is", async () => {
  const page = Object.assign(new EventTarget(), { visibilityState: "hidden" });
  const view = new EventTarget();
  Object.assign(globalThis, { document: page, addEventListener: view.addEventListener.bind(view) });
  try {
    await open();
    page.visibilityState = "visible";
    const second = await open();
    page.visibilityState = "hidden";
    const [socket] = browser.sockets;
    assert.deepEqual([socket?.states.at(0), socket?.states.at(-1)], ["idle", "active"]);
    second.store.stop();
    await pass(2);
    assert.equal(socket?.states.at(-1), "idle");
  } finally {
    for (const name of ["document", "addEventListener"]) Reflect.deleteProperty(globalThis, name);
  }
});

test("a page that is put aside hands over, and joins again when it is back", async () => {
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const view = new EventTarget();
  Object.assign(globalThis, { document: page, addEventListener: view.addEventListener.bind(view) });
  let first;
  try {
    first = await open();
  } finally {
    Reflect.deleteProperty(globalThis, "document");
  }
  const second = await open();
  Object.assign(globalThis, { document: page });
  try {
    view.dispatchEvent(new Event("pagehide"));
    await browser.run();
    assert.deepEqual([first.store.snapshot.status, second.store.snapshot.leading], ["stopped", true]);
    publish(1);
    await browser.run();
    view.dispatchEvent(new Event("pageshow"));
    await browser.run();
    assert.deepEqual([first.store.snapshot.status, first.store.snapshot.leading], ["live", false]);
    assert.deepEqual(first.announced, [{ id: "item-000001", missed: true }]);
    first.store.stop();
    view.dispatchEvent(new Event("pageshow"));
    assert.equal(first.store.snapshot.status, "stopped");
  } finally {
    for (const name of ["document", "addEventListener"]) Reflect.deleteProperty(globalThis, name);
  }
});
