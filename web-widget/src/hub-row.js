/** One notification in the feed: built once per item, then only what changed is touched. */

import { h, icon, iconButton, name, picture, safeLink, setAttribute } from "./hub-dom.js";
import { ago, dayName } from "./hub-text.js";

/** @import { Action, Item } from "./hub-state.js" */
/** @import { Entry } from "./hub-threads.js" */
/** @import { Messages } from "./hub-text.js" */

/**
 * @typedef {object} RowHost what a row asks of the feed it is in
 * @property {Messages} words
 * @property {string | null} target of links
 * @property {((item: Item, defaultContent: HTMLElement) => Node | null) | null} renderItem
 * @property {(type: "hub-activate" | "hub-action", item: Item, event: MouseEvent, action?: Action) => void} activate
 * @property {(row: Row) => void} toggle read or unread
 * @property {(row: Row) => void} archive into the archive or back
 * @property {(row: Row, anchor: HTMLElement) => void} menu
 * @property {(row: Row) => void} unfold the thread, or fold it
 */

/** Times are told anew so often. */
export const TICK_MS = 30_000;

const CHECK = "M5 12.5l4.5 4.5L19 7.5";
const ARCHIVE = "M4 8h16v11a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1zM3 4h18v4H3zM10 12h4";
const RESTORE = "M4 13h5a3 3 0 0 0 6 0h5M12 3v7m-3-3 3 3 3-3M6 6l-2 7v6h16v-6l-2-7";
const MENU = "M5 12h.01M12 12h.01M19 12h.01";
const ALERT = "M12 8v5m0 3.5v.01M12 3l10 18H2z";

export class Row {
  /** @type {HTMLElement} */
  element;
  /** @type {HTMLElement} what the keys go to from row to row */
  focusable;
  /** @type {Entry} */
  entry;
  #host;
  #time;
  #toggle;
  #archive;
  #thread;
  /** The day that it came, as its separator says it. */
  day = "";
  /** The half minute at which the time was last told. */
  #told = 0;

  /**
   * @param {Entry} entry
   * @param {RowHost} host
   */
  constructor(entry, host) {
    const { item } = entry;
    const { words } = host;
    this.entry = entry;
    this.#host = host;
    const target = host.target && { target: host.target, rel: "noopener" };
    /** @param {string} kind @param {string | null | undefined} url @param {(event: MouseEvent) => void} click */
    const control = (kind, url, click) => {
      const href = safeLink(url);
      return href
        ? h("a", { class: kind, part: kind, href, ...target, click, auxclick: click })
        : h("button", { class: kind, part: kind, type: "button", click });
    };
    const title = control("title", item.action_url, (event) => host.activate("hub-activate", this.entry.item, event));
    // Isolated: a Latin title in an Arabic page keeps its full stop at its own end.
    title.append(h("bdi", {}, item.title));
    const actions = (item.actions ?? []).map((action) => {
      const button = control("action", action.url, (event) =>
        host.activate("hub-action", this.entry.item, event, action),
      );
      button.append(action.label);
      return button;
    });
    this.#time = h("time", { datetime: item.created_at });
    this.#toggle = iconButton("toggle", CHECK, () => host.toggle(this));
    this.#archive = iconButton("archive", "", () => host.archive(this));
    const menu = iconButton("more", MENU, () => host.menu(this, menu));
    menu.ariaHasPopup = "menu";
    name(menu, `${words.menu}: ${item.title}`, words.menu);
    this.#thread = h("button", { class: "thread", part: "thread", type: "button", click: () => host.unfold(this) });
    const content = h(
      "div",
      { class: "card" },
      avatar(item),
      h(
        "div",
        { class: "text" },
        h("div", { class: "line" }, title, this.#time),
        item.body && h("p", { class: "body" }, h("bdi", {}, item.body)),
        actions.length > 0 && h("div", { class: "actions" }, ...actions),
        h(
          "div",
          { class: "meta" },
          item.priority === "critical" && h("span", { class: "urgent" }, icon(ALERT), words.critical),
          h("span", { class: "category", part: "category" }, item.category),
          this.#thread,
        ),
      ),
      picture(item.image_url, "picture"),
      h("div", { class: "tools", part: "tools" }, this.#toggle, this.#archive, menu),
    );
    let own;
    try {
      own = host.renderItem?.(item, content);
    } catch (error) {
      // The page's mistake is told where its others are, and the list goes on.
      reportError(error);
    }
    this.element = h("article", { class: "row", part: "item", "aria-label": item.title }, own ?? content);
    this.focusable = title;
    if (own && !own.contains(title)) {
      this.focusable = this.element;
      this.element.tabIndex = 0;
    }
    this.#show();
  }

  /** The items that marking this row is about: a folded thread is handled as one. */
  get items() {
    const { item, more, open } = this.entry;
    return open ? [item] : [item, ...more];
  }

  get unread() {
    return this.items.some((item) => !item.read_at);
  }

  /**
   * Show the entry as it is now.
   * @param {Entry} entry of the same item
   * @returns {boolean} false when a new row has to be built: its content is another, or the page draws it
   */
  update(entry) {
    const before = this.entry.item;
    const { item } = entry;
    // Content changes only with the revision; marks leave it alone.
    if (
      item !== before &&
      (this.#host.renderItem ||
        ["title", "body", "action_url", "image_url"].some(
          (key) => /** @type {any} */ (item)[key] !== /** @type {any} */ (before)[key],
        ))
    )
      return false;
    const { more, sub } = this.entry;
    this.entry = entry;
    // Thousands of rows are asked at each drawing, and mostly have nothing new to show.
    if (item !== before || sub !== entry.sub || more.length || entry.more.length) this.#show();
    return true;
  }

  /**
   * Say how long ago it was.
   * @param {number} now milliseconds since the epoch
   * @param {string | undefined} language
   */
  tell(now, language) {
    const told = Math.floor(now / TICK_MS);
    if (told === this.#told) return;
    this.#told = told;
    const { created_at: created } = this.entry.item;
    const text = ago(created, now, language, this.#host.words.now);
    if (this.#time.textContent !== text) this.#time.textContent = text;
    this.day = dayName(created, now, language);
    this.#time.title ||= new Date(created).toLocaleString(language, { dateStyle: "full", timeStyle: "short" });
  }

  #show() {
    const { words } = this.#host;
    const { item, more, open, sub } = this.entry;
    const { unread } = this;
    const { classList } = this.element;
    classList.toggle("unread", unread);
    classList.toggle("sub", sub);
    this.#thread.hidden = !more.length;
    this.#thread.textContent = open ? words.less : words.more(more.length);
    setAttribute(this.#thread, "aria-expanded", String(open));
    const read = unread ? words.markRead : words.markUnread;
    name(this.#toggle, `${read}: ${item.title}`, read);
    const archive = item.archived_at ? words.unarchive : words.archive;
    name(this.#archive, `${archive}: ${item.title}`, archive);
    this.#archive.querySelector("path")?.setAttribute("d", item.archived_at ? RESTORE : ARCHIVE);
  }
}

/** @param {Item} item the face of who did it, else the first letter of what it is about */
function avatar({ actor, category }) {
  const who = actor?.name ?? actor?.id ?? category;
  const element = h(
    "span",
    { class: actor ? "avatar" : "avatar thing", part: "avatar", "aria-hidden": "true" },
    [...who][0]?.toUpperCase(),
    picture(actor?.avatar_url),
  );
  // A colour that stays the same for the same name.
  let hue = 7;
  for (const character of who) hue = (hue * 31 + /** @type {number} */ (character.codePointAt(0))) % 3600;
  element.style.setProperty("--_hue", String((hue * 137) % 360));
  return element;
}
