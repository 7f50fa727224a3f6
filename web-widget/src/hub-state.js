/**
 * What a client knows of one person's inbox, and the only place that changes it. No I/O, no clock, no DOM: frames go
 * in, a verdict comes out, and the same frames always give the same state, so it is tested by random schedules.
 *
 * The rules are the protocol's (docs/protocol.md, "Revisions"). Every change to an inbox takes the person's next
 * revision:
 *
 *     frame.rev = own + 1   apply
 *     frame.rev ≤ own       ignore
 *     frame.rev > own + 1   a gap: nothing is applied, the client sends `sync`
 *     changes               goes by `since` alone: apply when since ≤ own
 *
 * Three things never move the own revision: a REST answer, the rev in `ok`, and a mark that was made here and is not
 * yet confirmed. The last is an overlay on what is known; `view()` shows both together.
 */

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

/** @typedef {{ref: number, mark: Mark, at: string, okRev: number | null}} PendingMark */
/** @typedef {Record<string, any> & {type: string}} Frame one frame, as parsed from JSON */
/** @typedef {{items: Item[], next_cursor: string | null}} Page the part of a REST page that the state takes */

/**
 * `applied` it changed what is known · `ignored` it is already known · `gap` something is missing before it ·
 * `reset` all was discarded (a `welcome` with items follows, or was this frame).
 * @typedef {"applied" | "ignored" | "gap" | "reset"} Verdict
 */

/** @typedef {{frames: Frame[], generation: number}} Reading a REST request under way */

const LIVE_FRAMES = new Set(["item", "update", "removed"]);
const NO_COUNTS = Object.freeze({ unseen: 0, unread: 0, total: 0 });

export class InboxState {
  /** @type {number | null} the own revision; null until the first snapshot */
  rev = null;
  /** @type {string | null} where to resume */
  cursor = null;
  /** @type {string | null} the REST cursor of the next older page; null when there is none, or none is known yet */
  olderCursor = null;
  /** @type {Map<string, Item>} what the hub said, without the overlay */
  items = new Map();
  /** @type {Counts} */
  counts = NO_COUNTS;
  /** The revision that `counts` belong to. */
  countsRev = -1;
  /** @type {Map<number, PendingMark>} marks made here, by ref, in order */
  pending = new Map();
  /** Grows whenever everything is discarded; an answer asked for under an older one is worthless. */
  generation = 0;
  /** @type {Set<Reading>} */
  #readings = new Set();

  /**
   * Take one frame of the stream. Unknown types without a `rev` are ignored; one with a `rev` ahead of ours is a gap.
   * @param {Frame} frame
   * @returns {Verdict}
   */
  apply(frame) {
    if (frame.type === "reset") {
      this.#discard();
      return "reset";
    }
    if (frame.type === "welcome") return frame.items === undefined ? "ignored" : this.#start(frame);
    if (frame.type === "ok" || typeof frame.rev !== "number") return "ignored";
    if (this.rev === null) return "ignored";
    if (frame.type === "changes") {
      if (frame.since > this.rev) return "gap";
    } else if (frame.rev <= this.rev) {
      return "ignored";
    } else if (frame.rev > this.rev + 1 || !LIVE_FRAMES.has(frame.type)) {
      return "gap";
    }
    this.#take(frame);
    for (const reading of this.#readings) reading.frames.push(frame);
    if (frame.rev >= this.rev) {
      this.rev = frame.rev;
      this.cursor = frame.cursor ?? this.cursor;
    }
    if (frame.counts && frame.rev >= this.countsRev) {
      this.counts = frame.counts;
      this.countsRev = frame.rev;
    }
    this.#settle();
    return "applied";
  }

  /**
   * Show a mark before the hub has answered it.
   * @param {number} ref its number in the protocol
   * @param {Mark} mark
   * @param {string} at the time that it shows, RFC 3339
   */
  mark(ref, mark, at) {
    this.pending.set(ref, { ref, mark, at, okRev: null });
  }

  /**
   * The hub carried the mark out at `rev`: the overlay stays until the own revision gets there.
   * @param {number} ref
   * @param {number} rev
   */
  confirm(ref, rev) {
    const pending = this.pending.get(ref);
    if (pending) pending.okRev = rev;
    this.#settle();
  }

  /**
   * The hub refused the mark: the overlay ends.
   * @param {number} ref
   */
  refuse(ref) {
    this.pending.delete(ref);
  }

  /**
   * Note that a REST page is being asked for. Frames that arrive until its answer are applied to it as well, because
   * the page may have been read before them.
   * @returns {Reading}
   */
  beginReading() {
    const reading = { frames: [], generation: this.generation };
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
    for (const item of page.items) this.#put(item);
    for (const frame of reading.frames) this.#take(frame);
    this.olderCursor = page.next_cursor;
    return true;
  }

  /** The highest `seq` held: what `upto` is for a mark on all. 0 when nothing is held. */
  highestSeq() {
    let highest = 0;
    for (const item of this.items.values()) highest = Math.max(highest, item.seq);
    return highest;
  }

  /**
   * What to show: items that are neither archived nor snoozed, pinned first, newest first, and the counts, both with
   * the unconfirmed marks laid over.
   * @returns {{items: Item[], counts: Counts}}
   */
  view() {
    const held = new Map(this.items);
    let counts = { ...this.counts };
    for (const { mark, at } of this.pending.values()) counts = overlay(held, counts, mark, at);
    const items = [...held.values()].filter(isListed);
    return { items: items.sort(byPlace), counts };
  }

  /**
   * @param {Frame} frame a `welcome` with items
   * @returns {Verdict}
   */
  #start(frame) {
    this.#discard();
    for (const item of frame.items) this.items.set(item.id, item);
    this.rev = frame.rev;
    this.cursor = frame.cursor;
    this.olderCursor = frame.next_cursor ?? null;
    this.counts = frame.counts;
    this.countsRev = frame.rev;
    return "reset";
  }

  #discard() {
    this.generation += 1;
    this.rev = null;
    this.cursor = null;
    this.olderCursor = null;
    this.items.clear();
    this.counts = NO_COUNTS;
    this.countsRev = -1;
    this.pending.clear();
    this.#readings.clear();
  }

  /** @param {Frame} frame apply what it says of items, whatever the own revision */
  #take(frame) {
    if (frame.type === "changes") {
      for (const item of frame.items ?? []) this.#put(item);
      for (const update of frame.updates ?? []) this.#update(update);
    } else if (frame.type === "item") {
      this.#put(frame.item);
    } else if (frame.type === "update") {
      this.#update(frame);
    }
    const removed = frame.type === "removed" ? frame.ids : frame.removed;
    for (const id of removed ?? []) this.items.delete(id);
  }

  /** @param {Item} item */
  #put(item) {
    const held = this.items.get(item.id);
    if (!held || held.rev <= item.rev) this.items.set(item.id, item);
  }

  /** @param {Record<string, any>} update a frame `update`, or one of the `updates` in `changes` */
  #update(update) {
    for (const item of targets(this.items, update)) {
      if (item.rev >= update.rev) continue;
      const changed = merge(item, update.set);
      if (changed) this.items.set(item.id, { ...changed, rev: update.rev });
    }
  }

  #settle() {
    for (const { ref, okRev } of this.pending.values()) {
      if (okRev !== null && this.rev !== null && this.rev >= okRev) this.pending.delete(ref);
    }
  }
}

/**
 * The held items that a mark or an `update` is about.
 * @param {Map<string, Item>} items
 * @param {Record<string, any>} about
 * @returns {Item[]}
 */
function targets(items, about) {
  if (about.all) {
    const upto = about.upto ?? Infinity;
    return [...items.values()].filter(
      (item) =>
        item.seq <= upto &&
        (about.category == null || item.category === about.category) &&
        (about.tag == null || (item.tags ?? []).includes(about.tag)),
    );
  }
  const found = [];
  for (const id of about.ids ?? []) {
    const item = items.get(id);
    if (item) found.push(item);
  }
  return found;
}

/**
 * `set` laid over an item: a time applies only where there is none yet, the end of a snooze and null always.
 * @param {Item} item
 * @param {Record<string, any>} set
 * @returns {Item | null} null when it changes nothing
 */
function merge(item, set) {
  /** @type {Record<string, any>} */
  const now = item;
  /** @type {Record<string, any>} */
  const changes = {};
  for (const [field, value] of Object.entries(set ?? {})) {
    const held = now[field] ?? null;
    const applies = value === null || field === "snoozed_until" ? held !== value : held === null;
    if (applies) changes[field] = value;
  }
  return Object.keys(changes).length ? { ...item, ...changes } : null;
}

/**
 * What an action sets; null for `delete`. Clicking implies reading, reading implies seeing.
 * @param {Mark} mark
 * @param {string} at
 * @returns {Partial<Item> | null}
 */
function effect(mark, at) {
  switch (mark.action) {
    case "seen":
      return { seen_at: at };
    case "read":
      return { seen_at: at, read_at: at };
    case "click":
      return { seen_at: at, read_at: at, clicked_at: at };
    case "unread":
      return { read_at: null };
    case "archive":
      return { archived_at: at };
    case "unarchive":
      return { archived_at: null };
    case "snooze":
      return { snoozed_until: mark.until ?? null };
    case "unsnooze":
      return { snoozed_until: null };
    case "pin":
      return { pinned_at: at };
    case "unpin":
      return { pinned_at: null };
    case "delete":
      return null;
  }
}

/**
 * Lay one unconfirmed mark over `held` (changed in place) and the counts (returned).
 * @param {Map<string, Item>} held
 * @param {Counts} counts
 * @param {Mark} mark
 * @param {string} at
 * @returns {Counts}
 */
function overlay(held, counts, mark, at) {
  const set = effect(mark, at);
  const after = { ...counts };
  for (const item of targets(held, mark)) {
    const marked = set && merge(item, set);
    if (set && !marked) continue;
    count(after, item, -1);
    if (marked) {
      held.set(item.id, marked);
      count(after, marked, +1);
    } else {
      held.delete(item.id);
    }
  }
  if (mark.all && mark.category == null && mark.tag == null) {
    // It covers older pages too, which are not held; whatever is newer than `upto` is.
    const left = { unseen: 0, unread: 0, total: 0 };
    for (const item of held.values()) count(left, item, +1);
    const empties = mark.action === "archive" || mark.action === "delete" || mark.action === "snooze";
    const reads = empties || mark.action === "read" || mark.action === "click";
    if (reads || mark.action === "seen") after.unseen = left.unseen;
    if (reads) after.unread = left.unread;
    if (empties) after.total = left.total;
  }
  return {
    unseen: Math.max(0, after.unseen),
    unread: Math.max(0, after.unread),
    total: Math.max(0, after.total),
  };
}

/**
 * @param {Counts} counts changed in place
 * @param {Item} item
 * @param {1 | -1} by
 */
function count(counts, item, by) {
  if (!isListed(item)) return;
  counts.total += by;
  if (item.seen_at === null) counts.unseen += by;
  if (item.read_at === null) counts.unread += by;
}

/** @param {Item} item */
function isListed(item) {
  return item.archived_at === null && item.snoozed_until === null;
}

/**
 * @param {Item} a
 * @param {Item} b
 */
function byPlace(a, b) {
  const pinned = Number(b.pinned_at !== null) - Number(a.pinned_at !== null);
  return pinned || b.seq - a.seq;
}
