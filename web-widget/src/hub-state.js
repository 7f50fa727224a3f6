/**
 * What a tab knows of one person's inbox, and the only place that changes it: items, counts, the lists that show them,
 * and the marks made here that are not yet confirmed. No I/O, no clock, no DOM: the same frames always give the same
 * state, so it is tested by random schedules. The rules of revisions are in hub-revisions.js.
 *
 * **Lists without holes.** A list is a filter and the place that its pages have reached, its `edge`; it shows the held
 * items that match and are at or above the edge. Whatever comes into a list comes whole (`item`, `changes`), but for
 * three fields that a mere `update` may set: then the hub may have changed items of that list which are not held, the
 * list is `stale`, and its first page is read again.
 *
 * **Bounded.** When many items are held, each list gives up what is far below its newest; paging goes over it again.
 */

import { Revisions, itemsOf } from "./hub-revisions.js";

/**
 * @typedef {{id: string, name: string | null, avatar_url: string | null}} Actor
 * @typedef {{id: string, label: string, url?: string | null}} Action
 * @typedef {{unseen: number, unread: number, total: number}} Counts
 */

/**
 * An inbox item as the hub sends it; times are RFC 3339 in UTC, null when not so.
 * @typedef {object} Item
 * @property {string} id
 * @property {string} notification_id
 * @property {number} seq the revision that created it; newer items have higher ones
 * @property {number} rev the revision that last changed it
 * @property {string} category
 * @property {string} title
 * @property {string | null} body
 * @property {string | null} action_url
 * @property {Action[] | null} actions
 * @property {string | null} image_url
 * @property {Record<string, unknown> | null} data
 * @property {string[] | null} tags
 * @property {Actor | null} actor
 * @property {string | null} tenant
 * @property {string | null} thread_key
 * @property {"critical" | "normal" | "bulk"} priority
 * @property {string} created_at
 * @property {string | null} seen_at
 * @property {string | null} read_at
 * @property {string | null} clicked_at
 * @property {string | null} archived_at
 * @property {string | null} pinned_at
 * @property {string | null} snoozed_until
 * @property {string | null} expires_at
 */

/**
 * @typedef {"seen" | "read" | "unread" | "archive" | "unarchive" | "snooze" | "unsnooze" | "pin" | "unpin" | "click"
 *   | "delete"} MarkAction
 */

/**
 * What a person does to items: to `ids` (at most 100), or to `all` up to the item `upto`, of one category or tag if
 * given.
 * @typedef {object} Mark
 * @property {MarkAction} action
 * @property {string[]} [ids]
 * @property {true} [all]
 * @property {number} [upto]
 * @property {string} [category]
 * @property {string} [tag]
 * @property {string} [until] the end of a snooze, RFC 3339
 */

/**
 * A mark laid over what is known. `okRev`: the hub carried it out at this revision. `foreign`: of another tab, or an
 * earlier visit.
 * @typedef {{mark: Mark, at: string, okRev: number | null, foreign: boolean}} PendingMark
 */
/** @typedef {Record<string, any> & {type: string}} Frame one frame, as parsed from JSON */
/** @typedef {{items: Item[], next_cursor: string | null}} Page the part of a REST page that the state takes */

/**
 * Which items a list shows. `all`: neither archived nor snoozed.
 * @typedef {object} Filter
 * @property {"all" | "unread" | "archived" | "snoozed"} [status]
 * @property {string} [category]
 * @property {string} [tag]
 */

/**
 * @typedef {object} List
 * @property {Filter} filter
 * @property {number} edge the place (`placeOf`) that its pages have reached: 0 the end, Infinity nothing read yet
 * @property {string | null} cursor the REST cursor of the next older page; "" to begin at the top, null when there is none
 * @property {boolean} stale it may lack items: its first page has to be read (again)
 * @property {number} keep how many items to keep when there are too many
 * @property {boolean} watched somebody looks at it
 */

/** @typedef {{list: List, frames: Frame[], generation: number, fresh: boolean}} Reading a REST request under way */

/** What an `update` sets on items that come into a list by it. */
const ENTERED_BY = { unread: "read_at", archived: "archived_at", snoozed: "snoozed_until" };
/** Items that a list keeps when nobody has paged further: some screens full. */
const KEPT = 200;
/** So many held items more than needed, and what no list shows is dropped. */
const SLACK = 200;
/** Above every `seq`. */
const PINNED = 2 ** 52;
const NO_COUNTS = Object.freeze({ unseen: 0, unread: 0, total: 0 });

/**
 * @param {Filter} filter
 * @returns {List} of which nothing is read yet
 */
export function newList(filter) {
  return blank(/** @type {List} */ ({ filter, keep: KEPT, watched: false }));
}

/**
 * @param {List} list nothing of it counts as read any more
 * @returns {List}
 */
function blank(list) {
  return Object.assign(list, { edge: Infinity, cursor: "", stale: true });
}

export class InboxState extends Revisions {
  /** @type {Map<string, Item>} what the hub said, without the overlay */
  items = new Map();
  /** @type {Counts} */
  counts = NO_COUNTS;
  /** The revision that `counts` belong to. */
  countsRev = -1;
  /**
   * Marks not confirmed yet, in order, by their keys.
   * @type {Map<string, PendingMark>}
   */
  pending = new Map();
  /** Grows whenever everything is discarded; an answer asked for under an older one is worthless. */
  generation = 0;
  /** The default list, which a `welcome` fills. */
  main = newList({});
  /** @type {Set<List>} */
  lists = new Set([this.main]);
  /** @type {Set<Reading>} */
  #readings = new Set();
  #roof = KEPT + SLACK;
  /** @type {{items: Map<string, Item>, counts: Counts} | null} */
  #laid = null;

  /**
   * Show a mark before the hub has answered it.
   * @param {string} key
   * @param {Mark} mark
   * @param {string} at the time that it shows, RFC 3339
   * @param {boolean} [foreign]
   */
  mark(key, mark, at, foreign = false) {
    this.pending.set(key, { mark, at, okRev: null, foreign });
    this.#laid = null;
  }

  /** @returns {{key: string, mark: Mark, at: string}[]} the marks not confirmed yet, to be handed on */
  marks() {
    return [...this.pending].map(([key, { mark, at }]) => ({ key, mark, at }));
  }

  /**
   * The hub carried the mark out at `rev`: the overlay stays until the own revision gets there.
   * @param {string} key
   * @param {number} rev
   */
  confirm(key, rev) {
    const pending = this.pending.get(key);
    if (pending) pending.okRev = rev;
    this.#settle();
  }

  /**
   * The hub refused the mark, or it is no longer ours to show: the overlay ends.
   * @param {string} key
   */
  refuse(key) {
    this.pending.delete(key);
    this.#laid = null;
  }

  /**
   * Note that the next page of a list is being asked for. Frames that arrive until its answer are applied to it as
   * well, because the page may have been read before them.
   * @param {List} [list]
   * @returns {Reading}
   */
  beginReading(list = this.main) {
    const reading = { list, frames: [], generation: this.generation, fresh: list.stale };
    this.#readings.add(reading);
    return reading;
  }

  /**
   * Take the page asked for, or none when the request failed.
   * @param {Reading} reading
   * @param {Page | null} page
   * @returns {boolean} false when everything was discarded meanwhile, and the page with it
   */
  endReading(reading, page) {
    this.#readings.delete(reading);
    if (reading.generation !== this.generation) return false;
    if (page === null) return true;
    const { list, fresh } = reading;
    for (const item of page.items) this.#put(item);
    const edge = edgeOf(page.items, page.next_cursor);
    list.edge = fresh ? edge : Math.min(list.edge, edge);
    list.cursor = page.next_cursor;
    if (fresh) list.stale = false;
    for (const frame of reading.frames) this.#changes(frame);
    this.#settle();
    return true;
  }

  /**
   * The items of a list, pinned first, newest first, with the unconfirmed marks laid over.
   * @param {List} [list]
   * @returns {Item[]}
   */
  view(list = this.main) {
    return this.#listed(list, this.#overlaid().items);
  }

  /**
   * What is known, as the frame that would tell it: for another tab, or the next visit.
   * @param {number} [most] items of the default list
   * @returns {Frame}
   */
  welcome(most = Infinity) {
    const { rev, cursor, lineage, counts, main } = this;
    const items = this.#listed(main, this.items);
    let { edge, cursor: next_cursor } = main;
    if (items.length > most) {
      items.length = most;
      edge = edgeOf(items, (next_cursor = ""));
    }
    return { type: "welcome", rev, cursor, lineage, counts, items, next_cursor, edge };
  }

  /**
   * @param {List} list
   * @param {Map<string, Item>} items
   * @returns {Item[]}
   */
  #listed({ filter, edge }, items) {
    return [...items.values()]
      .filter((item) => placeOf(item) >= edge && matches(item, filter))
      .sort((a, b) => placeOf(b) - placeOf(a));
  }

  /** @returns {Counts} with the unconfirmed marks laid over */
  shownCounts() {
    return this.#overlaid().counts;
  }

  /**
   * @param {Frame} frame
   * @override
   */
  take(frame) {
    if (frame.type === "welcome") {
      this.items.clear();
      for (const list of this.lists) blank(list);
      this.main.edge = frame.edge ?? edgeOf(frame.items, frame.next_cursor);
      this.main.cursor = frame.next_cursor ?? null;
      this.main.stale = false;
    }
    this.#changes(frame);
    for (const reading of this.#readings) reading.frames.push(frame);
    if (frame.counts && frame.rev >= this.countsRev) {
      this.counts = frame.counts;
      this.countsRev = frame.rev;
    }
    this.#settle();
    this.#trim();
  }

  /** @override */
  discard() {
    super.discard();
    this.generation += 1;
    this.items.clear();
    this.counts = NO_COUNTS;
    this.countsRev = -1;
    this.pending.clear();
    this.#readings.clear();
    for (const list of this.lists) blank(list);
    this.#laid = null;
  }

  /** @param {Frame} frame apply what it says of items, whatever the own revision */
  #changes(frame) {
    for (const item of itemsOf(frame)) this.#put(item);
    for (const update of frame.type === "update" ? [frame] : (frame.updates ?? [])) this.#update(update);
    for (const id of (frame.type === "removed" ? frame.ids : frame.removed) ?? []) this.items.delete(id);
  }

  /** @param {Item} item */
  #put(item) {
    const held = this.items.get(item.id);
    if (!held || held.rev <= item.rev) this.items.set(item.id, item);
  }

  /** @param {Record<string, any>} update a frame `update`, or one of the `updates` in `changes` */
  #update(update) {
    const about = targets(this.items, update);
    for (const item of about) {
      if (item.rev >= update.rev) continue;
      const changed = merge(item, update.set);
      if (changed) this.items.set(item.id, { ...changed, rev: update.rev });
    }
    if (about.length === update.ids?.length) return;
    for (const list of this.lists) {
      const { status } = list.filter;
      const field = ENTERED_BY[/** @type {"unread"} */ (status)];
      // Unread by null, archived and snoozed by a time.
      if (field in update.set && (update.set[field] === null) === (status === "unread")) list.stale = true;
    }
  }

  #settle() {
    for (const [key, { okRev }] of this.pending) {
      if (okRev !== null && this.rev !== null && this.rev >= okRev) this.pending.delete(key);
    }
    this.#laid = null;
  }

  #overlaid() {
    if (!this.#laid) {
      const items = new Map(this.items);
      const counts = { ...this.counts };
      for (const { mark, at } of this.pending.values()) overlay(items, counts, mark, at);
      this.#laid = { items, counts };
    }
    return this.#laid;
  }

  /** Unless something is under way that may be about an item that would be dropped. */
  #trim() {
    if (this.items.size < this.#roof || this.pending.size || this.#readings.size) return;
    const kept = new Map();
    for (const list of this.lists) {
      if (list !== this.main && !list.watched) blank(list);
      const shown = this.view(list);
      if (shown.length > list.keep) {
        shown.length = list.keep;
        list.edge = edgeOf(shown, "more");
        list.cursor = "";
      }
      for (const item of shown) kept.set(item.id, item);
    }
    this.items = kept;
    this.#roof = Math.max(KEPT, kept.size) + SLACK;
    this.#laid = null;
  }
}

/**
 * Higher places come first in a list.
 * @param {Item} item
 */
function placeOf({ seq, pinned_at }) {
  return pinned_at === null ? seq : seq + PINNED;
}

/**
 * @param {Item[]} items a page
 * @param {string | null} [next] the cursor of the next, if there is one
 * @returns {number} the place that it reaches
 */
function edgeOf(items, next) {
  const last = items.at(-1);
  return next != null && last ? placeOf(last) : 0;
}

/**
 * @param {Item} item
 * @param {Filter} filter
 */
function matches(item, filter) {
  const { status = "all" } = filter;
  const { archived_at, snoozed_until, read_at } = item;
  const shelf = archived_at ? "archived" : snoozed_until ? "snoozed" : "all";
  return (status === shelf || (status === "unread" && shelf === "all" && !read_at)) && isOf(item, filter);
}

/**
 * @param {Item} item
 * @param {{category?: string | null, tag?: string | null}} about
 */
function isOf({ category, tags }, about) {
  return (!about.category || about.category === category) && (!about.tag || !!tags?.includes(about.tag));
}

/**
 * The held items that a mark or an `update` is about.
 * @param {Map<string, Item>} items
 * @param {Record<string, any>} about
 * @returns {Item[]}
 */
function targets(items, about) {
  const { all, upto = Infinity, ids = [] } = about;
  if (all) return [...items.values()].filter((item) => item.seq <= upto && isOf(item, about));
  return ids.flatMap((/** @type {string} */ id) => items.get(id) ?? []);
}

/**
 * `set` laid over an item: a time applies only where there is none yet, the end of a snooze and null always.
 * @param {Item} item
 * @param {Record<string, any>} set
 * @returns {Item | null} null when it changes nothing
 */
function merge(item, set) {
  /** @type {Record<string, any>} */
  const now = { ...item };
  let changed = false;
  for (const [field, value] of Object.entries(set ?? {})) {
    const held = now[field] ?? null;
    if (value === null || field === "snoozed_until" ? held === value : held !== null) continue;
    now[field] = value;
    changed = true;
  }
  return changed ? /** @type {Item} */ (now) : null;
}

/**
 * The fields that an action gives a time to. Clicking implies reading, reading implies seeing.
 * @type {Record<string, string[]>}
 */
const SETS = {
  seen: ["seen_at"],
  read: ["read_at", "seen_at"],
  click: ["read_at", "seen_at", "clicked_at"],
  archive: ["archived_at"],
  pin: ["pinned_at"],
  snooze: ["snoozed_until"],
};

/**
 * What an action sets; null for `delete`. What begins with `un` takes the first field of the rest back.
 * @param {Mark} mark
 * @param {string} at
 * @returns {Record<string, string | null> | null}
 */
function effect({ action, until }, at) {
  const undone = action.startsWith("un");
  const fields = SETS[undone ? action.slice(2) : action];
  if (!fields) return null;
  if (undone) return { [/** @type {string} */ (fields[0])]: null };
  return Object.fromEntries(fields.map((field) => [field, action === "snooze" ? (until ?? null) : at]));
}

/**
 * How much of the counts a mark on all empties: unseen, unread too, total too.
 * @type {Record<string, number>}
 */
const EMPTIES = { seen: 1, read: 2, click: 2, archive: 3, delete: 3, snooze: 3 };

/**
 * Lay one unconfirmed mark over `held` and the counts, both changed in place.
 * @param {Map<string, Item>} held
 * @param {Counts} counts
 * @param {Mark} mark
 * @param {string} at
 */
function overlay(held, counts, mark, at) {
  const set = effect(mark, at);
  for (const item of targets(held, mark)) {
    const marked = set && merge(item, set);
    if (set && !marked) continue;
    if (marked) {
      held.set(item.id, marked);
      count(counts, marked, +1);
    } else {
      held.delete(item.id);
    }
    count(counts, item, -1);
  }
  const empties = EMPTIES[mark.action];
  if (empties && mark.all && !mark.category && !mark.tag) {
    // It covers older pages too, which are not held; whatever is newer than `upto` is.
    const left = { ...NO_COUNTS };
    for (const item of held.values()) count(left, item, +1);
    counts.unseen = left.unseen;
    if (empties > 1) counts.unread = left.unread;
    if (empties > 2) counts.total = left.total;
  }
}

/**
 * @param {Counts} counts changed in place; never less than nothing
 * @param {Item} item
 * @param {1 | -1} by
 */
function count(counts, item, by) {
  if (!matches(item, {})) return;
  counts.total = Math.max(0, counts.total + by);
  if (!item.seen_at) counts.unseen = Math.max(0, counts.unseen + by);
  if (!item.read_at) counts.unread = Math.max(0, counts.unread + by);
}
