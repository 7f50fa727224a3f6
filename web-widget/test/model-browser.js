/**
 * A browser in memory, with tabs, around a model hub: sockets, REST, BroadcastChannel, Web Locks and localStorage, whose
 * every delivery waits in one queue until the test lets it happen. A tab can be frozen (nothing goes in or out, and all
 * of it does later) or crash (nothing of it is ever seen again, and its locks are free).
 */

import { HubStore } from "../src/hub-store.js";
import { ModelHub, Session } from "./model-hub.js";

/** @import { HubStoreOptions } from "../src/hub-store.js" */
/** @import { Filter, Frame } from "../src/hub-state.js" */

/** A token of `ada` as the hub would make it, but for the signature. @param {number} [seconds] that it is good for */
export function tokenOf(user = "ada", seconds = 4e9 - Date.now() / 1000) {
  const exp = Date.now() / 1000 + seconds;
  const claims = Buffer.from(JSON.stringify({ sub: user, aud: "test", exp })).toString("base64url");
  return `e30.${claims}.signature`;
}

export class Browser {
  hub;
  /** @type {{tab: Tab, run: () => void}[]} */
  queue = [];
  /** @type {Map<string, string>} */
  stored = new Map();
  /** @type {Set<TabSocket>} */
  sockets = new Set();
  /** @type {Set<TabChannel>} */
  channels = new Set();
  /** @type {{name: string, tab: Tab, grant: () => void, lose: () => void, held: boolean}[]} */
  locks = [];
  /** How many of the next live frames get lost on their way. */
  losing = 0;
  /** How many of the next marks are refused, and of the next requests fail. */
  refusing = 0;
  failing = 0;
  /** Is told of every message between tabs. */
  overhear = (/** @type {object} */ _message) => {};
  /** Whether the hub can be reached. */
  online = true;

  /** @param {number} [pageSize] */
  constructor(pageSize = 3) {
    this.hub = new ModelHub(pageSize);
  }

  /** @param {Partial<HubStoreOptions>} [options] */
  open(options) {
    return new Tab(this, options);
  }

  /** Cut every connection, and make no other until told. @param {boolean} online */
  setOnline(online) {
    this.online = online;
    if (!online) for (const socket of this.sockets) socket.end(1006);
  }

  /** Let some deliveries happen. @param {number} [most] */
  async run(most = Infinity) {
    for (let done = 0; done < most; done++) {
      // Promises settle between two deliveries.
      await new Promise((resolve) => setImmediate(resolve));
      this.queue = this.queue.filter(({ tab }) => !tab.crashed);
      const at = this.queue.findIndex(({ tab }) => !tab.frozen);
      const [next] = at < 0 ? [] : this.queue.splice(at, 1);
      if (!next) return;
      next.run();
    }
  }

  /** @param {string} name the first in the queue gets a free lock */
  grant(name) {
    const queue = this.locks.filter((lock) => lock.name === name);
    const [first] = queue;
    if (!first || queue.some((lock) => lock.held)) return;
    first.held = true;
    first.grant();
  }
}

export class Tab {
  frozen = false;
  crashed = false;
  /** @type {{id: string, missed: boolean}[]} */
  announced = [];
  /** @type {unknown[]} */
  errors = [];

  /**
   * @param {Browser} browser
   * @param {Partial<HubStoreOptions>} [options]
   */
  constructor(browser, options) {
    this.browser = browser;
    const tab = this;
    this.store = new HubStore({
      url: "http://hub.test/",
      getToken: () => tokenOf(),
      transport: "websocket",
      random: () => 0,
      WebSocket: /** @type {any} */ (
        class extends TabSocket {
          /** @param {URL} url */
          constructor(url) {
            super(tab, url);
          }
        }
      ),
      BroadcastChannel: /** @type {any} */ (
        class extends TabChannel {
          /** @param {string} name */
          constructor(name) {
            super(tab, name);
          }
        }
      ),
      locks: /** @type {any} */ (new TabLocks(tab)),
      fetch: /** @type {any} */ ((/** @type {URL} */ url) => this.#fetch(url)),
      storage: /** @type {any} */ (storageOf(this)),
      ...options,
    });
    this.store.on("item", ({ item, missed }) => this.announced.push({ id: item.id, missed }));
    this.store.on("error", (error) => this.errors.push(error));
  }

  /** What the tab does or gets waits in the browser's queue. @param {() => void} run */
  later(run) {
    if (!this.crashed) this.browser.queue.push({ tab: this, run });
  }

  crash() {
    this.crashed = true;
    const { browser } = this;
    for (const socket of browser.sockets) if (socket.tab === this) socket.drop();
    for (const channel of browser.channels) if (channel.tab === this) channel.close();
    const names = new Set(browser.locks.map(({ name }) => name));
    browser.locks = browser.locks.filter(({ tab }) => tab !== this);
    for (const name of names) browser.grant(name);
    this.store.stop();
  }

  /** @param {URL} url @returns {Promise<Response>} */
  #fetch(url) {
    return new Promise((resolve, reject) => {
      this.later(() => {
        const { browser } = this;
        const failing = browser.failing > 0 && browser.failing--;
        const { cursor = null, ...filter } = Object.fromEntries(url.searchParams);
        const page = browser.hub.page(cursor, /** @type {Filter} */ (filter));
        this.later(() => {
          if (failing || !browser.online) reject(new TypeError("no network"));
          else resolve(Response.json(page));
        });
      });
    });
  }
}

/** A WebSocket whose other end is a session of the model hub. */
class TabSocket {
  readyState = 0;

  /** @type {string[]} what it said of the person's activity */
  states = [];
  /** @type {Session | null} */
  #session = null;

  /** @param {Tab} tab @param {URL} url */
  constructor(tab, url) {
    this.tab = tab;
    this.url = url;
    const { browser } = tab;
    tab.later(() => {
      if (this.readyState !== 0) return;
      if (!browser.online) return this.end(1006);
      this.readyState = 1;
      browser.sockets.add(this);
      this.#session = new Session(browser.hub, {
        send: (frame) => this.#deliver(frame),
        close: () => this.end(1012),
      });
      this.#tell("open", {});
    });
  }

  /** @param {string} text */
  send(text) {
    const { browser } = this.tab;
    const frame = JSON.parse(text);
    if (frame.state) this.states.push(frame.state);
    this.tab.later(() => {
      if (frame.type === "mark" && browser.refusing > 0) {
        browser.refusing -= 1;
        this.#deliver({ type: "error", ref: frame.ref, code: "forbidden", detail: "no" });
      } else {
        this.#session?.receive(frame);
        this.#step();
      }
    });
  }

  /** Gone from the hub's view. */
  drop() {
    this.readyState = 3;
    if (this.#session) this.tab.browser.hub.sessions.delete(this.#session);
    this.#session = null;
    this.tab.browser.sockets.delete(this);
  }

  close() {
    this.drop();
  }

  /** @param {number} code */
  end(code) {
    this.drop();
    this.tab.later(() => {
      this.#tell("close", { code, reason: "" });
    });
  }

  /** @param {string} type @param {object} event */
  #tell(type, event) {
    /** @type {Record<string, any>} */ (this)[`on${type}`]?.(event);
  }

  #step() {
    const session = this.#session;
    if (session?.step()) this.tab.later(() => this.#step());
  }

  /** @param {Frame} frame */
  #deliver(frame) {
    const live = frame.type === "item" || frame.type === "update" || frame.type === "removed";
    if (live && this.tab.browser.losing > 0) {
      this.tab.browser.losing -= 1;
      return;
    }
    const data = JSON.stringify(frame);
    this.tab.later(() => {
      if (this.readyState === 1) this.#tell("message", { data });
    });
  }
}

class TabChannel {
  /** @type {((event: {data: any}) => void) | null} */
  onmessage = null;
  /** @type {object[]} of a frozen tab */
  #held = [];

  /** @param {Tab} tab @param {string} name */
  constructor(tab, name) {
    this.tab = tab;
    this.name = name;
    tab.browser.channels.add(this);
  }

  /** @param {object} message */
  postMessage(message) {
    const { browser, crashed, frozen } = this.tab;
    if (crashed) return;
    if (frozen) {
      // It would have been written when it thaws.
      this.#held.push(message);
      this.tab.later(() => this.postMessage(this.#held.shift() ?? {}));
      return;
    }
    const data = structuredClone(message);
    browser.overhear(data);
    for (const channel of browser.channels) {
      if (channel === this || channel.name !== this.name) continue;
      channel.tab.later(() => browser.channels.has(channel) && channel.onmessage?.({ data }));
    }
  }

  close() {
    this.tab.browser.channels.delete(this);
  }
}

class TabLocks {
  /** @param {Tab} tab */
  constructor(tab) {
    this.tab = tab;
  }

  /**
   * @param {string} name
   * @param {LockOptions} options
   * @param {(lock: object | null) => any} callback
   */
  request(name, { ifAvailable, steal, signal }, callback) {
    const { tab } = this;
    const { browser } = tab;
    return new Promise((resolve, reject) => {
      if (tab.crashed) return;
      const free = () => {
        browser.locks = browser.locks.filter((other) => other !== lock);
        browser.grant(name);
      };
      const lock = {
        name,
        tab,
        held: false,
        grant: () =>
          tab.later(async () => {
            if (!browser.locks.includes(lock)) return;
            resolve(await callback(lock));
            free();
          }),
        lose: () => {
          browser.locks = browser.locks.filter((other) => other !== lock);
          tab.later(() => reject(new DOMException("stolen", "AbortError")));
        },
      };
      if (ifAvailable && browser.locks.some((other) => other.name === name && other.held)) {
        tab.later(() => resolve(callback(null)));
        return;
      }
      if (steal) {
        for (const other of browser.locks) if (other.name === name && other.held) other.lose();
        browser.locks.unshift(lock);
      } else {
        browser.locks.push(lock);
      }
      signal?.addEventListener("abort", () => {
        if (lock.held) return;
        browser.locks = browser.locks.filter((other) => other !== lock);
        reject(signal.reason);
      });
      browser.grant(name);
    });
  }
}

/** @param {Tab} tab */
function storageOf(tab) {
  const { stored } = tab.browser;
  return new Proxy(
    {
      getItem: (/** @type {string} */ name) => stored.get(name) ?? null,
      setItem: (/** @type {string} */ name, /** @type {string} */ text) => tab.crashed || stored.set(name, text),
      removeItem: (/** @type {string} */ name) => tab.crashed || stored.delete(name),
    },
    {
      ownKeys: () => [...stored.keys()],
      getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    },
  );
}
