/** Subscribing a page, in a browser of which each part can fail: whatever happens leaves as a HubError. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { disablePush, enablePush } from "../src/hub-push.js";
import { HubError } from "../src/hub-rest.js";

const URL_OF_HUB = "https://hub.example.com";
const ENDPOINT = "https://push.example.com/1";
const GLOBALS = ["navigator", "Notification", "PushManager", "indexedDB", "fetch"];
const before = GLOBALS.map((name) => /** @type {const} */ ([name, Object.getOwnPropertyDescriptor(globalThis, name)]));

/** @param {string} name @param {string} message */
const dom = (name, message) => Object.assign(new Error(message), { name });

/** @param {string} name @param {unknown} value */
const put = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });

afterEach(() => {
  for (const [name, descriptor] of before) {
    if (descriptor) Object.defineProperty(globalThis, name, descriptor);
    else Reflect.deleteProperty(globalThis, name);
  }
});

/** A browser that can be pushed to, and a hub; a test replaces what is to fail. */
function browser() {
  /** @type {any[]} */
  const requests = [];
  /** @type {Record<string, any>} */
  const kept = {};
  const manager = {
    getSubscription: async () => /** @type {any} */ (null),
    /** @returns {Promise<any>} */
    subscribe: async () => ({ endpoint: ENDPOINT, toJSON: () => ({ endpoint: ENDPOINT }) }),
  };
  /** @type {any} */
  const registration = { active: {}, installing: null, waiting: null, pushManager: manager };
  const worker = {
    /** @param {string} _url @returns {Promise<any>} */
    register: async (_url) => registration,
    getRegistration: async () => registration,
    get ready() {
      return new Promise(() => {}); // as when the worker fails to install
    },
  };
  const notification = { requestPermission: async () => "granted" };
  const hub = {
    /** @param {URL} url @returns {Promise<any>} */
    answer: async (url) =>
      Response.json(
        url.pathname.endsWith("push-key") ? { public_key: "K" } : { id: "1", endpoint: ENDPOINT, renewal: "R" },
      ),
  };
  put("navigator", { serviceWorker: worker });
  put("PushManager", class {});
  put("Notification", notification);
  put("fetch", async (/** @type {URL} */ url, /** @type {any} */ init) => {
    requests.push(`${init.method} ${url.href}`);
    return hub.answer(url);
  });
  put("indexedDB", { open: () => opening(kept) });
  return { requests, kept, manager, registration, worker, notification, hub };
}

/** An IndexedDB of one store. @param {Record<string, any>} kept */
function opening(kept) {
  const store = {
    put: (/** @type {any} */ value, /** @type {string} */ key) => (kept[key] = value),
    delete: (/** @type {string} */ key) => delete kept[key],
  };
  /** @type {any} */
  const writing = { objectStore: () => store };
  /** @type {any} */
  const request = { result: { transaction: () => writing, close() {} } };
  setTimeout(() => (request.onsuccess(), setTimeout(() => writing.oncomplete())));
  return request;
}

const OPTIONS = { url: URL_OF_HUB, getToken: () => "token" };

/**
 * Fails in the one way that callers can rely on.
 * @param {string} code
 * @param {RegExp} message
 * @param {any} [options]
 */
async function refused(code, message, options = OPTIONS) {
  const error = await enablePush(options).then(
    () => assert.fail("it succeeded"),
    (/** @type {any} */ thrown) => thrown,
  );
  assert.ok(error instanceof HubError, `${error}`);
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return error;
}

test("a page is subscribed, and the worker is left what renews it", async () => {
  const { requests, kept } = browser();
  assert.deepEqual(await enablePush(OPTIONS), { id: "1", endpoint: ENDPOINT });
  assert.deepEqual(requests, [`GET ${URL_OF_HUB}/v1/inbox/push-key`, `POST ${URL_OF_HUB}/v1/inbox/push-subscriptions`]);
  assert.deepEqual(kept.subscription, { hub: `${URL_OF_HUB}/`, key: "K", renewal: "R", pending: null });
});

test("a browser without push, and a person who does not want it", async () => {
  const { notification } = browser();
  notification.requestPermission = async () => "default";
  await refused("denied", /permission to notify is default/);
  notification.requestPermission = async () => Promise.reject(new TypeError("only on a click"));
  await refused("denied", /only on a click/);
  Reflect.deleteProperty(globalThis, "PushManager");
  await refused("not_supported", /cannot be pushed to/);
});

for (const [name, code] of [
  ["NotAllowedError", "denied"],
  ["NotSupportedError", "not_supported"],
  ["NetworkError", "push_service_unreachable"],
  ["AbortError", "aborted"],
  ["InvalidAccessError", "bad_push_key"],
  ["InvalidStateError", "worker_failed"],
  ["QuotaExceededError", "failed"],
]) {
  test(`${name} of a browser that subscribes is ${code}, with its words and itself as the cause`, async () => {
    const { manager } = browser();
    const thrown = dom(`${name}`, "Registration failed - push service error");
    manager.subscribe = async () => Promise.reject(thrown);
    const error = await refused(`${code}`, /[a-z].* \(Registration failed - push service error\)$/);
    assert.equal(error.cause, thrown);
    manager.getSubscription = async () => Promise.reject(thrown);
    await refused(`${code}`, /push service error/);
  });
}

test("a service worker that is not there, or does not install, is worker_failed and no endless wait", async () => {
  const { worker, registration } = browser();
  worker.register = async () => Promise.reject(dom("SecurityError", "The script has an unsupported MIME type"));
  await refused("worker_failed", /^the service worker \/hub-sw.js cannot be registered \(The script has/);
  worker.register = async (url) => Promise.reject(new TypeError(`cannot load ${url}`));
  await refused("worker_failed", /^the service worker \/sw.js .*\(cannot load \/sw.js\)/, {
    ...OPTIONS,
    worker: "/sw.js",
  });

  const coming = Object.assign(new EventTarget(), { state: "installing" });
  Object.assign(registration, { active: null, installing: coming });
  worker.register = async () => registration;
  const waiting = refused("worker_failed", /failed to install/);
  setTimeout(() => {
    coming.state = "redundant";
    coming.dispatchEvent(new Event("statechange"));
  });
  await waiting;
});

test("a worker that is still installing is waited for", async () => {
  const { registration } = browser();
  const coming = Object.assign(new EventTarget(), { state: "installing" });
  Object.assign(registration, { active: null, installing: coming });
  setTimeout(() => {
    registration.active = coming;
    coming.dispatchEvent(new Event("statechange"));
  });
  assert.equal((await enablePush(OPTIONS)).id, "1");
});

test("what the hub refuses comes with its own code", async () => {
  const { hub } = browser();
  hub.answer = async () => Response.json({ code: "no_push_key", detail: "There is no key." }, { status: 404 });
  const error = await refused("no_push_key", /^There is no key\.$/);
  assert.equal(error.status, 404);
});

test("a hub that does not answer, something else in its place, and a URL that is none", async () => {
  const { hub } = browser();
  hub.answer = async () => Promise.reject(new TypeError("Failed to fetch"));
  await refused("unreachable", /^the hub at https:\/\/hub.example.com\/ does not answer.*\(Failed to fetch\)$/);
  hub.answer = async () => ({ status: 200, ok: true, text: async () => Promise.reject(new TypeError("cut off")) });
  await refused("unreachable", /cut off/);
  hub.answer = async () => new Response("<!doctype html>");
  await refused("not_a_hub", /https:\/\/hub.example.com\//);
  await refused("invalid_url", /https:\/\/\[ is no address/, { ...OPTIONS, url: "https://[" });
});

test("a backend that gives no token", async () => {
  browser();
  await refused("no_token", /getToken failed \(HTTP 500\)/, {
    ...OPTIONS,
    getToken: async () => Promise.reject(new Error("HTTP 500")),
  });
  await refused("no_token", /getToken failed/, { url: URL_OF_HUB });
  await refused("stopped", /no token/, { ...OPTIONS, getToken: () => null });
});

test("a browser that stores nothing is told apart: pushes arrive all the same", async () => {
  const { requests } = browser();
  put("indexedDB", {
    open: () => {
      throw dom("SecurityError", "storage is off");
    },
  });
  await refused("storage_failed", /pushes arrive.*\(storage is off\)/);
  assert.equal(requests.length, 2);
});

test("a browser is unsubscribed even when the hub cannot be told", async () => {
  const { manager, hub, kept } = browser();
  let ended = 0;
  manager.getSubscription = async () => ({ endpoint: ENDPOINT, unsubscribe: async () => ended++ });
  hub.answer = async () => Promise.reject(new TypeError("Failed to fetch"));
  kept.subscription = {};
  await assert.rejects(disablePush(OPTIONS), (error) => error instanceof HubError && error.code === "unreachable");
  assert.equal(ended, 1);
  assert.deepEqual(kept, {});
  hub.answer = async () => new Response(null, { status: 204 });
  await disablePush(OPTIONS);
  assert.equal(ended, 2);
});
