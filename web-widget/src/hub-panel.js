/** The inbox itself, in a popover or in the page: header, tabs, list, and the preferences in their place. */

import { h, iconButton, name, setAttribute } from "./hub-dom.js";
import { List } from "./hub-feed.js";
import { parseTabs } from "./hub-threads.js";

/** @import { FeedHost } from "./hub-feed.js" */
/** @import { Item } from "./hub-state.js" */
/** @import { Tab } from "./hub-threads.js" */

const ALL_READ = "M2 12.5l4.5 4.5L14 8m-2 7.5 1.5 1.5L21 8";
const SETTINGS =
  "M4 7h9m5 0h2M4 17h2m5 0h9M13 7a2.5 2.5 0 1 0 5 0 2.5 2.5 0 1 0-5 0M6 17a2.5 2.5 0 1 0 5 0 2.5 2.5 0 1 0-5 0";
const BACK = "M14 6l-6 6 6 6";
const CLOSE = "M6 6l12 12M18 6L6 18";

export class Panel {
  #host;
  list;
  /** @type {Tab[]} */
  #tabs = [];
  /** @type {Tab[] | null} as the page set them */
  #given = null;
  #at = 0;
  /** @type {{destroy(): void} | null} */
  #module = null;
  /** @type {{destroy(): void} | null} */
  #push = null;
  #asked = false;

  #back = iconButton("back", BACK, () => this.showList(true));
  #heading = h("h2", { id: "heading" });
  #all = iconButton("all", ALL_READ, () => this.#markAll());
  #gear = iconButton("settings", SETTINGS, () => this.#showPreferences());
  #close;
  #tablist = h("div", { class: "tabs", part: "tabs", role: "tablist" });
  #offline = h("p", { class: "banner", part: "banner", role: "status", hidden: true });
  #prompt = h("div");
  #settings = h("div", { class: "scroll", hidden: true });
  #inbox;
  element;

  /**
   * @param {FeedHost} host
   * @param {() => void} [close] what closes it; without, it is part of the page
   */
  constructor(host, close) {
    this.#host = host;
    this.list = new List(host);
    this.#close = iconButton("close", CLOSE, () => close?.());
    this.#close.hidden = !close;
    this.#inbox = h("div", { class: "inbox" }, this.#tablist, this.#prompt, this.#offline, this.list.element);
    this.element = h(
      "div",
      { class: "panel", part: "panel", tabindex: "-1", "aria-labelledby": "heading" },
      h(
        "header",
        { part: "header" },
        this.#back,
        this.#heading,
        h("slot", { name: "header" }),
        this.#all,
        this.#gear,
        this.#close,
      ),
      this.#inbox,
      this.#settings,
    );
    this.#tablist.addEventListener("keydown", (event) => this.#key(event));
  }

  get tabs() {
    return this.#given ?? parseTabs(this.#host.getAttribute("tabs"));
  }

  set tabs(tabs) {
    this.#given = tabs;
    this.rebuild();
  }

  /** The words, the tabs or the store are others: from nothing. */
  rebuild() {
    const { words } = this.#host;
    this.#tabs = this.tabs;
    this.#at = Math.min(this.#at, this.#tabs.length - 1);
    this.showList();
    this.#push?.destroy();
    this.#push = null;
    this.#asked = false;
    name(this.#all, words.markAll);
    name(this.#gear, words.settings);
    name(this.#back, words.back);
    name(this.#close, words.close);
    this.#offline.textContent = words.offline;
    this.#tablist.ariaLabel = words.title;
    this.#tablist.hidden = this.#tabs.length < 2;
    this.#tablist.replaceChildren(
      ...this.#tabs.map(({ label, status = "all", category, tag }, at) =>
        h(
          "button",
          { class: "tab", part: "tab", role: "tab", type: "button", id: `tab-${at}`, click: () => this.#select(at) },
          label || category || tag || words[status],
          status === "unread" && h("span", { class: "count", part: "count" }),
        ),
      ),
    );
    this.#select(this.#at);
  }

  /** @param {number} at */
  #select(at) {
    this.#at = at;
    [...this.#tablist.children].forEach((tab, place) => {
      setAttribute(tab, "aria-selected", String(place === at));
      setAttribute(tab, "tabindex", place === at ? "0" : "-1");
      setAttribute(tab, "aria-controls", "list");
    });
    const several = this.#tabs.length > 1;
    setAttribute(this.list.element, "role", several ? "tabpanel" : null);
    setAttribute(this.list.element, "aria-labelledby", several ? `tab-${at}` : null);
    this.list.show(this.#tabs[at] ?? {});
    this.list.element.scrollTop = 0;
    this.#host.changed();
  }

  /** @param {KeyboardEvent} event the arrows go along the tabs, the other way round from right to left */
  #key(event) {
    const step = getComputedStyle(this.#host).direction === "rtl" ? -1 : 1;
    const { length } = this.#tabs;
    /** @type {Record<string, number>} */
    const goals = { ArrowRight: this.#at + step, ArrowLeft: this.#at - step, Home: 0, End: -1 };
    let goal = goals[event.key];
    if (goal === undefined) {
      if (event.key === "ArrowDown") this.list.enter();
      return;
    }
    event.preventDefault();
    goal = (goal + length) % length;
    this.#select(goal);
    /** @type {HTMLElement} */ (this.#tablist.children[goal]).focus();
  }

  /** @param {boolean} shown whether somebody sees it */
  draw(shown) {
    const snapshot = this.#host.store?.snapshot;
    const { status = "stopped", ready, counts } = snapshot ?? {};
    const unread = (!snapshot?.stopped && counts?.unread) || 0;
    setAttribute(this.#all, "aria-disabled", String(!unread));
    for (const count of this.#tablist.querySelectorAll(".count")) {
      count.textContent = unread ? unread.toLocaleString(this.#host.language) : "";
    }
    this.#offline.hidden = !ready || status === "live" || status === "stopped";
    this.list.shown = shown;
    this.list.draw();
    if (shown && ready && !this.#asked && this.#host.hasAttribute("push")) this.#askForPush();
  }

  /** Show the list again, where the preferences are. @param {boolean} [focus] the way back leads to their button */
  showList(focus) {
    this.#module?.destroy();
    this.#module = null;
    this.#turn(false);
    if (focus) this.#gear.focus();
  }

  /** @param {boolean} settings */
  #turn(settings) {
    this.#settings.hidden = this.#back.hidden = !settings;
    this.#inbox.hidden = this.#all.hidden = this.#gear.hidden = settings;
    this.#heading.textContent = settings ? this.#host.words.settings : this.#host.words.title;
  }

  async #showPreferences() {
    this.#turn(true);
    this.#back.focus();
    const { mount } = await import("./hub-preferences.js");
    if (!this.#module && !this.#settings.hidden) this.#module = mount(this.#settings, this.#toolkit());
  }

  async #askForPush() {
    this.#asked = true;
    const { mount } = await import("./hub-push-prompt.js");
    if (this.#asked && !this.#push) this.#push = mount(this.#prompt, this.#toolkit());
  }

  #toolkit() {
    return { ...this.#host.toolkit, close: () => this.showList(true) };
  }

  #markAll() {
    const { category, tag } = this.#tabs[this.#at] ?? {};
    const { store, words, speaker } = this.#host;
    if (store?.snapshot.counts.unread)
      store.mark({ action: "read", all: true, category, tag }).catch(() => speaker.say(words.failed));
  }

  /** @param {Item} item */
  arrived(item) {
    this.list.arrived(item);
  }
}
