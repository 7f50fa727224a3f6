/**
 * The inbox itself, in a popover or in the page: header, tabs, list, and the preferences in their place. Loaded with the
 * list and its rows (hub-loader.js), which are handed in.
 */

/** @import { createList as CreateList } from "./hub-feed.js" */
/** @import { PanelHost } from "./hub-loader.js" */
/** @import { createRows as CreateRows } from "./hub-row.js" */
/** @import { Tab } from "./hub-threads.js" */

/** @typedef {ReturnType<typeof createPanel>} Panel */

/** Beside these it says what the catalogue has for several modules. */
export const WORDS = {
  all: "All",
  unread: "Unread",
  archived: "Archived",
  snoozed: "Snoozed",
  markAll: "Mark all as read",
  settings: "Preferences",
  offline: "Connection lost. Reconnecting…",
};

/** Space around the panel and between it and the bell, in CSS pixels. */
const GAP = 8;
/** Less room than this below the bell, in CSS pixels, and the panel opens above it. */
const LEAST_ROOM = 280;

const ALL_READ = "M2 12.5l4.5 4.5L14 8m-2 7.5 1.5 1.5L21 8";
const SETTINGS =
  "M4 7h9m5 0h2M4 17h2m5 0h9M13 7a2.5 2.5 0 1 0 5 0 2.5 2.5 0 1 0-5 0M6 17a2.5 2.5 0 1 0 5 0 2.5 2.5 0 1 0-5 0";
const BACK = "M14 6l-6 6 6 6";
const CLOSE = "M6 6l12 12M18 6L6 18";

const CSS = `
.panel {
  position: absolute;
  inset: var(--_y, 0) auto auto var(--_x, 0);
  margin: 0;
  padding: 0;
  overflow: hidden;
  width: min(var(--hub-panel-width, 400px), calc(100vw - 16px));
  height: fit-content;
  max-height: min(var(--hub-panel-height, 600px), var(--_room, 9999px));
  color: var(--_text);
  background: var(--_surface);
  border: 1px solid var(--_line);
  border-radius: var(--_radius);
  box-shadow: var(--hub-shadow, 0 1px 2px rgb(0 0 0 / 0.05), 0 16px 40px -12px rgb(0 0 0 / 0.25));
  font-family: var(--hub-font, inherit);
  font-size: inherit;
  text-align: start;
}
.panel:not(.shown) {
  display: none;
}
.panel.shown,
.inbox {
  display: flex;
  flex-direction: column;
  min-height: 0;
}
.up {
  transform: translateY(-100%);
}
.panel:focus {
  outline: none;
}
.still {
  position: relative;
  inset: 0;
  width: auto;
  height: 100%;
  max-height: inherit;
  box-shadow: none;
}
:host(hub-feed) {
  display: block;
}
header {
  display: flex;
  align-items: center;
  gap: 4px;
  padding-block: 12px 4px;
  padding-inline: 16px 12px;
}
h2 {
  flex: 1;
  min-width: 0;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  margin: 0;
  font-size: 16px;
  font-weight: 650;
  line-height: 32px;
}
.icon[aria-disabled="true"] {
  opacity: 0.4;
  cursor: default;
}
.more svg {
  stroke-width: 2.75;
}
.back {
  margin-inline-start: -8px;
}
.back:dir(rtl),
.bone:dir(rtl) {
  scale: -1 1;
}
.tabs {
  display: flex;
  gap: 4px;
  flex: none;
  padding: 0 12px;
  overflow-x: auto;
  border-block-end: 1px solid var(--_line);
}
.tab {
  flex: none;
  padding: 8px;
  font-size: 13px;
  font-weight: 550;
  color: var(--_muted);
  border-block-end: 2px solid transparent;
}
.tab:focus-visible {
  outline-offset: -2px;
}
.tab[aria-selected="true"] {
  border-color: var(--_accent);
}
.tab[aria-selected="true"],
.tab:hover,
.icon:hover,
.older:hover {
  color: var(--_text);
}
.count:not(:empty) {
  margin-inline-start: 6px;
  color: var(--_accent);
}
.banner {
  margin: 0;
  padding: 8px 16px;
  font-size: 13px;
  background: light-dark(#fdf3dc, #382e15);
  animation: late 0s 1.5s both;
}
@keyframes late {
  from {
    position: absolute;
    visibility: hidden;
  }
}

@media (max-width: 480px) {
  :host(:not([keep-open], hub-feed)) .panel {
    position: fixed;
    inset: auto 0 0;
    width: 100%;
    max-height: 88dvh;
    padding-block-end: env(safe-area-inset-bottom);
    border-width: 1px 0 0;
    border-radius: var(--_radius) var(--_radius) 0 0;
    transform: none;
  }
  .panel::backdrop {
    background: rgb(0 0 0 / 0.35);
  }
}
@media (min-width: 481px) {
  .close {
    display: none;
  }
}
@media (prefers-reduced-motion: no-preference) {
  .panel.shown:not(.still) {
    animation: open 0.16s cubic-bezier(0.2, 0.8, 0.3, 1);
  }
  @keyframes open {
    from {
      opacity: 0;
      translate: 0 8px;
    }
  }
}
@media (forced-colors: active) {
  .tab:not([aria-selected="true"]) {
    border-color: Canvas;
  }
}
`;

/**
 * @param {PanelHost} host
 * @param {typeof CreateList} createList
 * @param {typeof CreateRows} createRows
 * @param {() => void} [close] what closes it; without, it is part of the page
 */
export function createPanel(host, createList, createRows, close) {
  const { h, iconButton, name, setAttribute, adopt } = host.toolkit;
  adopt(CSS);
  const list = createList(host, createRows(host));
  /** @type {typeof WORDS & PanelHost["words"]} */
  let words;
  /** @type {Tab[]} */
  let tabs = [];
  /** Which of them is shown. */
  let chosen = 0;
  /** @type {{destroy(): void} | null} */
  let preferences = null;
  /** @type {{destroy(): void} | null} */
  let push = null;
  let asked = false;

  const back = iconButton("back", BACK, () => showList(true));
  const heading = h("h2", { id: "heading" });
  const all = iconButton("all", ALL_READ, () => markAll());
  const gear = iconButton("settings", SETTINGS, () => showPreferences());
  const shut = iconButton("close", CLOSE, () => close?.());
  shut.hidden = !close;
  const tablist = h("div", { class: "tabs", part: "tabs", role: "tablist", keydown: (event) => key(event) });
  const offline = h("p", { class: "banner", part: "banner", role: "status", hidden: true });
  const prompt = h("div");
  const settings = h("div", { class: "scroll", hidden: true });
  const inbox = h("div", { class: "inbox" }, tablist, prompt, offline, list.element);
  const element = h(
    "div",
    {
      class: close ? "panel" : "panel shown still",
      part: "panel",
      tabindex: "-1",
      "aria-labelledby": "heading",
      role: close ? "dialog" : "region",
      popover: close && "manual",
    },
    h("header", { part: "header" }, back, heading, h("slot", { name: "header" }), all, gear, shut),
    inbox,
    settings,
  );

  /** The words, the tabs or the store are others: from nothing. */
  const rebuild = () => {
    const inside = element.contains(host.root.activeElement);
    words = { ...WORDS, ...host.words };
    ({ tabs } = host);
    showList();
    push?.destroy();
    push = null;
    asked = false;
    name(all, words.markAll);
    name(gear, words.settings);
    name(back, words.back);
    name(shut, words.close);
    offline.textContent = words.offline;
    tablist.ariaLabel = words.title;
    tablist.hidden = tabs.length < 2;
    tablist.replaceChildren(
      ...tabs.map(({ label, status = "all", category, tag }, at) =>
        h(
          "button",
          { class: "tab", part: "tab", role: "tab", type: "button", id: `tab-${at}`, click: () => select(at) },
          label || category || tag || words[status],
          status === "unread" && h("span", { class: "count", part: "count" }),
        ),
      ),
    );
    select(Math.min(chosen, tabs.length - 1));
    if (inside && !host.root.activeElement?.checkVisibility()) element.focus({ preventScroll: true });
  };

  /** @param {number} at */
  const select = (at) => {
    chosen = at;
    [...tablist.children].forEach((tab, place) => {
      setAttribute(tab, "aria-selected", String(place === at));
      setAttribute(tab, "tabindex", place === at ? "0" : "-1");
      setAttribute(tab, "aria-controls", "list");
    });
    const several = tabs.length > 1;
    setAttribute(list.element, "role", several ? "tabpanel" : null);
    setAttribute(list.element, "aria-labelledby", several ? `tab-${at}` : null);
    list.show(tabs[at] ?? {});
    list.element.scrollTop = 0;
    host.changed();
  };

  /** @param {KeyboardEvent} event the arrows go along the tabs, the other way round from right to left */
  const key = (event) => {
    const step = element.matches(":dir(rtl)") ? -1 : 1;
    /** @type {Record<string, number>} */
    const goals = { ArrowRight: chosen + step, ArrowLeft: chosen - step, Home: 0, End: -1 };
    const goal = goals[event.key];
    if (goal === undefined) {
      if (event.key === "ArrowDown") list.enter();
      return;
    }
    event.preventDefault();
    select((goal + tabs.length) % tabs.length);
    /** @type {HTMLElement} */ (tablist.children[chosen]).focus();
  };

  const draw = () => {
    const snapshot = host.store?.snapshot;
    const { status = "stopped", ready, counts } = snapshot ?? {};
    const unread = (!snapshot?.stopped && counts?.unread) || 0;
    setAttribute(all, "aria-disabled", String(!unread));
    for (const count of tablist.querySelectorAll(".count")) {
      count.textContent = unread ? unread.toLocaleString(host.language) : "";
    }
    // A browser knows at once that it is offline; that a line is dead shows only when a ping stays out.
    offline.hidden = !ready || (status === "live" && navigator.onLine) || status === "stopped";
    list.draw();
    if (ready && !asked && host.hasAttribute("push")) askForPush();
  };

  /** Show the list again, where the preferences are. @param {boolean} [focus] the way back leads to their button */
  const showList = (focus) => {
    preferences?.destroy();
    preferences = null;
    turn(false);
    if (focus) gear.focus();
  };

  /** @param {boolean} toPreferences */
  const turn = (toPreferences) => {
    settings.hidden = back.hidden = !toPreferences;
    inbox.hidden = all.hidden = gear.hidden = toPreferences;
    heading.textContent = toPreferences ? words.settings : words.title;
  };

  const showPreferences = async () => {
    turn(true);
    back.focus();
    const module = await import("./hub-preferences.js").catch(() => null);
    if (preferences || settings.hidden) return;
    if (module) preferences = module.mount(settings, toolkit());
    else {
      showList(true);
      host.speaker.say(words.failed);
    }
  };

  const askForPush = async () => {
    asked = true;
    const module = await import("./hub-push-prompt.js").catch(() => null);
    if (asked && !push && module) push = module.mount(prompt, toolkit());
  };

  const toolkit = () => ({ ...host.toolkit, close: () => showList(true) });

  const markAll = () => {
    const { category, tag } = tabs[chosen] ?? {};
    const { store, speaker } = host;
    if (store?.snapshot.counts.unread)
      store.mark({ action: "read", all: true, category, tag }).catch(() => speaker.say(words.failed));
  };

  /**
   * Beside the bell, in the page's coordinates: the panel is in the top layer and scrolls with the page.
   * @param {Element} anchor
   */
  const place = (anchor) => {
    const bell = anchor.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    const { style } = element;
    const below = clientHeight - bell.bottom - 2 * GAP;
    const above = bell.top - 2 * GAP;
    // One that stays open is part of the page, which can be scrolled to all of it.
    const stays = host.hasAttribute("keep-open");
    const upwards = !stays && below < LEAST_ROOM && above > below;
    style.setProperty("--_room", stays ? "" : `${Math.max(LEAST_ROOM, upwards ? above : below)}px`);
    const { offsetWidth: width } = element;
    const wanted = element.matches(":dir(rtl)") ? bell.left : bell.right - width;
    const left = Math.max(GAP, Math.min(wanted, clientWidth - width - GAP));
    const from = upwards ? bell.top - GAP : bell.bottom + GAP;
    style.setProperty("--_x", `${left + scrollX}px`);
    style.setProperty("--_y", `${from + scrollY}px`);
    element.classList.toggle("up", upwards);
  };

  rebuild();
  return { element, list, rebuild, draw, showList, place };
}
