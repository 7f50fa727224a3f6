/**
 * Web push for a page: subscribes this browser, and hears of clicks on notifications.
 *
 *     const { enablePush } = await import("https://hub.example.com/widget/hub-push.js");
 *     button.onclick = () => enablePush({ url: "https://hub.example.com", getToken });
 *
 * The page hosts `/hub-sw.js`, which imports the hub's. Call `enablePush` on a click the first time, because browsers
 * ask the person; and again on later loads where `Notification.permission` is "granted": it asks nobody then, and tells
 * the hub what may have changed.
 */

import { HubError, request } from "./hub-rest.js";

const WORKER = "/hub-sw.js";

/**
 * @typedef {object} PushOptions
 * @property {string} [url] where the hub is; the page's origin if absent
 * @property {() => string | null | Promise<string | null>} [getToken] a client token with the scope `inbox:write`
 * @property {Pick<import("./hub-store.js").HubStore, "call">} [store] in place of `getToken`: a store, whose token it uses
 * @property {string} [worker] the page's own service worker
 * @property {ServiceWorkerRegistration} [registration] one that the page has registered by itself
 */

/**
 * @typedef {object} PushClick
 * @property {string} id of the notification
 * @property {string | null} action the id of the button, null when the notification itself was clicked
 * @property {string} url where it leads
 */

/** @returns {boolean} whether this browser can be pushed to; on iOS only in a web app on the home screen */
export function canPush() {
  return "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;
}

/**
 * What the browser's errors mean where it subscribes, by their names (Push API, "subscribe"; Chromium and Firefox call
 * an `AbortError` whatever their push service refuses).
 * @type {Record<string, [code: string, sentence: string]>}
 */
const REFUSALS = {
  NotAllowedError: ["denied", "the browser does not let this page be pushed to"],
  NotSupportedError: ["not_supported", "this browser cannot be pushed to"],
  NetworkError: ["push_service_unreachable", "the browser cannot reach its push service"],
  AbortError: ["aborted", "the browser gave up subscribing: its push service is blocked, switched off or refuses"],
  InvalidAccessError: ["bad_push_key", "the browser does not take the hub's key for web push"],
  InvalidStateError: ["worker_failed", "the service worker that takes the pushes is not active"],
};

/**
 * Asks the person if need be, subscribes, and tells the hub.
 * @param {PushOptions} options
 * @returns {Promise<{id: string, endpoint: string}>} the subscription, as the hub has it
 * @throws {HubError} and nothing else. `not_supported`, `denied`, `worker_failed`, `push_service_unreachable`,
 *   `aborted`, `bad_push_key`, `failed` (anything else of the browser), `storage_failed` (pushes arrive, but nothing renews them), `no_token`, `unreachable` (the
 *   hub), `invalid_url`, `not_a_hub`, or what the hub refused: `no_push_key` among it. What the browser said is its
 *   `cause`.
 */
export async function enablePush(options) {
  if (!canPush()) throw new HubError("not_supported", "this browser cannot be pushed to");
  const permission = await attempt(() => Notification.requestPermission(), "denied", "the browser does not ask");
  if (permission !== "granted") throw new HubError("denied", `the permission to notify is ${permission}`);
  const { call, base } = hubOf(options);
  const { public_key: key } = await call("GET", "v1/inbox/push-key");
  const registration = await registrationOf(options);
  const subscription = await attempt(
    () => subscribe(registration.pushManager, key),
    "failed",
    "the browser does not subscribe",
    REFUSALS,
  );
  const stored = await call("POST", "v1/inbox/push-subscriptions", subscription.toJSON());
  const record = { hub: base.href, key, renewal: stored.renewal, pending: null };
  await attempt(
    () => keep(record),
    "storage_failed",
    "this browser stores nothing: pushes arrive, but are not renewed",
  );
  return { id: stored.id, endpoint: stored.endpoint };
}

/**
 * Ends it: when the person wants so, or signs out. The hub is told first, while there is a token.
 * @param {PushOptions} options
 * @throws {HubError} the hub refused, or did not answer; the browser is unsubscribed all the same
 */
export async function disablePush(options) {
  if (!canPush()) return;
  const { worker = WORKER, registration = await navigator.serviceWorker.getRegistration(worker) } = options;
  const subscription = await registration?.pushManager.getSubscription();
  if (!subscription) return;
  try {
    await hubOf(options).call("DELETE", "v1/inbox/push-subscriptions", { endpoint: subscription.endpoint });
  } catch (error) {
    if (!(error instanceof HubError && error.status === 404)) throw error;
  } finally {
    await subscription.unsubscribe();
    await keep(null);
  }
}

/**
 * Takes clicks on notifications while this page is open, in place of a new window: the page comes to the front, and
 * goes where it leads by itself.
 * @param {(click: PushClick) => void} handler
 * @returns {() => void} ends it
 */
export function onPushClick(handler) {
  /** @param {MessageEvent} event */
  const listen = (event) => {
    if (event.data?.type !== "hub-push-click") return;
    const { id, action, url } = event.data;
    event.ports[0]?.postMessage("taken");
    handler({ id, action, url });
  };
  navigator.serviceWorker.addEventListener("message", listen);
  navigator.serviceWorker.startMessages();
  return () => navigator.serviceWorker.removeEventListener("message", listen);
}

/** @param {PushOptions} options */
function hubOf({ url, getToken, store }) {
  let base;
  try {
    base = new URL(url ?? "/", globalThis.location?.href);
  } catch (error) {
    throw failure("invalid_url", `${url} is no address of a hub`, error);
  }
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  const away = `the hub at ${base.href} does not answer, or does not allow this page's origin`;
  const asked = /** @type {NonNullable<typeof getToken>} */ (getToken); // one that is not there has failed
  const caller = {
    base,
    fetch: (/** @type {Parameters<typeof fetch>} */ ...args) =>
      attempt(() => globalThis.fetch(...args), "unreachable", away),
    token: {
      async take() {
        const token = await attempt(async () => asked(), "no_token", "getToken failed");
        if (!token) throw new HubError("stopped", "getToken gave no token: nobody is signed in");
        return token;
      },
    },
    traffic: () => {},
  };
  /**
   * @param {"GET" | "POST" | "DELETE"} method
   * @param {string} path
   * @param {object | null} [body]
   */
  const call = async (method, path, body) => {
    const answer = await attempt(
      () => (store ? store.call(method, path, body) : request(caller, method, path, body)),
      "unreachable",
      away,
    );
    if (answer === null && method !== "DELETE")
      throw new HubError("not_a_hub", `what answers at ${base.href} is no hub`);
    return answer;
  };
  return { base, call };
}

/** @param {PushOptions} options */
async function registrationOf({ registration, worker = WORKER }) {
  if (registration) return registration;
  const register = async () => active(await navigator.serviceWorker.register(worker));
  return attempt(register, "worker_failed", `the service worker ${worker} cannot be registered`);
}

/**
 * Not `navigator.serviceWorker.ready`, which waits for ever when the worker fails to install.
 * @param {ServiceWorkerRegistration} registration
 * @returns {Promise<ServiceWorkerRegistration>} the same, when it can be pushed to
 */
function active(registration) {
  const coming = registration.installing ?? registration.waiting;
  return new Promise((resolve, reject) => {
    const look = () => {
      if (registration.active) resolve(registration);
      else if (coming === null || coming.state === "redundant") reject(new Error("it failed to install"));
    };
    coming?.addEventListener("statechange", look);
    look();
  });
}

/**
 * What a step gives; its failure as a HubError, with the code that the browser's error has in `known`, or `code`.
 * @template T
 * @param {() => Promise<T>} step
 * @param {string} code
 * @param {string} sentence
 * @param {typeof REFUSALS} [known]
 * @returns {Promise<T>}
 */
async function attempt(step, code, sentence, known = {}) {
  try {
    return await step();
  } catch (error) {
    if (error instanceof HubError) throw error;
    throw failure(...(known[/** @type {any} */ (error)?.name] ?? [code, sentence]), error);
  }
}

/**
 * @param {string} code
 * @param {string} sentence
 * @param {unknown} cause
 */
function failure(code, sentence, cause) {
  const said = /** @type {any} */ (cause)?.message ?? cause;
  const error = new HubError(code, `${sentence}${said ? ` (${said})` : ""}`);
  error.cause = cause;
  return error;
}

/**
 * @param {PushManager} manager
 * @param {string} key
 * @returns {Promise<PushSubscription>} the one there is, unless it was made with another key
 */
async function subscribe(manager, key) {
  const there = await manager.getSubscription();
  if (there) {
    const bytes = there.options?.applicationServerKey;
    if (bytes && base64url(new Uint8Array(bytes)) === key) return there;
    await there.unsubscribe();
  }
  return manager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

/** @param {Uint8Array} bytes */
function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
}

/**
 * Leaves the service worker what it renews the subscription with; see hub-sw.js.
 * @param {object | null} record
 * @returns {Promise<void>}
 */
function keep(record) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("hub-push", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("kept");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const writing = database.transaction("kept", "readwrite");
      const store = writing.objectStore("kept");
      if (record === null) store.delete("subscription");
      else store.put(record, "subscription");
      writing.oncomplete = () => {
        database.close();
        resolve();
      };
      writing.onerror = writing.onabort = () => {
        database.close();
        reject(writing.error);
      };
    };
  });
}
