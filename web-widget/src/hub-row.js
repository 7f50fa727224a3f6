/**
 * One notification in the feed: built once per item, then only what changed is touched. Loaded with the panel
 * (hub-loader.js).
 */

import { categoryName } from "./hub-category.js";
import { ago, dayName } from "./hub-times.js";

/** @import { PanelHost } from "./hub-loader.js" */
/** @import { Action, Item } from "./hub-state.js" */
/** @import { Entry } from "./hub-threads.js" */

/**
 * @typedef {object} RowHost what a row asks of the feed it is in
 * @property {(type: "hub-activate" | "hub-action", item: Item, event: MouseEvent, action?: Action) => void} activate
 * @property {(row: Row) => void} toggle read or unread
 * @property {(row: Row) => void} archive into the archive or back
 * @property {(row: Row) => void} unfold the thread, or fold it
 */

/**
 * @typedef {object} Row
 * @property {HTMLElement} element
 * @property {HTMLElement} focusable what the keys go to from row to row
 * @property {Entry} entry
 * @property {string} day the day that it came, as its separator says it
 * @property {Item[]} items what marking this row is about: a folded thread is handled as one
 * @property {boolean} unread
 * @property {(entry: Entry) => boolean} update shows the entry, of the same item, as it is now; false when a new row
 *   has to be built: its content is another, or the page draws it
 * @property {(now: number) => void} tell says how long ago it was; milliseconds since the epoch
 */

/** Beside these it says what the catalogue has for several modules. */
export const WORDS = {
  menu: "More options",
  less: "Show less",
  now: "now",
};

/** Times are told anew so often. */
const TICK_MS = 30_000;

const CHECK = "M5 12.5l4.5 4.5L19 7.5";
const ARCHIVE = "M4 8h16v11a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1zM3 4h18v4H3zM10 12h4";
const RESTORE = "M4 13h5a3 3 0 0 0 6 0h5M12 3v7m-3-3 3 3 3-3M6 6l-2 7v6h16v-6l-2-7";
const MENU = "M5 12h.01M12 12h.01M19 12h.01";
const ALERT = "M12 8v5m0 3.5v.01M12 3l10 18H2z";

const CSS = `
.row {
  padding: 0 8px;
}
.row[data-day]::before {
  content: attr(data-day);
  display: block;
  padding: 8px 8px 4px;
  font-size: 12px;
  font-weight: 550;
  color: var(--_muted);
}
.card {
  position: relative;
  display: flex;
  gap: var(--_gap);
  padding-block: var(--_gap);
  padding-inline: 20px 8px;
  border-radius: 10px;
}
.sub .card {
  margin-inline-start: 20px;
}
.card:hover,
.card:has(:focus-visible, .more[aria-expanded="true"]) {
  background: var(--_hover);
}
.unread .card::before {
  content: "";
  position: absolute;
  inset-block-start: calc(var(--_gap) + var(--_face) / 2 - 4px);
  inset-inline-start: 6px;
  width: 8px;
  height: 8px;
  border-radius: 50%;
  background: var(--_accent);
}
.avatar {
  width: var(--_face);
  height: var(--_face);
  overflow: hidden;
  border-radius: var(--hub-avatar-radius, 50%);
  font-size: 13px;
  font-weight: 600;
  background: light-dark(oklch(0.93 0.045 var(--_hue)), oklch(0.34 0.06 var(--_hue)));
  color: light-dark(oklch(0.42 0.12 var(--_hue)), oklch(0.88 0.08 var(--_hue)));
}
.thing {
  border-radius: var(--hub-avatar-radius, 8px);
}
.avatar img {
  position: absolute;
  width: 100%;
  height: 100%;
  object-fit: cover;
}
.text {
  flex: 1;
  min-width: 0;
}
.line {
  display: flex;
  gap: 12px;
}
.title {
  flex: 1;
  min-width: 0;
  text-decoration: none;
  color: inherit;
}
.title,
.body {
  display: -webkit-box;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 3;
  text-align: -webkit-match-parent;
  text-align: match-parent;
  overflow: hidden;
  overflow-wrap: anywhere;
  text-wrap: pretty;
}
.title::after {
  content: "";
  position: absolute;
  inset: 0;
  border-radius: 10px;
}
.title:focus-visible {
  outline: none;
}
.title:focus-visible::after {
  outline: 2px solid var(--_accent);
}
.unread .title {
  font-weight: 600;
}
time,
.meta {
  font-size: 12px;
  line-height: 20px;
  color: var(--_muted);
  white-space: nowrap;
}
.body {
  margin: 0;
  font-size: 13px;
  color: var(--_muted);
  -webkit-line-clamp: 2;
}
:host([density="compact"]) .body {
  -webkit-line-clamp: 1;
}
.meta {
  display: flex;
  align-items: center;
  gap: 8px;
  min-height: 20px;
  margin-block-start: 2px;
}
.category {
  unicode-bidi: plaintext;
  overflow: hidden;
  text-overflow: ellipsis;
}
.urgent {
  display: flex;
  align-items: center;
  gap: 4px;
  font-weight: 600;
  color: var(--_danger);
}
.urgent svg {
  width: 14px;
  height: 14px;
}
.actions {
  display: flex;
  flex-wrap: wrap;
  gap: 8px;
  padding-block: 8px 4px;
}
.thread {
  padding-inline: 5px;
  margin-block: -4px;
  border-color: transparent;
  background: none;
}
.picture {
  flex: none;
  width: 44px;
  height: 44px;
  border-radius: var(--hub-avatar-radius, 8px);
  object-fit: cover;
}
.tools {
  position: absolute;
  z-index: 1;
  inset-block-end: calc(var(--_gap) - 4px);
  inset-inline-end: 8px;
  display: flex;
  border-radius: 8px;
  background: var(--_surface);
  box-shadow: 0 0 0 1px var(--_line), 0 2px 8px rgb(0 0 0 / 0.08);
}
.card:not(:hover, :has(:focus-visible, .more[aria-expanded="true"])) .tools {
  opacity: 0;
}
@media (hover: none) {
  .card .tools {
    opacity: 1 !important;
    background: none;
    box-shadow: none;
  }
}
@media (prefers-reduced-motion: no-preference) {
  .fresh .card {
    animation: open 0.4s cubic-bezier(0.2, 0.8, 0.3, 1);
  }
}
`;

/** @param {PanelHost} host */
export function createRows(host) {
  const { h, icon, iconButton, name, safeLink, setAttribute, adopt } = host.toolkit;
  adopt(CSS);
  /** @type {PanelHost["words"]} */
  let said;
  /** @type {typeof WORDS & PanelHost["words"]} made anew where the host's are others: rows are many */
  let words;

  /**
   * An image from outside, which goes when it cannot be had; null unless its address is https or http.
   * @param {string | null | undefined} address
   * @param {string} [kind] its class
   */
  const picture = (address, kind) => {
    const src = safeLink(address, /^https?:/);
    if (!src) return null;
    const attributes = { class: kind, src, loading: "lazy", referrerpolicy: "no-referrer" };
    const image = h("img", { ...attributes, error: () => image.remove() });
    image.alt = "";
    return image;
  };

  /** @param {Item} item the face of who did it, else the first letter of what it is about */
  const avatar = ({ actor, category }) => {
    const who = actor?.name || actor?.id || category || "?";
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
  };

  /**
   * @param {Entry} entry
   * @param {RowHost} list
   * @returns {Row}
   */
  return (entry, list) => {
    const { renderItem } = host;
    const { item } = entry;
    if (said !== host.words) words = { ...WORDS, ...(said = host.words) };
    const target = host.getAttribute("target");
    /** @param {string} kind @param {string | null | undefined} url @param {(event: MouseEvent) => void} click */
    const control = (kind, url, click) => {
      const href = safeLink(url);
      return href
        ? h("a", { class: kind, part: kind, href, target, rel: target && "noopener", click, auxclick: click })
        : h("button", { class: kind, part: kind, type: "button", click });
    };
    const title = control("title", item.action_url, (event) => list.activate("hub-activate", row.entry.item, event));
    // Of its own direction: a Latin title in an Arabic page keeps its full stop, and is cut, at its own end.
    title.dir = "auto";
    title.append(item.title);
    const actions = (item.actions ?? []).map((action) => {
      const button = control("action", action.url, (event) =>
        list.activate("hub-action", row.entry.item, event, action),
      );
      button.append(action.label);
      return button;
    });
    const time = h("time", { datetime: item.created_at });
    const toggle = iconButton("toggle", CHECK, () => list.toggle(row));
    const archive = iconButton("archive", "", () => list.archive(row));
    const menu = iconButton("more", MENU, async () => {
      const module = await import("./hub-menu.js").catch(() => null);
      if (!module) host.speaker.say(words.failed);
      // Not where the row is gone meanwhile.
      else if (menu.isConnected) module.openMenu(host.toolkit, { item: row.entry.item, anchor: menu });
    });
    menu.ariaHasPopup = "menu";
    name(menu, `${words.menu}: ${item.title}`, words.menu);
    const thread = h("button", { class: "thread", part: "thread", type: "button", click: () => list.unfold(row) });
    const content = h(
      "div",
      { class: "card" },
      avatar(item),
      h(
        "div",
        { class: "text" },
        h("div", { class: "line" }, title, time),
        item.body && h("p", { class: "body", dir: "auto" }, item.body),
        actions.length > 0 && h("div", { class: "actions" }, ...actions),
        h(
          "div",
          { class: "meta" },
          item.priority === "critical" && h("span", { class: "urgent" }, icon(ALERT), words.critical),
          item.category &&
            item.category !== "general" &&
            h("span", { class: "category", part: "category" }, categoryName(item.category)),
          thread,
        ),
      ),
      picture(item.image_url, "picture"),
      h("div", { class: "tools", part: "tools" }, toggle, archive, menu),
    );
    let own;
    try {
      own = renderItem?.(item, content);
    } catch (error) {
      // The page's mistake is told where its others are, and the list goes on.
      reportError(error);
    }
    const element = h("article", { class: "row", part: "item", "aria-label": item.title }, own ?? content);
    /** @type {HTMLElement} */
    let focusable = title;
    if (own && !own.contains(title)) {
      focusable = element;
      element.tabIndex = 0;
    }

    /** The half minute at which the time was last told. */
    let told = 0;
    const show = () => {
      const { unread } = row;
      const { more, open, sub } = row.entry;
      const { archived_at } = row.entry.item;
      element.classList.toggle("unread", unread);
      element.classList.toggle("sub", sub);
      thread.hidden = !more.length;
      thread.textContent = open ? words.less : words.more(more.length);
      setAttribute(thread, "aria-expanded", String(open));
      const read = unread ? words.markRead : words.markUnread;
      name(toggle, `${read}: ${item.title}`, read);
      const move = archived_at ? words.unarchive : words.archive;
      name(archive, `${move}: ${item.title}`, move);
      archive.querySelector("path")?.setAttribute("d", archived_at ? RESTORE : ARCHIVE);
    };
    /** @type {Row} */
    const row = {
      element,
      focusable,
      entry,
      day: "",
      get items() {
        const { item, more, open } = row.entry;
        return open ? [item] : [item, ...more];
      },
      get unread() {
        return row.items.some(({ read_at }) => !read_at);
      },
      update: (now) => {
        const { item: before, ...had } = row.entry;
        const { item } = now;
        // Content changes only with the revision; marks leave it alone.
        if (
          item !== before &&
          (renderItem ||
            ["title", "body", "action_url", "image_url"].some(
              (key) => /** @type {any} */ (item)[key] !== /** @type {any} */ (before)[key],
            ))
        )
          return false;
        row.entry = now;
        // Thousands of rows are asked at each drawing, and mostly have nothing new to show.
        if (item !== before || had.sub !== now.sub || had.more.length || now.more.length) show();
        return true;
      },
      tell: (now) => {
        const { language } = host;
        if (told === (told = Math.floor(now / TICK_MS))) return;
        const text = ago(item.created_at, now, language, words.now);
        if (time.textContent !== text) time.textContent = text;
        row.day = dayName(item.created_at, now, language);
        time.title ||= new Date(item.created_at).toLocaleString(language, { dateStyle: "full", timeStyle: "short" });
      },
    };
    show();
    return row;
  };
}
