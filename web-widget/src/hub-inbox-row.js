/** One notification in the list: built once per item, then only what changed is touched. */

import { h, icon, safeImage, safeLink } from "./hub-dom.js";
import { ago } from "./hub-inbox-text.js";

/** @import { Action, Item } from "./hub-state.js" */
/** @import { Messages } from "./hub-inbox-text.js" */

/**
 * @typedef {object} RowEvents
 * @property {(item: Item, event: MouseEvent) => void} onActivate the title was followed
 * @property {(item: Item, action: Action, event: MouseEvent) => void} onAction one of the item's own buttons
 * @property {(item: Item) => void} onToggle read or unread
 */

const CHECK = "M5 12.5l4.5 4.5L19 7.5";
const PIN = "M9 3h6l-1 7 4 3v2H6v-2l4-3z M12 15v6";

export class Row {
  /** @type {HTMLLIElement} */
  element;
  /** @type {HTMLElement} what the arrow keys go to */
  title;
  #time;
  #toggle;
  #pin;

  /**
   * @param {Item} item
   * @param {RowEvents} events
   * @param {{messages: Messages, target: string | null}} look
   */
  constructor(item, events, look) {
    this.item = item;
    this.messages = look.messages;
    const link = safeLink(item.action_url);
    const activate = (/** @type {MouseEvent} */ event) => events.onActivate(this.item, event);
    const target = look.target && { target: look.target, rel: "noopener" };
    this.title = link
      ? h("a", { class: "title", href: link, ...target, click: activate, auxclick: activate })
      : h("button", { class: "title", type: "button", click: activate });
    if (item.priority === "critical")
      this.title.append(h("span", { class: "only-read-aloud" }, `${look.messages.critical}: `));
    this.title.append(item.title);
    this.#time = h("time", { datetime: item.created_at, title: new Date(item.created_at).toLocaleString() });
    this.#pin = h("span", { class: "pin" }, icon(PIN), h("span", { class: "only-read-aloud" }, look.messages.pinned));
    this.#toggle = h(
      "button",
      { class: "toggle", type: "button", part: "toggle", click: () => events.onToggle(this.item) },
      icon(CHECK),
    );
    const actions = (item.actions ?? []).map((action) =>
      actionControl(action, target, (event) => events.onAction(this.item, action, event)),
    );
    this.element = h(
      "li",
      { class: "row", part: "item", "data-id": item.id },
      avatar(item),
      h(
        "div",
        { class: "text" },
        h("div", { class: "line" }, this.title, this.#time),
        item.body ? h("p", { class: "body" }, item.body) : null,
        h("div", { class: "meta" }, this.#pin, h("span", { class: "category" }, item.category)),
        actions.length ? h("div", { class: "actions" }, ...actions) : null,
      ),
      picture(item),
      this.#toggle,
    );
    this.#show();
  }

  /**
   * Show the item as it is now. Its content never changes under one id except by a new revision, which builds a new
   * row.
   * @param {Item} item
   * @returns {boolean} false when the content is another: build a new row
   */
  update(item) {
    const held = this.item;
    if (item === held) return true;
    if (item.title !== held.title || item.body !== held.body || item.action_url !== held.action_url) return false;
    this.item = item;
    this.#show();
    return true;
  }

  /**
   * @param {number} now milliseconds since the epoch
   * @param {string | undefined} language
   */
  tell(now, language) {
    const text = ago(this.item.created_at, now, language, this.messages.now);
    if (this.#time.textContent !== text) this.#time.textContent = text;
  }

  #show() {
    const { item, messages } = this;
    const unread = item.read_at === null;
    this.element.classList.toggle("unread", unread);
    this.element.classList.toggle("critical", item.priority === "critical");
    this.#pin.hidden = item.pinned_at === null;
    const label = unread ? messages.markRead : messages.markUnread;
    this.#toggle.setAttribute("aria-label", `${label}: ${item.title}`);
    this.#toggle.title = label;
  }
}

/** @param {Item} item the face of who did it, else the first letter of what it is about */
function avatar(item) {
  const name = item.actor?.name ?? item.actor?.id ?? item.category;
  const element = h(
    "span",
    { class: "avatar", part: "avatar", "aria-hidden": "true" },
    [...name][0]?.toUpperCase() ?? "",
  );
  element.style.setProperty("--_hue", String(hue(name)));
  const address = safeImage(item.actor?.avatar_url);
  if (address) {
    const image = h("img", {
      src: address,
      alt: "",
      loading: "lazy",
      referrerpolicy: "no-referrer",
      error: () => image.remove(),
    });
    element.append(image);
  }
  return element;
}

/** @param {Item} item */
function picture(item) {
  const address = safeImage(item.image_url);
  if (!address) return null;
  const attributes = { class: "picture", src: address, alt: "", loading: "lazy", referrerpolicy: "no-referrer" };
  const image = h("img", { ...attributes, error: () => image.remove() });
  return image;
}

/**
 * @param {Action} action
 * @param {Record<string, string> | "" | null} target
 * @param {(event: MouseEvent) => void} click
 */
function actionControl(action, target, click) {
  const link = safeLink(action.url);
  return link
    ? h("a", { class: "action", part: "action", href: link, ...(target || {}), click }, action.label)
    : h("button", { class: "action", part: "action", type: "button", click }, action.label);
}

/** @param {string} name a colour that stays the same for the same name, in degrees */
function hue(name) {
  let sum = 7;
  for (const character of name) sum = (sum * 31 + /** @type {number} */ (character.codePointAt(0))) % 3600;
  return (sum * 137) % 360;
}
