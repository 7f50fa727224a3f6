/**
 * The list of one tab: articles in a feed, older ones as the reader gets there, newer ones not under the reader's eyes.
 * Loaded with the panel (hub-loader.js).
 *
 * However many items there are, a frame builds and removes a bounded number of rows, and at the top of the list only
 * the newest have rows at all.
 */

import { arrange } from "./hub-threads.js";

/** @import { Feed } from "./hub-feeds.js" */
/** @import { PanelHost } from "./hub-loader.js" */
/** @import { createRows, Row, RowHost } from "./hub-row.js" */
/** @import { Item, Mark } from "./hub-state.js" */
/** @import { Entry, Tab } from "./hub-threads.js" */

/** Beside these it says what the catalogue has for several modules. */
export const WORDS = {
  pinned: "Pinned",
  loading: "Loading notifications…",
  empty: "You’re all caught up",
  emptyHint: "New notifications show up here the moment they are sent.",
  nothing: "Nothing here",
  failedHint: "The notifications could not be loaded.",
  unreachable: "No connection yet",
  unreachableHint: "Trying again in a moment.",
  stopped: "Disconnected",
  stoppedHint: "Sign in again to see your notifications.",
  refusedHint: "This page cannot show your notifications.",
  older: "Show older",
  end: "That’s everything",
  newer: (/** @type {number} */ count) => `${count} new`,
};

/** Rows that the list grows by, and has at its top: as many as a page of the hub. */
const PAGE = 50;
/** Rows built in one frame, as long as that takes no longer than this, and rows taken away. */
const BUILT_PER_FRAME = 12;
const BUILD_MS = 8;
const REMOVED_PER_FRAME = 150;
/** So far from its upper end, in CSS pixels, a list counts as being read further down. */
const TOP = 8;
/** Times are told anew so often. */
const TICK_MS = 30_000;
const ORIGIN_REFUSED = 4501;

const CAUGHT_UP = "M4 13l3-8h10l3 8v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1zM4 13h5a3 3 0 0 0 6 0h5";
const BROKEN = "M3 3l18 18M5 12.5a10 10 0 0 1 4-2.6M19 12.5a10 10 0 0 0-5-2.8M8.5 16a5 5 0 0 1 7 0M12 20h.01";

const CSS = `
.scroll {
  position: relative;
  min-height: 0;
  overflow-y: auto;
  overscroll-behavior: contain;
  scrollbar-width: thin;
}
.newer {
  position: sticky;
  inset-block-start: 8px;
  z-index: 2;
  display: block;
  width: fit-content;
  height: 28px;
  margin: 0 auto -28px;
  padding: 0 12px;
  border-radius: 14px;
  font-size: 13px;
  font-weight: 600;
  color: var(--_on-accent);
  background: var(--_accent);
  box-shadow: 0 4px 12px rgb(0 0 0 / 0.2);
}
.list {
  padding-block: 8px;
}
.block {
  content-visibility: auto;
  contain-intrinsic-size: auto 4400px;
}

.older,
.end {
  display: block;
  width: 100%;
  margin: 0;
  padding: 12px;
  font-size: 13px;
  text-align: center;
  color: var(--_muted);
}
.foot {
  position: relative;
}
.top {
  position: absolute;
  width: 1px;
  height: 8px;
}
.probe {
  position: absolute;
  inset-block-end: 0;
  width: 1px;
  height: 800px;
  pointer-events: none;
}
.state {
  display: grid;
  justify-items: center;
  padding: 48px 32px 56px;
  text-align: center;
  text-wrap: balance;
  color: var(--_muted);
}
.state svg {
  width: 40px;
  height: 40px;
  padding: 8px;
  margin-block-end: 12px;
  border-radius: 8px;
  background: var(--_hover);
}
.state strong {
  color: var(--_text);
  font-weight: 600;
}
.state .action {
  margin-block-start: 16px;
}
.bone {
  height: 32px;
  margin: 24px;
  background:
    radial-gradient(circle at 16px, var(--_line) 15px, transparent 16px),
    linear-gradient(var(--_line) 0 0) 44px 4px / 40% 9px no-repeat,
    linear-gradient(var(--_line) 0 0) 44px 20px / 70% 9px no-repeat;
}
@media (prefers-reduced-motion: no-preference) {
  .bones {
    animation: breathe 1.2s ease-in-out infinite alternate;
  }
  @keyframes breathe {
    to {
      opacity: 0.45;
    }
  }
}
`;

/**
 * @param {PanelHost} host
 * @param {ReturnType<typeof createRows>} createRow
 */
export function createList(host, createRow) {
  const { h, icon, setAttribute, adopt } = host.toolkit;
  adopt(CSS);
  /** @type {typeof WORDS & PanelHost["words"]} */
  let words;
  /** @type {Feed | null} */
  let feed = null;
  /** @type {Tab} */
  let tab = {};
  let unsubscribe = () => {};
  /** @type {Map<string, Row>} by item */
  const rows = new Map();
  /** How many entries may have rows, and how many there are. */
  let limit = PAGE;
  let total = 0;
  /** @type {Set<string>} threads that are unfolded */
  const open = new Set();
  /** @type {Set<string>} items that arrived above what is being read, and wait for the reader to come up */
  const held = new Set();
  /** @type {Set<string>} items that arrived and were not drawn yet */
  const fresh = new Set();
  /** @type {Entry[]} what stands there, */
  let drawn = [];
  /** as of this half minute and size. */
  let tick = "";
  /** Some rows are left to the next frames. */
  let drawing = false;
  let kind = "unknown";
  /** Somebody was signed in: that nobody is, is then no beginning. */
  let had = false;

  const top = h("div", { class: "top" });
  const bottom = h("div", { class: "probe" });
  const newer = h("button", { class: "newer", part: "newer", type: "button", hidden: true, click: () => goUp() });
  const list = h("div", { class: "list", part: "list", role: "feed" });
  const older = h("button", { class: "older", type: "button", hidden: true, click: () => loadOlder() });
  const end = h("p", { class: "end", tabindex: "-1", hidden: true });
  const state = h("div");
  const element = h(
    "div",
    { class: "scroll", id: "list", keydown: (event) => key(event) },
    top,
    newer,
    list,
    state,
    h("div", { class: "foot" }, bottom, older, end),
  );
  /** Whether the ends of the list are in sight. */
  const eyes = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) target === bottom ? further() : arrivedAtTop();
    }
  });
  eyes.observe(top);
  eyes.observe(bottom);

  /** Throw all rows away: another store, tab, language or target. @param {Tab} shown */
  const show = (shown) => {
    unsubscribe();
    rows.clear();
    drawn = [];
    held.clear();
    limit = PAGE;
    // As a whole: removing thousands of rows one by one takes longer.
    list.replaceChildren();
    words = { ...WORDS, ...host.words };
    tab = shown;
    feed = host.store?.feed(tab) ?? null;
    had ||= !!feed;
    unsubscribe = feed?.subscribe(() => host.changed()) ?? (() => {});
    older.textContent = words.older;
    end.textContent = words.end;
    list.ariaLabel = words.title;
    kind = "unknown";
  };

  /** @param {Item} item */
  const arrived = ({ id }) => {
    fresh.add(id);
    if (self.shown && (element.scrollTop > TOP || element.getBoundingClientRect().top < -TOP)) held.add(id);
  };

  /** To the newest, which may have waited for it. */
  const goUp = () => {
    const inside = host.root.activeElement === newer;
    arrivedAtTop();
    draw();
    top.scrollIntoView?.({ block: "nearest" });
    if (inside) focus(0);
  };

  const arrivedAtTop = () => {
    held.clear();
    limit = PAGE;
    host.changed();
  };

  /** The end of what has rows is near. */
  const further = () => {
    const found = feed?.snapshot;
    if (!found || !self.shown || drawing) return;
    if (total > limit) {
      limit += PAGE;
      host.changed();
    } else if (found.hasOlder && !found.loading && !found.error) loadOlder();
  };

  const loadOlder = () => {
    limit += PAGE;
    // The button says so as well, and is there to try again.
    feed?.loadOlder().catch(() => host.speaker.say(words.failed));
  };

  const draw = () => {
    const found = feed?.snapshot;
    const items = (!host.store?.snapshot.stopped && found?.items) || [];
    const above = held.size ? items.filter(({ id }) => held.has(id)).length : 0;
    const entries = arrange(above ? items.filter(({ id }) => !held.has(id)) : items, open);
    total = entries.length;
    newer.hidden = !above;
    newer.textContent = words.newer(above);
    const more = found?.hasOlder || total > limit;
    drawRows(entries, found?.hasOlder ? -1 : total);
    list.hidden = !items.length;
    const loaded = !more && host.root.activeElement === older;
    older.hidden = !more || !items.length;
    older.textContent = found?.loading
      ? words.loadingOlder
      : found?.error
        ? `${words.failed}. ${words.retry}`
        : words.older;
    end.hidden = more || !items.length;
    if (loaded) focus(-1);
    drawState(stateOf(items.length));
  };

  /**
   * @param {Entry[]} entries
   * @param {number} size of the feed; -1 while unknown
   */
  const drawRows = (entries, size) => {
    const focused = host.root.activeElement?.closest("article");
    const place = focused ? articles().indexOf(focused) : -1;
    const shown = entries.slice(0, limit);
    const now = Date.now();
    const until = performance.now() + BUILD_MS;
    // What stands as it stood is passed over, or a page that comes below thousands of rows would touch them all.
    const ticked = `${Math.floor(now / TICK_MS)} ${size}`;
    const before = ticked === tick ? drawn : [];
    let at = 0;
    while (at < shown.length && same(before[at], shown[at])) at += 1;
    tick = ticked;
    drawn = shown;
    let removable = REMOVED_PER_FRAME;
    let buildable = BUILT_PER_FRAME;
    if (rows.size > at) {
      const listed = new Set(shown.map(({ item }) => item.id));
      // From the end, where the many are that a list gives up at its top.
      for (const [id, row] of [...rows].reverse()) {
        if (listed.has(id)) continue;
        if (!removable--) break;
        take(row.element);
        rows.delete(id);
      }
    }
    const last = rows.get(shown[at - 1]?.item.id ?? "");
    let day = last && dayOf(last);
    let next = last ? after(last.element) : list.querySelector("article");
    for (const entry of shown.slice(at)) {
      const { id } = entry.item;
      const had = rows.get(id);
      let row = had;
      if (!row?.update(entry)) {
        if (!had) {
          // One at least, on whatever machine.
          if (buildable < BUILT_PER_FRAME && performance.now() > until) buildable = 0;
          if (!buildable--) {
            drawn = shown.slice(0, at);
            break;
          }
        }
        row = createRow(entry, rowHost);
        row.element.classList.toggle("fresh", fresh.has(id));
        rows.set(id, row);
        if (had) {
          if (had.element === next) next = after(next);
          take(had.element);
        }
      }
      const { element: article } = row;
      row.tell(now);
      const its = dayOf(row);
      setAttribute(article, "data-day", its === day || entry.sub ? null : its);
      if (!entry.sub) day = its;
      setAttribute(article, "aria-posinset", String(++at));
      setAttribute(article, "aria-setsize", String(size));
      // A node that is moved loses the focus, so only those out of place are.
      if (article === next) next = after(next);
      else if (next) next.before(article);
      else append(article);
    }
    fresh.clear();
    if (place >= 0 && !focused?.isConnected) focus(Math.min(place, at - 1));
    drawing = removable < 0 || buildable < 0;
    if (drawing) host.changed();
    else if (buildable < BUILT_PER_FRAME || removable < REMOVED_PER_FRAME) {
      // Whether the end is near is told when that changes: ask anew.
      eyes.unobserve(bottom);
      eyes.observe(bottom);
    }
  };

  /** @param {Row} row @returns {string} what the separator above it says */
  const dayOf = ({ entry, day }) => (entry.item.pinned_at ? words.pinned : day);

  /** Rows stand in blocks, of which a browser passes over those out of sight as one. @param {Element} article */
  const append = (article) => {
    let block = list.lastElementChild;
    if (!block || block.childElementCount >= PAGE) list.append((block = h("div", { class: "block" })));
    block.append(article);
  };

  const articles = () => /** @type {Element[]} */ ([...list.querySelectorAll("article")]);

  /** @type {RowHost} */
  const rowHost = {
    activate: (type, item, event, action) => {
      if (event.type === "auxclick" && event.button !== 1) return;
      // Unless the page cancels, the link is followed. Reading is what it means either way.
      if (!host.fire(type, { item, action })) event.preventDefault();
      mark({ action: "click", ids: [item.id] });
    },
    toggle: (row) => mark({ action: row.unread ? "read" : "unread", ids: ids(row) }),
    archive: (row) => mark({ action: row.entry.item.archived_at ? "unarchive" : "archive", ids: ids(row) }),
    unfold: ({ entry }) => {
      const thread = entry.item.thread_key ?? "";
      if (!open.delete(thread)) open.add(thread);
      draw();
    },
  };

  /** @param {Mark} wanted */
  const mark = (wanted) => {
    // What was shown has been taken back; the store's own promise says more to whoever asks there.
    host.store?.mark(wanted).catch(() => host.speaker.say(words.failed));
  };

  /**
   * What stands in the place of rows.
   * @param {number} count of items
   */
  const stateOf = (count) => {
    const snapshot = host.store?.snapshot;
    const found = feed?.snapshot;
    // Signing in again mends a token, not an origin.
    if (snapshot?.stopped) return snapshot.stopped.code === ORIGIN_REFUSED ? "refused" : "stopped";
    if (count) return "";
    if (had && !feed) return "nobody";
    if (snapshot?.ready && found?.ready) return "empty";
    if (snapshot?.status === "waiting") return "unreachable";
    return found?.error ? "failed" : "loading";
  };

  /** @param {string} now */
  const drawState = (now) => {
    if (kind === now) return;
    kind = now;
    /** @param {string} path @param {string} title @param {string} [hint] @param {() => void} [retry] */
    const say = (path, title, hint, retry) =>
      h(
        "div",
        { class: "state" },
        icon(path),
        h("strong", {}, title),
        hint && h("span", {}, hint),
        retry && h("button", { class: "action", type: "button", click: retry }, words.retry),
      );
    const again = () => host.store?.start();
    const inbox = !tab.category && !tab.tag && /^(all|unread)?$/.test(tab.status ?? "");
    /** @type {Record<string, () => Node>} */
    const states = {
      empty: () =>
        h(
          "slot",
          { name: "empty" },
          inbox ? say(CAUGHT_UP, words.empty, words.emptyHint) : say(CAUGHT_UP, words.nothing),
        ),
      unreachable: () => say(BROKEN, words.unreachable, words.unreachableHint),
      stopped: () => say(BROKEN, words.stopped, words.stoppedHint, again),
      nobody: () => say(BROKEN, words.stopped, words.stoppedHint),
      refused: () => say(BROKEN, words.stopped, words.refusedHint, again),
      failed: () => say(BROKEN, words.failed, words.failedHint, () => void feed?.refresh().catch(() => {})),
      loading: () =>
        h(
          "div",
          { class: "bones" },
          h("span", { class: "only-read-aloud" }, words.loading),
          ...[1, 2, 3].map(() => h("div", { class: "bone" })),
        ),
    };
    const inside = state.matches(":focus-within");
    state.replaceChildren(...(kind ? [/** @type {() => Node} */ (states[kind])()] : []));
    if (inside) focus(0);
  };

  /** The first row has the focus. */
  const enter = () => {
    if (rows.size) focus(0);
  };

  /** @param {number} at of its articles; without one, what comes after the list */
  const focus = (at) => {
    const article = articles()[at];
    const row = [...rows.values()].find((one) => one.element === article);
    if (row) row.focusable.focus();
    else /** @type {HTMLElement | null} */ (end.hidden ? element.closest("[tabindex]") : end)?.focus();
  };

  /** From article to article, and out of the feed: the keys of the APG's feed pattern. @param {KeyboardEvent} event */
  const key = (event) => {
    const row = /** @type {HTMLElement} */ (event.target).closest("article");
    if (!row) return;
    const all = articles();
    const at = all.indexOf(row);
    const last = all.length - 1;
    /** @type {Record<string, number>} */
    const goals = { PageDown: at + 1, ArrowDown: at + 1, PageUp: at - 1, ArrowUp: at - 1, Home: 0, End: last };
    const goal = goals[event.key];
    if (goal === undefined || event.altKey || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.ctrlKey && !event.metaKey) focus(Math.max(0, Math.min(goal, last)));
    else if (event.key === "End") (older.hidden ? end : older).focus();
    else if (event.key === "Home") {
      const before = /** @type {HTMLElement[]} */ ([...host.root.querySelectorAll(".all,[aria-selected=true]")]);
      before.findLast((one) => one.checkVisibility())?.focus();
    }
  };

  /** `shown`: the list is before somebody's eyes. */
  const self = { element, shown: false, show, arrived, goUp, draw, enter };
  return self;
}

/**
 * @param {Entry | undefined} a
 * @param {Entry | undefined} b
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
