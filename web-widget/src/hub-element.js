/**
 * What the elements of a page have in common: one store between them, words in the page's language, and a drawing that
 * is made once per frame.
 *
 * An element with `getToken` or `store` is a source. Sources of the same hub and the same `getToken` share a store,
 * which starts with the first of them and stops with the last. An element that is no source shows the store of the
 * source that its `for` names by id; without `for`, the page's only one.
 */

import { h, icon, iconButton, name, safeLink, setAttribute } from "./hub-dom.js";
import { HubStore } from "./hub-store.js";
import { adopt, styleSheet } from "./hub-style.js";
import { ENGLISH, LOCALES } from "./hub-text.js";

/** @import { HubStoreOptions } from "./hub-store.js" */
/** @import { Item } from "./hub-state.js" */
/** @import { Messages } from "./hub-text.js" */
/** @import { Words } from "./hub-words.js" */
/** @import { Toolkit } from "./hub-toolkit.js" */

/** @typedef {HubStoreOptions["getToken"]} GetToken */
/** @typedef {{store: HubStore, url: string | null, getToken: GetToken, users: Set<HubElement>}} Shared */

const CLOCK_MS = 30_000;

/** @type {Set<HubElement>} those in a document */
const elements = new Set();
/** @type {Set<Shared>} the stores made here */
const made = new Set();

function resolveAll() {
  for (const element of elements) element.resolve();
}

const Base = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (class {});

export class HubElement extends Base {
  static observedAttributes = ["hub", "for", "lang", "badge", "target", "tabs"];

  /** @type {HubStore | null} the one in use */
  #store = null;
  /** @type {HubStore | null} the page's own */
  #given = null;
  /** @type {GetToken | null} */
  #getToken = null;
  /** @type {(() => void)[]} what listening to the store set up */
  #unlisten = [];
  /** @type {AbortController | null} while in a document */
  #page = null;
  /** @type {Partial<Words>} */
  #own = {};
  /** @type {Partial<Words>} */
  #locale = {};
  #frame = 0;

  root;
  /** @type {Messages & Record<string, any>} English, over it the page's language, over it the page's own words */
  words = ENGLISH;
  /** @type {string | undefined} BCP 47, of the nearest `lang` */
  language;

  constructor() {
    super();
    this.root = this.attachShadow({ mode: "open" });
    this.root.adoptedStyleSheets = [styleSheet()];
  }

  connectedCallback() {
    // A property set before the element was defined hides the accessor: take it over.
    const self = /** @type {Record<string, any>} */ (this);
    for (const property of ["getToken", "store", "messages", "renderItem", "tabs"]) {
      if (!Object.hasOwn(this, property)) continue;
      const value = self[property];
      delete self[property];
      self[property] = value;
    }
    this.#page = new AbortController();
    const { signal } = this.#page;
    const clock = setInterval(() => document.hidden || this.changed(), CLOCK_MS);
    signal.addEventListener("abort", () => clearInterval(clock));
    document.addEventListener("visibilitychange", () => this.changed(), { signal });
    for (const event of ["online", "offline"]) globalThis.addEventListener(event, () => this.changed(), { signal });
    this.connected(signal);
    elements.add(this);
    this.#translate();
    resolveAll();
  }

  disconnectedCallback() {
    elements.delete(this);
    this.#page?.abort();
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.resolve();
    resolveAll();
  }

  /**
   * @param {string} attribute
   * @param {string | null} before
   * @param {string | null} now
   */
  attributeChangedCallback(attribute, before, now) {
    if (!elements.has(this) || before === now) return;
    if (attribute === "lang") this.#translate();
    else if (attribute === "hub" || attribute === "for") resolveAll();
    else this.rebuild();
  }

  /**
   * Asked for a client token whenever one is needed; setting it connects. Null, or a callback that gives null: nobody.
   */
  get getToken() {
    return this.#getToken;
  }

  set getToken(getToken) {
    const before = this.#shared();
    this.#getToken = getToken;
    resolveAll();
    // Who takes it away signs out: of that person nothing stays.
    if (!getToken && before && !made.has(before)) before.store.forget();
  }

  /** The store in use. One that the page sets is started and stopped by the page. */
  get store() {
    return this.#store;
  }

  set store(store) {
    this.#given = store;
    resolveAll();
  }

  /** Words that replace those of the language. */
  get messages() {
    return this.words;
  }

  /** @param {Partial<Words>} messages */
  set messages(messages) {
    this.#own = messages;
    this.#reword();
  }

  /** What modules that are loaded later are handed. @type {Toolkit} */
  get toolkit() {
    const { words, language, root } = this;
    const store = /** @type {HubStore} */ (this.#store);
    const url = this.#shared()?.url ?? undefined;
    return {
      h,
      icon,
      iconButton,
      name,
      safeLink,
      setAttribute,
      store,
      messages: words,
      language,
      url,
      host: this,
      root,
      adopt: (css) => adopt(root, css),
      reading: () => this.among((one) => one.reading),
    };
  }

  /** The list is before the person's eyes. */
  get reading() {
    return false;
  }

  /** @param {(element: HubElement) => boolean} test @returns {boolean} whether it holds for one that shows this store */
  among(test) {
    return [...elements].some((one) => one.#store === this.#store && test(one));
  }

  /** The element has come into a document. @param {AbortSignal} _signal until it leaves */
  connected(_signal) {}

  /** Show the words again, and whatever depends on attributes; to be drawn from nothing. */
  rebuild() {
    this.changed();
  }

  /** Show what there is. */
  draw() {}

  /** @param {Item} _item a new one @param {boolean} _missed it came while nobody was connected */
  arrived(_item, _missed) {}

  /** Something changed: draw with the next frame, of which a hidden page has none. */
  changed() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.draw();
    });
  }

  /**
   * @param {string} type
   * @param {object} [detail]
   * @returns {boolean} false when the page cancelled it
   */
  fire(type, detail) {
    return this.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true, cancelable: true, detail }));
  }

  /** Find the store to use, and leave the one before. */
  resolve() {
    const store = elements.has(this) ? this.#wanted() : null;
    if (store === this.#store) return;
    for (const off of this.#unlisten.splice(0)) off();
    const before = this.#shared();
    this.#store = store;
    if (before?.users.delete(this) && !before.users.size) {
      made.delete(before);
      before.store.stop();
    }
    if (store) {
      this.#shared()?.users.add(this);
      /** @type {HubStore["person"] | undefined} undefined until there is somebody */
      let person = store.person ?? undefined;
      this.#unlisten.push(
        store.subscribe(() => {
          // Of who signed out nothing stays, also in what is shown once and kept.
          if (person !== undefined && person !== store.person) this.rebuild();
          person = store.person ?? (person && null);
          this.changed();
        }),
        store.on("item", ({ item, missed }) => this.arrived(item, missed)),
      );
    }
    this.rebuild();
  }

  #shared() {
    for (const one of made) if (one.store === this.#store) return one;
    return null;
  }

  /** @returns {HubStore | null} */
  #wanted() {
    if (this.#given) return this.#given;
    const getToken = this.#getToken;
    if (getToken) {
      const url = this.getAttribute("hub");
      for (const one of made) if (one.url === url && one.getToken === getToken) return one.store;
      const store = new HubStore({
        getToken: async () => {
          try {
            return await getToken();
          } catch (error) {
            // The page's own mistake perhaps, of which the panel says only that there is no connection.
            console.warn("getToken:", error);
            throw error;
          }
        },
        url: url ?? undefined,
      });
      made.add({ store, url, getToken, users: new Set() });
      store.start();
      return store;
    }
    const id = this.getAttribute("for");
    const sources = [...elements].filter((one) => (id ? one.id === id : true) && (one.#given || one.#getToken));
    const stores = new Set(sources.map((one) => one.#wanted()));
    return stores.size === 1 ? ([...stores][0] ?? null) : null;
  }

  async #translate() {
    /** @type {Element | null} */
    let at = this;
    let found;
    while (at && !(found = at.closest("[lang]"))) at = /** @type {ShadowRoot} */ (at.getRootNode()).host ?? null;
    const language = (this.language = found?.getAttribute("lang") || undefined);
    this.#reword();
    const locale = await LOCALES[language?.split("-")[0] ?? ""]?.().catch(() => null);
    if (this.language !== language) return;
    // English, where there is none or it cannot be had.
    this.#locale = locale?.default ?? {};
    this.#reword();
  }

  #reword() {
    this.words = { ...ENGLISH, ...this.#locale, ...this.#own };
    this.rebuild();
  }
}
