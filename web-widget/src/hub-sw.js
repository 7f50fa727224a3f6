/**
 * The service worker for the hub's pushes. A page hosts a worker of its own, whose only line can be
 *
 *     importScripts("https://hub.example.com/widget/hub-sw.js");
 *
 * A push of the hub is shown; those of one thread share a notification, one of the same collapse key takes the other's
 * place, and a withdrawal closes what was read elsewhere. What is shown and clicked is reported, a subscription that
 * the browser changes is renewed: with links that the hub signed, for there is no token while no page is open. All
 * other pushes are left to the page's own code.
 *
 * A classic script, because `importScripts` takes no other; nothing of it is global.
 */
(() => {
  const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
  const MEMBERS = 20; // of one notification, whose content is kept
  const REPORT_AFTER_MS = [0, 1000, 5000]; // the hub may hear of a push before the one who sent it has noted so
  const RENEW_AFTER_MS = [0, 2000, 10000];
  const ANSWER_MS = 400; // that a page has to say that it takes a click; openWindow() must follow soon

  /**
   * @typedef {object} Step
   * @property {string} id of the notification
   * @property {"step" | "withdrawal"} kind
   * @property {string} tag
   * @property {string} key
   * @property {string} delivery
   * @property {string} title
   * @property {string} [body]
   * @property {string} [url]
   * @property {string} [icon]
   * @property {{id: string, label: string, url?: string}[]} [actions]
   */

  /**
   * @typedef {object} Kept what hub-push.js leaves here when it subscribes
   * @property {string} hub its base URL
   * @property {string} key the applicationServerKey
   * @property {string} renewal
   * @property {PushSubscriptionJSON | null} [pending] what the hub could not be told yet
   */

  // One after the other: two pushes of one thread that come together must both find what the other shows.
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  const inTurn = (work) => {
    const result = last.then(work, work);
    last = result.catch(() => {});
    return result;
  };

  worker.addEventListener("push", (event) => {
    const said = read(event.data);
    if (said) event.waitUntil(said.kind === "withdrawal" ? inTurn(() => withdraw(said)) : receive(said));
  });

  worker.addEventListener("notificationclick", (event) => {
    const members = membersOf(event.notification);
    const clicked = members.at(-1);
    if (!clicked) return;
    event.stopImmediatePropagation();
    event.notification.close();
    const action = clicked.actions?.find(({ id }) => id === event.action);
    const message = { type: "hub-push-click", id: clicked.id, action: action?.id ?? null };
    const opened = open(linkOf(action?.url ?? clicked.url), message);
    event.waitUntil(Promise.all([opened, report(clicked.delivery, "clicked")]));
  });

  worker.addEventListener("pushsubscriptionchange", (event) => {
    const change = /** @type {ExtendableEvent & {newSubscription?: PushSubscription | null}} */ (event);
    change.waitUntil(resubscribe(change.newSubscription ?? null));
  });

  worker.addEventListener("sync", (event) => {
    const { tag } = /** @type {any} */ (event);
    if (tag === "hub-push-renew") /** @type {ExtendableEvent} */ (event).waitUntil(renew());
  });

  /**
   * @param {PushMessageData | null} data
   * @returns {Step | null} null: it is not the hub's
   */
  function read(data) {
    try {
      const said = data?.json();
      const known = said.kind === "step" ? typeof said.title === "string" : said.kind === "withdrawal";
      return known && [said.id, said.tag, said.key].every((part) => typeof part === "string") ? said : null;
    } catch {
      return null;
    }
  }

  /** @param {Step} said */
  async function receive(said) {
    await inTurn(async () => {
      const showing = await find(said.tag);
      const others = showing.flatMap(membersOf).filter(({ key, id }) => key !== said.key && id !== said.id);
      await show([...others, said].slice(-MEMBERS), { renotify: showing.length > 0 });
    });
    await report(said.delivery, "shown");
  }

  /** @param {Step} said */
  async function withdraw(said) {
    for (const notification of await find(said.tag)) {
      const members = membersOf(notification);
      const left = members.filter(({ id }) => id !== said.id);
      if (left.length === 0) notification.close();
      else if (left.length < members.length) await show(left, { silent: true });
    }
  }

  /**
   * @param {Step[]} members the last of them is what it says
   * @param {{renotify?: boolean, silent?: boolean}} how
   */
  async function show(members, how) {
    const said = /** @type {Step} */ (members.at(-1));
    const title = members.length > 1 ? `${said.title} (${members.length})` : said.title;
    const actions = (said.actions ?? []).map(({ id, label }) => ({ action: id, title: label }));
    const options = { tag: said.tag, body: said.body ?? "", data: { hub: { members } }, actions, ...how };
    await worker.registration.showNotification(title, said.icon ? { ...options, icon: said.icon } : options);
  }

  /** @param {string} tag @returns {Promise<Notification[]>} */
  async function find(tag) {
    return worker.registration.getNotifications({ tag });
  }

  /** @param {Notification} notification @returns {Step[]} */
  function membersOf(notification) {
    return notification.data?.hub?.members ?? [];
  }

  /**
   * @param {string | undefined} text a URL of a notification
   * @returns {URL} http, https, or relative to the page; anything else is the page itself
   */
  function linkOf(text) {
    const scope = new URL(worker.registration.scope);
    try {
      const url = new URL(text ?? "", scope);
      return url.protocol === "https:" || url.protocol === "http:" ? url : scope;
    } catch {
      return scope;
    }
  }

  /**
   * Shows the page of a URL: one that is open there; or another of the same site, if it says that it takes the click
   * (`onPushClick` in hub-push.js); else a new one.
   * @param {URL} url
   * @param {object} message
   */
  async function open(url, message) {
    const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
    const there = pages.find((page) => page.url === url.href);
    const near = there ?? pages.find((page) => new URL(page.url).origin === url.origin);
    if (near) {
      const takes = await ask(near, { ...message, url: url.href });
      if (there || takes) {
        await near.focus().catch(() => {}); // the click may be too long ago; the page has it all the same
        return;
      }
    }
    await worker.clients.openWindow(url.href);
  }

  /**
   * @param {Client} page
   * @param {object} message
   * @returns {Promise<boolean>} whether it answered
   */
  function ask(page, message) {
    const { port1, port2 } = new MessageChannel();
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ANSWER_MS);
      port1.onmessage = () => {
        clearTimeout(timer);
        resolve(true);
      };
      page.postMessage(message, [port2]);
    }).finally(() => port1.close());
  }

  /**
   * @param {string} token
   * @param {"shown" | "clicked"} event
   */
  async function report(token, event) {
    const kept = await load().catch(() => null);
    if (!kept) return;
    for (const wait of REPORT_AFTER_MS) {
      if (wait) await sleep(wait);
      const answer = await post(`${kept.hub}l/push`, { token, event });
      if (answer && answer.status !== 202) return;
    }
  }

  /** @param {PushSubscription | null} given */
  async function resubscribe(given) {
    const kept = await load();
    if (!kept) return;
    const options = { userVisibleOnly: true, applicationServerKey: kept.key };
    const fresh = given ?? (await worker.registration.pushManager.subscribe(options));
    await save({ ...kept, pending: fresh.toJSON() });
    await renew();
  }

  /** Tells the hub what takes the place of the subscription before. */
  async function renew() {
    const kept = await load();
    if (!kept?.pending) return;
    const { hub, renewal: token, pending: subscription } = kept;
    for (const wait of RENEW_AFTER_MS) {
      if (wait) await sleep(wait);
      const answer = await post(`${hub}l/push/renew`, { token, subscription });
      if (!answer || answer.status >= 500 || answer.status === 429) continue;
      // Refused for good: it was removed. The page subscribes anew when it is open, if it wants to.
      const renewal = answer.ok ? (await answer.json()).renewal : token;
      await save({ ...kept, renewal, pending: null });
      return;
    }
    const { sync } = /** @type {any} */ (worker.registration);
    await sync?.register("hub-push-renew").catch(() => {}); // when there is a network again
  }

  /**
   * @param {string} url
   * @param {object} body as text, so that no preflight is needed; nothing of the person's goes with it
   * @returns {Promise<Response | null>} null: no answer
   */
  async function post(url, body) {
    try {
      return await fetch(url, { method: "POST", body: JSON.stringify(body), credentials: "omit", cache: "no-store" });
    } catch {
      return null;
    }
  }

  /** @param {number} ms */
  function sleep(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  // What is kept: one record of one store; hub-push.js makes the same.

  /** @returns {Promise<Kept | null>} */
  async function load() {
    return (await inStore("readonly", (store) => store.get("subscription"))) ?? null;
  }

  /** @param {Kept} kept */
  async function save(kept) {
    await inStore("readwrite", (store) => store.put(kept, "subscription"));
  }

  /**
   * @template T
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest<T>} work
   * @returns {Promise<T>}
   */
  async function inStore(mode, work) {
    const opening = indexedDB.open("hub-push", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("kept");
    const database = await settled(opening);
    try {
      return await settled(work(database.transaction("kept", mode).objectStore("kept")));
    } finally {
      database.close();
    }
  }

  /** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
  function settled(request) {
    return new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }
})();
