/**
 * <hub-inbox>: a bell with a badge, and a panel with the list, live.
 *
 *     <script type="module" src="https://hub.example/widget/hub-inbox.js"></script>
 *     <hub-inbox hub="https://hub.example"></hub-inbox>
 *     <script type="module">
 *       document.querySelector("hub-inbox").getToken = async () => (await fetch("/hub-token")).text();
 *     </script>
 *
 * Text is set as text, never as HTML, and links pass an allow-list. Works under `style-src 'self'` and `trusted-types
 * 'none'`.
 */

import { HubClient } from "./hub-client.js";
import { HubStore } from "./hub-store.js";
import { h, icon } from "./hub-dom.js";
import { Row } from "./hub-inbox-row.js";
import { styleSheet } from "./hub-inbox-style.js";
import { ENGLISH } from "./hub-inbox-text.js";
import { ORIGIN_REFUSED } from "./hub-link.js";

export { HubClient, HubStore };

/** @import { HubClientOptions } from "./hub-client.js" */
/** @import { Snapshot } from "./hub-store.js" */
/** @import { Messages } from "./hub-inbox-text.js" */
/** @import { Action, Item } from "./hub-state.js" */

const BELL = ["M6 9.5a6 6 0 0 1 12 0c0 5 2 6.5 2 6.5H4s2-1.5 2-6.5z", "M10 19.5a2.2 2.2 0 0 0 4 0"];
const CAUGHT_UP = ["M4 13l3-8h10l3 8v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1z", "M4 13h5a3 3 0 0 0 6 0h5"];
const BROKEN = [
  "M3 3l18 18",
  "M5 12.5a10 10 0 0 1 4-2.6M19 12.5a10 10 0 0 0-5-2.8",
  "M8.5 16a5 5 0 0 1 7 0",
  "M12 20h.01",
];
/** Space around the panel and between it and the bell, in CSS pixels. */
const GAP = 8;
/** Less room than this below the bell, in CSS pixels, and the panel opens above it. */
const LEAST_ROOM = 280;
const ANNOUNCE_MS = 1000;
const CLOCK_MS = 30_000;

/** Of somebody signed out, nothing stays on the screen. */
const NOTHING = { items: [], counts: { unseen: 0, unread: 0, total: 0 }, hasOlder: false, loadingOlder: false };

const Base = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (class {});

/**
 * A bell with a badge, and a panel with the list, live.
 *
 * @element hub-inbox
 * @attr hub - where the hub is; the page's origin if absent
 * @attr theme - `light` or `dark`; otherwise the page's color-scheme
 * @attr open - the panel is open
 * @attr keep-open - a click elsewhere does not close the panel
 * @attr badge - `unseen`: the badge counts what was not seen instead of what was not read
 * @attr target - of every link, as in `<a target>`
 * @attr lang - of relative times
 * @fires hub-activate - a title was followed; `detail.item`; `preventDefault()` keeps the link from being followed
 * @fires hub-action - one of an item's buttons was; `detail.item`, `detail.action`; cancelable as well
 * @fires hub-arrived - a new item came; `detail.item`
 * @fires hub-opened - the panel opened
 * @fires hub-closed - the panel closed
 * @csspart bell - the button
 * @csspart badge - the count on it
 * @csspart panel - what opens
 * @csspart header - its upper edge, with its title
 * @csspart list - the items
 * @csspart item - one of them
 * @csspart avatar - the picture or initial of who caused it
 * @csspart toggle - marks an item as read or unread
 * @csspart action - one of an item's buttons
 * @cssprop --hub-accent - of what matters: the badge, unread marks, the first button
 * @cssprop --hub-on-accent - text on the accent
 * @cssprop --hub-danger - of what is urgent or went wrong
 * @cssprop --hub-surface - the panel's background
 * @cssprop --hub-text - what is read
 * @cssprop --hub-muted - what is beside it
 * @cssprop --hub-line - borders
 * @cssprop --hub-hover - the background of what the pointer is on
 * @cssprop --hub-bell - the bell's colour
 * @cssprop --hub-badge - the badge's background
 * @cssprop --hub-radius - of the panel's corners
 * @cssprop --hub-avatar-radius - of the corners of pictures
 * @cssprop --hub-shadow - of the panel
 * @cssprop --hub-font - the font family
 * @cssprop --hub-font-size - of titles; all other sizes follow it
 * @cssprop --hub-panel-width - at most the window's
 * @cssprop --hub-panel-height - at most the window's
 */
export class HubInbox extends Base {
  static observedAttributes = ["open", "hub", "badge", "target", "lang"];

  /** @type {HubClientOptions["getToken"] | null} */
  #getToken = null;
  /** @type {HubStore | null} */
  #client = null;
  /** @type {HubStore | null} the one made here, which is also started and stopped here */
  #ownClient = null;
  /** @type {(() => void)[]} what connecting the element set up */
  #undo = [];
  /** @type {(() => void)[]} what listening to the client set up */
  #unlisten = [];
  /** @type {Messages} */
  #messages = ENGLISH;
  /** @type {Map<string, Row>} */
  #rows = new Map();
  #frame = 0;
  /** @type {Set<string>} items that arrived and were not drawn yet */
  #fresh = new Set();
  /** Items that arrived and were not announced yet. */
  #arrived = 0;
  /** Items that arrived above what is being read. */
  #above = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #announceTimer;

  #badge = h("span", { class: "badge", part: "badge", "aria-hidden": "true", hidden: true });
  #bell = h(
    "button",
    {
      class: "bell",
      part: "bell",
      type: "button",
      "aria-haspopup": "dialog",
      "aria-expanded": "false",
      click: () => this.toggle(),
    },
    icon(...BELL),
    this.#badge,
  );
  #heading = h("h2", { id: "heading" });
  #count = h("span", { class: "count", hidden: true });
  #all = h("button", { class: "all", type: "button", click: () => this.#mark({ action: "read", all: true }) });
  #banner = h("p", { class: "banner", role: "status", hidden: true });
  #newer = h("button", {
    class: "newer",
    type: "button",
    hidden: true,
    click: () => this.#scroller.scrollTo({ top: 0, behavior: "smooth" }),
  });
  #list = h("ul", { part: "list", role: "list" });
  #older = h("button", { class: "older", type: "button", hidden: true, click: () => this.#loadOlder() });
  #placeholder = h("div");
  #scroller = h("div", { class: "scroll" }, this.#newer, this.#list, this.#older, this.#placeholder);
  #panel = h(
    "div",
    { class: "panel", part: "panel", role: "dialog", "aria-labelledby": "heading", tabindex: "-1", popover: "manual" },
    h("header", { part: "header" }, this.#heading, this.#count, this.#all),
    this.#banner,
    this.#scroller,
  );
  #speaker = h("div", { class: "only-read-aloud", role: "status" });

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styleSheet()];
    root.append(this.#bell, this.#panel, this.#speaker);
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    root.addEventListener("keydown", (event) => this.#key(/** @type {KeyboardEvent} */ (event)));
  }

  connectedCallback() {
    for (const property of ["getToken", "client", "messages"]) this.#upgrade(property);
    const removals = new AbortController();
    const passive = { passive: true, signal: removals.signal };
    document.addEventListener("pointerdown", (event) => this.#pressedElsewhere(event), passive);
    document.addEventListener("visibilitychange", () => this.#changed(), passive);
    globalThis.addEventListener("resize", () => this.#place(), passive);
    globalThis.addEventListener("scroll", () => this.#place(), { ...passive, capture: true });
    const clock = setInterval(() => this.#tellTimes(), CLOCK_MS);
    this.#undo.push(
      () => removals.abort(),
      () => clearInterval(clock),
    );
    this.#attach();
    this.#words();
    if (this.hasAttribute("open")) this.#shown();
  }

  disconnectedCallback() {
    this.#detach();
    for (const undo of this.#undo.splice(0)) undo();
    clearTimeout(this.#announceTimer);
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} now
   */
  attributeChangedCallback(name, before, now) {
    if (!this.isConnected || before === now) return;
    if (name === "open" && (before === null) !== (now === null)) this.#shown();
    else if (name === "hub") this.#restart();
    else if (name !== "open") this.#rebuild();
  }

  /**
   * Asked for a client token whenever one is needed; setting it connects. Null, or a callback that gives null: nobody.
   */
  get getToken() {
    return this.#getToken;
  }

  set getToken(getToken) {
    this.#getToken = getToken;
    this.#restart();
  }

  /** The client in use: the page's own if it was set, else the one made for `getToken`. */
  get client() {
    return this.#client;
  }

  set client(client) {
    this.#detach();
    this.#client = client;
    this.#attach();
  }

  /** Words that replace the English ones. */
  get messages() {
    return this.#messages;
  }

  /** @param {Partial<Messages>} messages */
  set messages(messages) {
    this.#messages = { ...ENGLISH, ...messages };
    this.#words();
    this.#rebuild();
  }

  get open() {
    return this.hasAttribute("open");
  }

  set open(open) {
    this.toggleAttribute("open", open);
  }

  toggle() {
    this.open = !this.open;
    if (this.open) this.#panel.focus({ preventScroll: true });
  }

  /** A property set before the element was defined hides the accessor: take it over. @param {string} property */
  #upgrade(property) {
    if (!Object.hasOwn(this, property)) return;
    /** @type {Record<string, any>} */
    const self = this;
    const value = self[property];
    delete self[property];
    self[property] = value;
  }

  #restart() {
    if (this.#client !== this.#ownClient) return;
    this.#detach();
    this.#client = null;
    this.#attach();
  }

  #attach() {
    if (!this.isConnected) return;
    if (!this.#client && this.#getToken) {
      const url = this.getAttribute("hub") ?? undefined;
      this.#client = this.#ownClient = new HubStore({ getToken: () => this.#getToken?.() ?? null, url });
    }
    const client = this.#client;
    if (client) {
      this.#unlisten.push(
        client.on("change", () => this.#changed()),
        client.on("item", ({ item }) => this.#arrive(item)),
      );
      if (client === this.#ownClient) client.start();
    }
    this.#changed();
  }

  #detach() {
    for (const off of this.#unlisten.splice(0)) off();
    if (this.#client && this.#client === this.#ownClient) this.#ownClient.stop();
  }

  #words() {
    const messages = this.#messages;
    this.#heading.textContent = messages.title;
    this.#all.textContent = messages.markAll;
    this.#banner.textContent = messages.offline;
  }

  /** Throw the rows away: their words, links or language are others now. */
  #rebuild() {
    for (const row of this.#rows.values()) row.element.remove();
    this.#rows.clear();
    this.#changed();
  }

  #changed() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const messages = this.#messages;
    const snapshot = this.#client?.snapshot ?? null;
    const shown = snapshot && !snapshot.stopped ? snapshot : NOTHING;
    const { counts } = shown;
    const badge = this.getAttribute("badge") === "unseen" ? counts.unseen : counts.unread;
    this.#badge.hidden = badge === 0;
    this.#badge.textContent = badge > 99 ? "99+" : String(badge);
    this.#bell.setAttribute("aria-label", messages.bell(badge));
    this.#count.hidden = counts.unread === 0;
    this.#count.textContent = messages.unread(counts.unread);
    this.#all.disabled = counts.unread === 0;
    this.#banner.hidden = !snapshot?.ready || snapshot.status === "live" || snapshot.status === "stopped";
    this.#older.hidden = !shown.hasOlder;
    this.#older.textContent = shown.loadingOlder ? messages.loadingOlder : messages.older;
    this.#drawRows(shown.items);
    this.#drawPlaceholder(snapshot);
    if (this.open && document.visibilityState === "visible") this.#client?.seen();
  }

  /** @param {Item[]} items */
  #drawRows(items) {
    const focused = /** @type {HTMLElement | null} */ (this.shadowRoot?.activeElement?.closest("li") ?? null);
    const place = focused ? [...this.#list.children].indexOf(focused) : -1;
    const listed = new Set(items.map((item) => item.id));
    for (const [id, row] of this.#rows) {
      if (listed.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    /** @type {Element | null} */
    let next = this.#list.firstElementChild;
    for (const item of items) {
      const held = this.#rows.get(item.id)?.element;
      const { element } = this.#row(item);
      if (held && held !== element) {
        if (held === next) next = next.nextElementSibling;
        held.remove();
      }
      // A node that is moved loses the focus, so only those out of place are.
      if (element === next) next = next.nextElementSibling;
      else this.#list.insertBefore(element, next);
    }
    this.#fresh.clear();
    this.#tellTimes();
    if (place >= 0 && !focused?.isConnected) this.#focusRow(Math.min(place, items.length - 1));
  }

  /** @param {Item} item */
  #row(item) {
    const held = this.#rows.get(item.id);
    if (held?.update(item)) return held;
    const row = new Row(
      item,
      {
        onActivate: (shown, event) => this.#activate("hub-activate", { item: shown }, event),
        onAction: (shown, action, event) => this.#activate("hub-action", { item: shown, action }, event),
        onToggle: (shown) => this.#mark({ action: shown.read_at === null ? "read" : "unread", ids: [shown.id] }),
      },
      { messages: this.#messages, target: this.getAttribute("target") },
    );
    row.element.classList.toggle("fresh", this.#fresh.has(item.id));
    this.#rows.set(item.id, row);
    return row;
  }

  /** @param {Snapshot | null} snapshot */
  #drawPlaceholder(snapshot) {
    const kind = placeholderOf(snapshot);
    if (this.#placeholder.dataset.kind === kind) return;
    this.#placeholder.dataset.kind = kind;
    this.#placeholder.replaceChildren(...this.#placeholderContent(kind));
  }

  /** @param {string} kind */
  #placeholderContent(kind) {
    const messages = this.#messages;
    /** @type {(paths: string[], title: string, hint: string) => HTMLElement} */
    const state = (paths, title, hint) =>
      h("div", { class: "state" }, icon(...paths), h("strong", {}, title), h("span", {}, hint));
    if (kind === "empty") return [state(CAUGHT_UP, messages.empty, messages.emptyHint)];
    if (kind === "unreachable") return [state(BROKEN, messages.unreachable, messages.unreachableHint)];
    if (kind === "stopped" || kind === "refused") {
      const hint = kind === "refused" ? messages.refusedHint : messages.stoppedHint;
      const content = state(BROKEN, messages.stopped, hint);
      content.append(h("button", { type: "button", click: () => this.#client?.start() }, messages.retry));
      return [content];
    }
    if (kind !== "loading") return [];
    const bones = [0, 1, 2].map(() => h("div", { class: "bone" }));
    return [h("div", { class: "bones" }, h("span", { class: "only-read-aloud" }, messages.loading), ...bones)];
  }

  #tellTimes() {
    if (!this.open) return;
    const language = /** @type {HTMLElement | null} */ (this.closest("[lang]"))?.lang || undefined;
    for (const row of this.#rows.values()) row.tell(Date.now(), language);
  }

  /** The attribute `open` came or went. */
  #shown() {
    const { open } = this;
    const inside = this.#panel.contains(this.shadowRoot?.activeElement ?? null);
    this.#panel.classList.toggle("shown", open);
    if (open) {
      this.#panel.showPopover?.();
      this.#place();
      this.#scrolled();
    } else {
      this.#panel.hidePopover?.();
    }
    this.#bell.setAttribute("aria-expanded", String(open));
    if (!open && inside) this.#bell.focus();
    this.#changed();
    this.dispatchEvent(new CustomEvent(open ? "hub-opened" : "hub-closed", { bubbles: true, composed: true }));
  }

  /** Beside the bell, in the page's coordinates: the panel is in the top layer and scrolls with the page. */
  #place() {
    if (!this.open) return;
    const bell = this.#bell.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    const { style } = this.#panel;
    const below = clientHeight - bell.bottom - 2 * GAP;
    const above = bell.top - 2 * GAP;
    // One that stays open is part of the page, which can be scrolled to all of it.
    const stays = this.hasAttribute("keep-open");
    const upwards = !stays && below < LEAST_ROOM && above > below;
    style.setProperty("--_room", stays ? "" : `${Math.max(LEAST_ROOM, upwards ? above : below)}px`);
    const { offsetWidth: width, offsetHeight: height } = this.#panel;
    const wanted = getComputedStyle(this).direction === "rtl" ? bell.left : bell.right - width;
    const left = Math.max(GAP, Math.min(wanted, clientWidth - width - GAP));
    const top = upwards ? bell.top - GAP - height : bell.bottom + GAP;
    style.left = `${left + scrollX}px`;
    style.top = `${top + scrollY}px`;
  }

  /** @param {PointerEvent} event */
  #pressedElsewhere(event) {
    if (this.open && !this.hasAttribute("keep-open") && !event.composedPath().includes(this)) this.open = false;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape" && this.open) {
      event.stopPropagation();
      this.open = false;
      return;
    }
    const row = /** @type {HTMLElement} */ (event.target).closest("li");
    const rows = [...this.#list.children];
    const at = row ? rows.indexOf(row) : -1;
    /** @type {Record<string, number>} */
    const goals = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 };
    const goal = goals[event.key];
    const fromPanel = event.target === this.#panel && event.key === "ArrowDown";
    if (goal === undefined || rows.length === 0 || (at < 0 && !fromPanel)) return;
    event.preventDefault();
    this.#focusRow(Math.max(0, Math.min(goal, rows.length - 1)));
  }

  /** @param {number} at */
  #focusRow(at) {
    const element = /** @type {HTMLElement | undefined} */ (this.#list.children[at]);
    const row = element && this.#rows.get(element.dataset.id ?? "");
    (row?.title ?? this.#panel).focus();
  }

  #scrolled() {
    if (this.#scroller.scrollTop < GAP) {
      this.#above = 0;
      this.#newer.hidden = true;
    }
  }

  #loadOlder() {
    this.#client?.loadOlder().catch(() => {
      // The button is still there: the person tries again.
    });
  }

  /** @param {Item} item */
  #arrive(item) {
    this.dispatchEvent(new CustomEvent("hub-arrived", { bubbles: true, composed: true, detail: { item } }));
    this.#arrived += 1;
    this.#fresh.add(item.id);
    this.#bell.classList.remove("ringing");
    requestAnimationFrame(() => this.#bell.classList.add("ringing"));
    if (this.open && this.#scroller.scrollTop >= GAP) {
      this.#above += 1;
      this.#newer.hidden = false;
      this.#newer.textContent = this.#messages.newer(this.#above);
    }
    // One sentence for all that comes within a second, so that a screen reader can follow.
    this.#announceTimer ??= setTimeout(() => {
      this.#announceTimer = undefined;
      this.#speaker.textContent = this.#messages.arrived(this.#arrived);
      this.#arrived = 0;
    }, ANNOUNCE_MS);
  }

  /**
   * Tell the page; unless it cancels, the link is followed. Reading is what it means either way.
   * @param {"hub-activate" | "hub-action"} type
   * @param {{item: Item, action?: Action}} detail
   * @param {MouseEvent} event
   */
  #activate(type, detail, event) {
    if (event.type === "auxclick" && event.button !== 1) return;
    const ours = new CustomEvent(type, { bubbles: true, composed: true, cancelable: true, detail });
    if (!this.dispatchEvent(ours)) event.preventDefault();
    this.#mark({ action: "click", ids: [detail.item.id] });
  }

  /** @param {import("./hub-state.js").Mark} mark */
  #mark(mark) {
    this.#client?.mark(mark).catch(() => {
      // What was shown has been taken back; the client's `error` and its own promise say more to whoever asks there.
    });
  }
}

/**
 * @param {Snapshot | null} snapshot
 * @returns {"loading" | "empty" | "unreachable" | "stopped" | "refused" | "list"}
 */
function placeholderOf(snapshot) {
  // Signing in again mends a token, not an origin.
  if (snapshot?.stopped) return snapshot.stopped.code === ORIGIN_REFUSED ? "refused" : "stopped";
  if (!snapshot?.ready) return snapshot?.status === "waiting" ? "unreachable" : "loading";
  return snapshot.items.length ? "list" : "empty";
}

if (globalThis.customElements && !customElements.get("hub-inbox")) customElements.define("hub-inbox", HubInbox);
