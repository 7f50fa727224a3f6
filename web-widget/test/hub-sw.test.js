/** The service worker's part, run as a classic script in a context that has what it uses of a browser. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";

const SOURCE = readFileSync(new URL("../src/hub-sw.js", import.meta.url), "utf-8");
const SCOPE = "https://app.example.com/";

/** @typedef {{status: number, body?: object} | null} Answer */

/** A browser around the script: its notifications, pages, database and network. */
function browser() {
  /** @type {Record<string, (event: any) => void>} */
  const listeners = {};
  /** @type {any[]} */
  const shown = [];
  /** @type {any[]} */
  const pages = [];
  /** @type {any[]} */
  const requests = [];
  /** @type {Answer[]} */
  const answers = [];
  /** @type {string[]} */
  const opened = [];
  /** @type {string[]} */
  const syncs = [];
  const kept = { hub: "https://hub.example.com/", key: "K", renewal: "R", pending: null };
  const record = new Map([["subscription", /** @type {any} */ (kept)]]);

  const registration = {
    scope: SCOPE,
    /** @param {string} title @param {any} options */
    async showNotification(title, options) {
      const before = shown.findIndex(({ tag }) => tag === options.tag);
      if (before >= 0) shown.splice(before, 1);
      const notification = { title, ...options, close: () => shown.splice(shown.indexOf(notification), 1) };
      shown.push(notification);
    },
    /** @param {{tag: string}} filter */
    getNotifications: async ({ tag }) => shown.filter((one) => one.tag === tag),
    pushManager: { subscribe: async () => ({ toJSON: () => ({ endpoint: "fresh" }) }) },
    sync: { register: async (/** @type {string} */ tag) => void syncs.push(tag) },
  };
  const clients = {
    matchAll: async () => pages,
    openWindow: async (/** @type {string} */ url) => void opened.push(url),
  };
  const store = {
    get: (/** @type {string} */ key) => request(record.get(key)),
    put: (/** @type {any} */ value, /** @type {string} */ key) => request(void record.set(key, value)),
  };
  const database = { transaction: () => ({ objectStore: () => store }), close() {} };
  /** @param {any} url @param {any} init */
  const fetch = async (url, init) => {
    requests.push({ url, ...JSON.parse(init.body) });
    const answer = answers.length ? answers.shift() : { status: 204 };
    if (!answer) throw new TypeError("no network");
    return { status: answer.status, ok: answer.status < 300, json: async () => answer.body };
  };
  const self = {
    registration,
    clients,
    addEventListener: (/** @type {string} */ kind, /** @type {any} */ listener) => (listeners[kind] = listener),
  };
  const now = (/** @type {() => void} */ work) => setTimeout(work, 0);
  const context = { self, fetch, indexedDB: { open: () => request(database) }, URL, MessageChannel, clearTimeout };
  vm.runInNewContext(SOURCE, { ...context, setTimeout: now });

  /** @param {string} kind @param {object} fields */
  const happen = async (kind, fields) => {
    /** @type {Promise<unknown>[]} */
    const waits = [];
    const event = {
      waitUntil: (/** @type {any} */ work) => waits.push(work),
      stopImmediatePropagation() {},
      ...fields,
    };
    listeners[kind]?.(event);
    await Promise.all(waits);
    return waits.length;
  };
  /** @param {any} said */
  const push = (said) => happen("push", { data: { json: () => said } });
  return { happen, push, shown, pages, requests, answers, opened, syncs, record };
}

/** @param {any} result */
function request(result) {
  /** @type {any} */
  const made = { result };
  queueMicrotask(() => made.onsuccess());
  return made;
}

/** @param {string} id @param {object} [fields] */
const step = (id, fields) => ({ id, kind: "step", tag: id, key: id, delivery: `d-${id}`, title: `T${id}`, ...fields });

test("a step is shown and reported", async () => {
  const { push, shown, requests } = browser();
  await push(step("1", { body: "B", icon: "https://x/i.png", actions: [{ id: "a", label: "Do", url: "/do" }] }));
  assert.equal(shown.length, 1);
  assert.equal(shown[0].title, "T1");
  assert.equal(shown[0].body, "B");
  assert.equal(JSON.stringify(shown[0].actions), '[{"action":"a","title":"Do"}]');
  assert.deepEqual(requests, [{ url: "https://hub.example.com/l/push", token: "d-1", event: "shown" }]);
});

test("pushes that are not the hub's are left alone", async () => {
  const { push, happen, shown } = browser();
  for (const said of [null, 7, "x", {}, { kind: "step" }, step("1", { title: 3 }), step("1", { tag: undefined })]) {
    assert.equal(await push(said), 0);
  }
  assert.equal(await happen("push", { data: null }), 0);
  assert.equal(shown.length, 0);
});

test("those of a thread share a notification, also when they come together", async () => {
  const { push, shown } = browser();
  await Promise.all(["1", "2", "3"].map((id) => push(step(id, { tag: "thread" }))));
  assert.deepEqual(
    shown.map(({ title, renotify }) => [title, renotify]),
    [["T3 (3)", true]],
  );
  await push(step("2", { tag: "thread" }));
  assert.equal(shown[0].title, "T2 (3)", "again is not one more");
});

test("one of the same collapse key takes the other's place", async () => {
  const { push, shown } = browser();
  await push(step("1", { tag: "k", key: "k" }));
  await push(step("2", { tag: "k", key: "k" }));
  assert.deepEqual(
    shown.map(({ title }) => title),
    ["T2"],
  );
  await push({ id: "1", kind: "withdrawal", tag: "k", key: "k" });
  assert.equal(shown.length, 1, "the withdrawal of the older one closes nothing of the newer");
});

test("a withdrawal closes, or takes one out of a thread", async () => {
  const { push, shown, requests } = browser();
  for (const id of ["1", "2"]) await push(step(id, { tag: "t" }));
  requests.length = 0;
  await push({ id: "2", kind: "withdrawal", tag: "t", key: "2" });
  assert.deepEqual(
    shown.map(({ title, silent }) => [title, silent]),
    [["T1", true]],
  );
  await push({ id: "9", kind: "withdrawal", tag: "t", key: "9" });
  assert.equal(shown.length, 1);
  await push({ id: "1", kind: "withdrawal", tag: "t", key: "1" });
  assert.equal(shown.length, 0);
  assert.deepEqual(requests, []);
});

/** @param {string} url @param {boolean} takes */
function page(url, takes) {
  /** @type {any[]} */
  const got = [];
  let focused = 0;
  return {
    url,
    got,
    focus: async () => void focused++,
    get focused() {
      return focused;
    },
    postMessage: (/** @type {any} */ message, /** @type {any[]} */ [port]) => {
      got.push(message);
      if (takes) port.postMessage("taken");
    },
  };
}

/** @param {ReturnType<typeof browser>} one @param {string} [action] */
const click = (one, action = "") => one.happen("notificationclick", { notification: one.shown[0], action });

test("a click opens the page, or brings one that is open to the front, and is reported", async () => {
  for (const [url, takes, opens] of /** @type {[string, boolean, string[]][]} */ ([
    ["https://app.example.com/orders/1", false, []],
    ["https://elsewhere.example.com/orders/1", true, ["https://app.example.com/orders/1"]],
  ])) {
    const one = browser();
    one.pages.push(page(url, takes));
    await one.push(step("1", { url: "/orders/1" }));
    await click(one);
    assert.deepEqual(one.opened, opens, url);
    assert.equal(one.pages[0].focused, opens.length ? 0 : 1);
    assert.equal(one.shown.length, 0);
    assert.deepEqual(one.requests.at(-1), { url: "https://hub.example.com/l/push", token: "d-1", event: "clicked" });
  }
});

test("only http and https lead anywhere", async () => {
  const wrong = ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "http://[", undefined];
  for (const url of wrong) {
    const one = browser();
    await one.push(step("1", { url }));
    await click(one);
    assert.deepEqual(one.opened, [SCOPE], url);
  }
});

test("a button leads where it says", async () => {
  const one = browser();
  await one.push(step("1", { url: "/a", actions: [{ id: "b", label: "B", url: "https://other.example.com/b" }] }));
  await click(one, "b");
  assert.deepEqual(one.opened, ["https://other.example.com/b"]);
});

test("a report is repeated while it cannot be noted, not for ever", async () => {
  const one = browser();
  one.answers.push({ status: 202 }, null, { status: 204 });
  await one.push(step("1"));
  assert.equal(one.requests.length, 3);
  one.answers.push({ status: 202 }, { status: 202 }, { status: 202 });
  await one.push(step("2"));
  assert.equal(one.requests.length, 6);
  one.record.clear();
  await one.push(step("3"));
  assert.equal(one.shown.length, 3, "shown also where nothing is known of the hub");
  assert.equal(one.requests.length, 6);
});

test("a changed subscription is told to the hub, again while it does not answer", async () => {
  const one = browser();
  one.answers.push(null, { status: 200, body: { renewal: "R2" } });
  await one.happen("pushsubscriptionchange", {});
  const expected = { url: "https://hub.example.com/l/push/renew", token: "R", subscription: { endpoint: "fresh" } };
  assert.deepEqual(one.requests, [expected, expected]);
  assert.equal(one.record.get("subscription").renewal, "R2");
  assert.equal(one.record.get("subscription").pending, null);
  one.answers.push({ status: 503 }, null, { status: 429 });
  const given = { toJSON: () => ({ endpoint: "given" }) };
  await one.happen("pushsubscriptionchange", { newSubscription: given });
  assert.deepEqual(one.syncs, ["hub-push-renew"]);
  assert.equal(one.record.get("subscription").pending.endpoint, "given");
  one.answers.push({ status: 200, body: { renewal: "R3" } });
  await one.happen("sync", { tag: "hub-push-renew" });
  assert.equal(one.requests.at(-1)?.token, "R2");
  assert.equal(one.record.get("subscription").renewal, "R3");
});
