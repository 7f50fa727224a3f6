/**
 * The list of one tab: articles in a feed, older ones as the reader gets there, newer ones not under the reader's eyes.
 *
 * However many items there are, a frame builds and removes a bounded number of rows, and at the top of the list only
 * the newest have rows at all.
 */

import { h, icon, setAttribute } from "./hub-dom.js";
import { Row, TICK_MS } from "./hub-row.js";
import { arrange } from "./hub-threads.js";

/** @import { HubElement } from "./hub-element.js" */
/** @import { Feed } from "./hub-feeds.js" */
/** @import { Item, Mark } from "./hub-state.js" */
/** @import { Speaker } from "./hub-speaker.js" */
/** @import { Tab } from "./hub-threads.js" */

/** @typedef {HubElement & {speaker: Speaker, renderItem?: any}} FeedHost */

/** Rows that the list grows by, and has at its top: as many as a page of the hub. */
const PAGE = 50;
/** Rows built, and rows taken away, in one frame: a few milliseconds each. */
const BUILT_PER_FRAME = 12;
const REMOVED_PER_FRAME = 150;
/** So far from its upper end, in CSS pixels, a list counts as being read further down. */
const TOP = 8;
const ORIGIN_REFUSED = 4501;

const CAUGHT_UP = "M4 13l3-8h10l3 8v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1zM4 13h5a3 3 0 0 0 6 0h5";
const BROKEN = "M3 3l18 18M5 12.5a10 10 0 0 1 4-2.6M19 12.5a10 10 0 0 0-5-2.8M8.5 16a5 5 0 0 1 7 0M12 20h.01";

export class List {
  #host;
  /** @type {Feed | null} */
  #feed = null;
  /** @type {Tab} */
  #tab = {};
  #unsubscribe = () => {};
  /** @type {Map<string, Row>} by item */
  #rows = new Map();
  /** How many entries may have rows, and how many there are. */
  #limit = PAGE;
  #total = 0;
  /** @type {Set<string>} threads that are unfolded */
  #open = new Set();
  /** @type {Set<string>} items that arrived above what is being read, and wait for the reader to come up */
  #held = new Set();
  /** @type {Set<string>} items that arrived and were not drawn yet */
  #fresh = new Set();
  /** @type {import("./hub-threads.js").Entry[]} what stands there, */
  #drawn = [];
  /** as of this half minute and size. */
  #tick = "";
  /** Some rows are left to the next frames. */
  #drawing = false;
  #kind = "unknown";
  /** The list is before somebody's eyes. */
  shown = false;

  #top = h("div", { class: "top" });
  #bottom = h("div", { class: "probe" });
  #newer = h("button", { class: "newer", part: "newer", type: "button", hidden: true, click: () => this.goUp() });
  #list = h("div", { class: "list", part: "list", role: "feed" });
  #older = h("button", { class: "older", type: "button", hidden: true, click: () => this.#loadOlder() });
  #end = h("p", { class: "end", tabindex: "-1", hidden: true });
  #state = h("div");
  element = h(
    "div",
    { class: "scroll", id: "list" },
    this.#top,
    this.#newer,
    this.#list,
    this.#state,
    h("div", { class: "foot" }, this.#bottom, this.#older, this.#end),
  );
  /** @type {IntersectionObserver | undefined} */
  #eyes;

  /** @param {FeedHost} host */
  constructor(host) {
    this.#host = host;
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Look whether the ends of the list are in sight. @param {AbortSignal} signal */
  connected(signal) {
    const eyes = (this.#eyes = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (target === this.#bottom) {
          if (isIntersecting) this.#further();
        } else {
          if (isIntersecting) this.#arrivedAtTop();
        }
      }
    }));
    eyes.observe(this.#top);
    eyes.observe(this.#bottom);
    signal.addEventListener("abort", () => {
      eyes.disconnect();
      this.#leave();
    });
  }

  /** Throw all rows away: another store, tab, language or target. @param {Tab} tab */
  show(tab) {
    this.#leave();
    const { store, words } = this.#host;
    this.#tab = tab;
    this.#feed = store?.feed(tab) ?? null;
    if (this.#feed) this.#unsubscribe = this.#feed.subscribe(() => this.#host.changed());
    this.#older.textContent = words.older;
    this.#end.textContent = words.end;
    this.#list.ariaLabel = words.title;
    this.#kind = "unknown";
  }

  #leave() {
    this.#unsubscribe();
    this.#unsubscribe = () => {};
    this.#feed = null;
    this.#rows.clear();
    this.#drawn = [];
    this.#held.clear();
    this.#limit = PAGE;
    // As a whole: removing thousands of rows one by one takes longer.
    this.#list.replaceChildren();
  }

  /** @param {Item} item */
  arrived(item) {
    this.#fresh.add(item.id);
    const { scrollTop } = this.element;
    if (this.shown && (scrollTop > TOP || this.element.getBoundingClientRect().top < -TOP)) this.#held.add(item.id);
  }

  /** To the newest, which may have waited for it. */
  goUp() {
    const inside = this.#host.root.activeElement === this.#newer;
    this.#arrivedAtTop();
    this.draw();
    this.#top.scrollIntoView?.({ block: "nearest" });
    if (inside) this.#focus(0);
  }

  #arrivedAtTop() {
    this.#held.clear();
    this.#limit = PAGE;
    this.#host.changed();
  }

  /** The end of what has rows is near. */
  #further() {
    const feed = this.#feed?.snapshot;
    if (!feed || !this.shown || this.#drawing) return;
    if (this.#total > this.#limit) {
      this.#limit += PAGE;
      this.#host.changed();
    } else if (feed.hasOlder && !feed.loading && !feed.error) this.#loadOlder();
  }

  #loadOlder() {
    this.#limit += PAGE;
    // The button says so as well, and is there to try again.
    this.#feed?.loadOlder().catch(() => this.#host.speaker.say(this.#host.words.failed));
  }

  draw() {
    const { words, store } = this.#host;
    const snapshot = store?.snapshot;
    const feed = this.#feed?.snapshot;
    const items = (!snapshot?.stopped && feed?.items) || [];
    const above = this.#held.size ? items.filter(({ id }) => this.#held.has(id)).length : 0;
    const entries = arrange(above ? items.filter(({ id }) => !this.#held.has(id)) : items, this.#open);
    this.#total = entries.length;
    this.#newer.hidden = !above;
    this.#newer.textContent = words.newer(above);
    const more = feed?.hasOlder || entries.length > this.#limit;
    this.#drawRows(entries, feed?.hasOlder ? -1 : entries.length);
    this.#list.hidden = !items.length;
    const loaded = !more && this.#host.root.activeElement === this.#older;
    this.#older.hidden = !more || !items.length;
    this.#older.textContent = feed?.loading
      ? words.loadingOlder
      : feed?.error
        ? `${words.failed}. ${words.retry}`
        : words.older;
    this.#end.hidden = more || !items.length;
    if (loaded) this.#focus(-1);
    this.#drawState(this.#stateOf(items.length));
  }

  /**
   * @param {import("./hub-threads.js").Entry[]} entries
   * @param {number} size of the feed; -1 while unknown
   */
  #drawRows(entries, size) {
    const { root, language, words } = this.#host;
    const focused = root.activeElement?.closest("article");
    const place = focused ? this.#articles().indexOf(focused) : -1;
    const shown = entries.slice(0, this.#limit);
    const now = Date.now();
    // What stands as it stood is passed over, or a page that comes below thousands of rows would touch them all.
    const tick = `${Math.floor(now / TICK_MS)} ${size}`;
    const drawn = tick === this.#tick ? this.#drawn : [];
    let at = 0;
    while (at < shown.length && same(drawn[at], shown[at])) at += 1;
    this.#tick = tick;
    this.#drawn = shown;
    let removable = REMOVED_PER_FRAME;
    let buildable = BUILT_PER_FRAME;
    if (this.#rows.size > at) {
      const listed = new Set(shown.map(({ item }) => item.id));
      // From the end, where the many are that a list gives up at its top.
      for (const [id, row] of [...this.#rows].reverse()) {
        if (listed.has(id)) continue;
        if (!removable--) break;
        take(row.element);
        this.#rows.delete(id);
      }
    }
    const before = this.#rows.get(shown[at - 1]?.item.id ?? "");
    let last = before?.entry.item.pinned_at ? words.pinned : before?.day;
    let next = before ? after(before.element) : this.#list.querySelector("article");
    for (const entry of shown.slice(at)) {
      const { item } = entry;
      const held = this.#rows.get(item.id);
      let row = held;
      if (!row?.update(entry)) {
        if (!held && !buildable--) {
          this.#drawn = shown.slice(0, at);
          break;
        }
        row = new Row(entry, this.#rowHost());
        row.element.classList.toggle("fresh", this.#fresh.has(item.id));
        this.#rows.set(item.id, row);
        if (held) {
          if (held.element === next) next = after(next);
          take(held.element);
        }
      }
      const { element } = row;
      row.tell(now, language);
      const day = item.pinned_at ? words.pinned : row.day;
      setAttribute(element, "data-day", day === last || entry.sub ? null : day);
      if (!entry.sub) last = day;
      setAttribute(element, "aria-posinset", String(++at));
      setAttribute(element, "aria-setsize", String(size));
      // A node that is moved loses the focus, so only those out of place are.
      if (element === next) next = after(next);
      else if (next) next.before(element);
      else this.#append(element);
    }
    this.#fresh.clear();
    if (place >= 0 && !focused?.isConnected) this.#focus(Math.min(place, at - 1));
    this.#drawing = removable < 0 || buildable < 0;
    if (this.#drawing) this.#host.changed();
    else if (buildable < BUILT_PER_FRAME && this.#eyes) {
      // Whether the end is near is told when that changes: ask anew.
      this.#eyes.unobserve(this.#bottom);
      this.#eyes.observe(this.#bottom);
    }
  }

  /** Rows stand in blocks, of which a browser passes over those out of sight as one. @param {Element} element */
  #append(element) {
    let block = this.#list.lastElementChild;
    if (!block || block.childElementCount >= PAGE) this.#list.append((block = h("div", { class: "block" })));
    block.append(element);
  }

  #articles() {
    return /** @type {Element[]} */ ([...this.#list.querySelectorAll("article")]);
  }

  /** @returns {import("./hub-row.js").RowHost} */
  #rowHost() {
    const host = this.#host;
    return {
      words: host.words,
      target: host.getAttribute("target"),
      renderItem: host.renderItem,
      activate: (type, item, event, action) => {
        if (event.type === "auxclick" && event.button !== 1) return;
        // Unless the page cancels, the link is followed. Reading is what it means either way.
        if (!host.fire(type, { item, action })) event.preventDefault();
        this.#mark({ action: "click", ids: [item.id] });
      },
      toggle: (row) => this.#mark({ action: row.unread ? "read" : "unread", ids: ids(row) }),
      archive: (row) => this.#mark({ action: row.entry.item.archived_at ? "unarchive" : "archive", ids: ids(row) }),
      menu: async (row, anchor) => {
        const { openMenu } = await import("./hub-menu.js");
        // Not where the row is gone meanwhile.
        if (anchor.isConnected) openMenu(host.toolkit, { item: row.entry.item, anchor });
      },
      unfold: ({ entry }) => {
        const key = entry.item.thread_key ?? "";
        if (!this.#open.delete(key)) this.#open.add(key);
        this.draw();
      },
    };
  }

  /** @param {Mark} mark */
  #mark(mark) {
    // What was shown has been taken back; the store's own promise says more to whoever asks there.
    this.#host.store?.mark(mark).catch(() => this.#host.speaker.say(this.#host.words.failed));
  }

  /**
   * What stands in the place of rows.
   * @param {number} count of items
   */
  #stateOf(count) {
    const snapshot = this.#host.store?.snapshot;
    const feed = this.#feed?.snapshot;
    // Signing in again mends a token, not an origin.
    if (snapshot?.stopped) return snapshot.stopped.code === ORIGIN_REFUSED ? "refused" : "stopped";
    if (count) return "";
    if (snapshot?.ready && feed?.ready) return "empty";
    if (snapshot?.status === "waiting") return "unreachable";
    return feed?.error ? "failed" : "loading";
  }

  /** @param {string} kind */
  #drawState(kind) {
    if (this.#kind === kind) return;
    this.#kind = kind;
    const { words } = this.#host;
    const store = this.#host.store;
    /** @param {string} path @param {string} title @param {string} [hint] @param {() => void} [retry] */
    const state = (path, title, hint, retry) =>
      h(
        "div",
        { class: "state" },
        icon(path),
        h("strong", {}, title),
        hint && h("span", {}, hint),
        retry && h("button", { class: "action", type: "button", click: retry }, words.retry),
      );
    const again = () => store?.start();
    const inbox = !this.#tab.category && !this.#tab.tag && /^(all|unread)?$/.test(this.#tab.status ?? "");
    /** @type {Record<string, () => Node>} */
    const states = {
      empty: () =>
        h(
          "slot",
          { name: "empty" },
          inbox ? state(CAUGHT_UP, words.empty, words.emptyHint) : state(CAUGHT_UP, words.nothing),
        ),
      unreachable: () => state(BROKEN, words.unreachable, words.unreachableHint),
      stopped: () => state(BROKEN, words.stopped, words.stoppedHint, again),
      refused: () => state(BROKEN, words.stopped, words.refusedHint, again),
      failed: () => state(BROKEN, words.failed, words.failedHint, () => void this.#feed?.refresh().catch(() => {})),
      loading: () =>
        h(
          "div",
          { class: "bones" },
          h("span", { class: "only-read-aloud" }, words.loading),
          ...[1, 2, 3].map(() => h("div", { class: "bone" })),
        ),
    };
    const inside = this.#state.matches(":focus-within");
    this.#state.replaceChildren(...(kind ? [/** @type {() => Node} */ (states[kind])()] : []));
    if (inside) this.#focus(0);
  }

  /** The first row has the focus. */
  enter() {
    if (this.#rows.size) this.#focus(0);
  }

  /** @param {number} at of its articles; without one, what comes after the list */
  #focus(at) {
    const element = this.#articles()[at];
    const row = [...this.#rows.values()].find((one) => one.element === element);
    if (row) row.focusable.focus();
    else /** @type {HTMLElement | null} */ (this.#end.hidden ? this.element.closest("[tabindex]") : this.#end)?.focus();
  }

  /** From article to article, and out of the feed: the keys of the APG's feed pattern. @param {KeyboardEvent} event */
  #key(event) {
    const { root } = this.#host;
    const row = /** @type {HTMLElement} */ (event.target).closest("article");
    if (!row) return;
    const rows = this.#articles();
    const at = rows.indexOf(row);
    const end = rows.length - 1;
    const out = event.ctrlKey || event.metaKey;
    /** @type {Record<string, number>} */
    const goals = { PageDown: at + 1, ArrowDown: at + 1, PageUp: at - 1, ArrowUp: at - 1, Home: 0, End: end };
    const goal = goals[event.key];
    if (goal === undefined || event.altKey || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (!out) this.#focus(Math.max(0, Math.min(goal, end)));
    else if (event.key === "End") (this.#older.hidden ? this.#end : this.#older).focus();
    else if (event.key === "Home") {
      const before = /** @type {HTMLElement[]} */ ([...root.querySelectorAll(".all,[aria-selected=true]")]);
      before.findLast((one) => one.checkVisibility())?.focus();
    }
  }
}

/**
 * @param {import("./hub-threads.js").Entry | undefined} a
 * @param {import("./hub-threads.js").Entry | undefined} b
 * @returns {boolean} whether both look the same, which of a thread is not looked at
 */
function same(a, b) {
  return a?.item === b?.item && ![a, b].some((one) => !one || one.sub || one.more.length);
}

/** @param {Element} row @returns {Element | null} the row after it, perhaps in the next block */
function after(row) {
  return row.nextElementSibling ?? row.parentElement?.nextElementSibling?.firstElementChild ?? null;
}

/** @param {Element} row and its block, if that was all */
function take(row) {
  const block = row.parentElement;
  row.remove();
  if (!block?.firstChild) block?.remove();
}

/** @param {Row} row */
function ids(row) {
  return row.items.map(({ id }) => id);
}
