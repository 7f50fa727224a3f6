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

/**
 * @typedef {object} PushOptions
 * @property {string} [url] where the hub is; the page's origin if absent
 * @property {() => string | null | Promise<string | null>} [getToken] a client token with the scope `inbox:write`
 * @property {{call: (method: string, path: string, body?: object) => Promise<any>}} [store] in place of `getToken`: a HubStore or HubClient, whose token it uses
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
 * Asks the person if need be, subscribes, and tells the hub.
 * @param {PushOptions} options
 * @returns {Promise<{id: string, endpoint: string}>} the subscription, as the hub has it
 * @throws {HubError} `not_supported`, `denied`, `no_push_key`, or what the hub refused
 */
export async function enablePush(options) {
  if (!canPush()) throw new HubError("not_supported", "this browser cannot be pushed to");
  const permission = await Notification.requestPermission();
  if (permission !== "granted") throw new HubError("denied", `the permission to notify is ${permission}`);
  const { call, base } = hubOf(options);
  const { public_key: key } = await call("GET", "v1/inbox/push-key");
  const registration = await registrationOf(options);
  const subscription = await subscribe(registration.pushManager, key);
  const stored = await call("POST", "v1/inbox/push-subscriptions", subscription.toJSON());
  await keep({ hub: base.href, key, renewal: stored.renewal, pending: null });
  return { id: stored.id, endpoint: stored.endpoint };
}

/**
 * Ends it: when the person wants so, or signs out. The hub is told first, while there is a token.
 * @param {PushOptions} options
 * @throws {HubError} the hub refused; the browser is unsubscribed all the same
 */
export async function disablePush(options) {
  if (!canPush()) return;
  const registration = options.registration ?? (await navigator.serviceWorker.getRegistration());
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
  const base = new URL(url ?? "/", globalThis.location?.href);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  if (store) return { base, call: store.call.bind(store) };
  const caller = {
    base,
    fetch: globalThis.fetch.bind(globalThis),
    token: { take: async () => (await getToken?.()) ?? null },
    traffic: () => {},
  };
  /** @param {string} method @param {string} path @param {object} [body] */
  const call = (method, path, body) => request(caller, method, path, body);
  return { base, call };
}

/** @param {PushOptions} options */
async function registrationOf({ registration, worker = "/hub-sw.js" }) {
  if (registration) return registration;
  await navigator.serviceWorker.register(worker);
  return navigator.serviceWorker.ready;
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
