/**
 * A hub in memory, for one person: the smallest thing that follows docs/protocol.md, written from that page alone,
 * against which the client is tested. It keeps nothing, checks nothing and is fast; the real hub is tested elsewhere.
 */

/** @import { Counts, Filter, Frame, Item, Mark } from "../src/hub-state.js" */

/** @typedef {{item: Item, itemRev: number, removed: boolean, collapse: string | null}} Row */
/** @typedef {{all: true, upto: number, category?: string, tag?: string}} Coverage */
/** @typedef {Coverage & {rev: number, set: Record<string, any>}} BulkMark */
/** @typedef {{since: number, rev: number, id: string}} Position where the next page of changes begins */

const COMES_BACK = new Set(["unarchive", "unsnooze", "pin"]);

export class ModelHub {
  rev = 0;
  epoch = 1;
  pageSize;
  /** @type {Map<string, Row>} */
  rows = new Map();
  /** @type {BulkMark[]} */
  bulk = [];
  /** @type {Set<Session>} */
  sessions = new Set();
  #made = 0;
  #clock = Date.UTC(2026, 0, 1);

  /** @param {number} [pageSize] rows in a page of changes, items in a welcome and in a page of the list */
  constructor(pageSize = 2) {
    this.pageSize = pageSize;
  }

  /**
   * @param {{title?: string, category?: string, tags?: string[], collapse?: string | null, body?: string}} [content]
   * @returns {Item}
   */
  publish({ title = "Title", category = "general", tags = [], collapse = null, body } = {}) {
    const rev = ++this.rev;
    const removed = [];
    for (const row of this.rows.values()) {
      if (collapse === null || row.collapse !== collapse || row.removed || row.item.read_at !== null) continue;
      this.#remove(row);
      removed.push(row.item.id);
    }
    const id = `item-${String(++this.#made).padStart(6, "0")}`;
    /** @type {Item} */
    const item = {
      id,
      notification_id: `n-${id}`,
      seq: rev,
      rev,
      category,
      title: `${title} ${this.#made}`,
      body: body ?? null,
      action_url: null,
      actions: [],
      image_url: null,
      data: {},
      tags,
      actor: null,
      tenant: null,
      thread_key: null,
      priority: "normal",
      created_at: this.#now(),
      seen_at: null,
      read_at: null,
      clicked_at: null,
      archived_at: null,
      pinned_at: null,
      snoozed_until: null,
      expires_at: null,
    };
    this.rows.set(id, { item, itemRev: rev, removed: false, collapse });
    this.#announce({ type: "item", item: { ...item }, ...(removed.length ? { removed } : {}) });
    return item;
  }

  /**
   * @param {Mark} mark
   * @returns {{rev: number, changed: number, unknown: string[]}}
   */
  mark(mark) {
    const known = mark.all ? this.#covered(mark) : (mark.ids ?? []).map((id) => this.rows.get(id)).filter(isThere);
    const unknown = mark.all ? [] : (mark.ids ?? []).filter((id) => !isThere(this.rows.get(id)));
    const set = this.#set(mark);
    const changing = known.filter((row) => set === null || changes(row.item, set));
    if (changing.length === 0) return { rev: this.rev, changed: 0, unknown };
    const rev = ++this.rev;
    const ids = changing.map((row) => row.item.id);
    if (set === null) {
      for (const row of changing) this.#remove(row);
      this.#announce({ type: "removed", ids });
      return { rev, changed: ids.length, unknown };
    }
    const logged = mark.all && !COMES_BACK.has(mark.action);
    for (const row of changing) {
      row.item = { ...row.item, ...changes(row.item, set), rev };
      if (!logged) row.itemRev = rev;
    }
    const items = changing.map((row) => ({ ...row.item }));
    if (logged) {
      const { upto = rev - 1, category, tag } = mark;
      const entry = { all: /** @type {const} */ (true), upto, ...(category && { category }), ...(tag && { tag }), set };
      this.bulk.push({ rev, ...entry });
      this.#announce({ type: "update", ...entry });
    } else if (!COMES_BACK.has(mark.action)) {
      this.#announce({ type: "update", ids, set });
    } else if (items.length === 1) {
      this.#announce({ type: "item", item: items[0] });
    } else {
      this.#announce({ type: "changes", since: rev - 1, items, updates: [], removed: [], more: false });
    }
    return { rev, changed: ids.length, unknown };
  }

  /** Cancelled, or expired: gone for good. @param {string} id */
  withdraw(id) {
    const row = this.rows.get(id);
    if (!isThere(row)) return;
    this.rev += 1;
    this.#remove(row);
    this.#announce({ type: "removed", ids: [id] });
  }

  /** The snooze of an item ends: it comes back unread and unseen. @param {string} id */
  wake(id) {
    const row = this.rows.get(id);
    if (!isThere(row) || row.item.snoozed_until === null) return;
    const rev = ++this.rev;
    row.item = { ...row.item, rev, snoozed_until: null, read_at: null, seen_at: null };
    row.itemRev = rev;
    this.#announce({ type: "item", item: { ...row.item } });
  }

  /** Restored from a backup: every cursor given so far is void, and everybody is cut off. */
  restore() {
    this.epoch += 1;
    for (const session of [...this.sessions]) session.close(1006);
  }

  /** @returns {Counts} */
  counts() {
    const listed = this.list();
    return {
      unseen: listed.filter((item) => item.seen_at === null).length,
      unread: listed.filter((item) => item.read_at === null).length,
      total: listed.length,
    };
  }

  /**
   * What `GET /v1/inbox` lists; `all` is neither archived nor snoozed.
   * @param {Filter} [filter]
   */
  list({ status = "all", category, tag } = {}) {
    const items = [...this.rows.values()].filter(isThere).map((row) => row.item);
    const listed = items.filter((item) => {
      const { archived_at, snoozed_until, read_at } = item;
      if (category && item.category !== category) return false;
      if (tag && !(item.tags ?? []).includes(tag)) return false;
      if (status === "archived") return archived_at !== null;
      if (status === "snoozed") return archived_at === null && snoozed_until !== null;
      return archived_at === null && snoozed_until === null && (status === "all" || read_at === null);
    });
    return listed.sort((a, b) => place(a) - place(b));
  }

  /**
   * @param {string | null} [cursor] a `next_cursor`
   * @param {Filter} [filter]
   */
  page(cursor = null, filter = {}) {
    const after = this.list(filter).filter((item) => cursor === null || place(item) > Number(cursor));
    const items = after.slice(0, this.pageSize).map((item) => ({ ...item }));
    const last = items.at(-1);
    const next_cursor = last && after.length > items.length ? String(place(last)) : null;
    return { items, next_cursor, counts: this.counts(), rev: this.rev, sync: this.cursor() };
  }

  cursor(rev = this.rev) {
    return `${this.epoch}:${rev}`;
  }

  /**
   * @param {string} cursor
   * @returns {number | null} the revision to go on from; null: reset
   */
  resume(cursor) {
    const [epoch, rev] = cursor.split(":").map(Number);
    return epoch === this.epoch && rev !== undefined && rev <= this.rev ? rev : null;
  }

  welcomeItems() {
    const { sync, ...page } = this.page();
    return { cursor: sync, ...page };
  }

  /**
   * One page of what happened after a position, read now.
   * @param {Position} from
   * @returns {{frame: Frame, next: Position | null}}
   */
  changes(from) {
    const rows = [...this.rows.values()]
      .filter((row) => row.itemRev > from.rev || (row.itemRev === from.rev && row.item.id > from.id))
      .sort((a, b) => a.itemRev - b.itemRev || (a.item.id < b.item.id ? -1 : 1));
    const page = rows.slice(0, this.pageSize);
    const following = rows[page.length];
    const last = page.at(-1);
    let rev = this.rev;
    if (following && last) rev = following.itemRev === last.itemRev ? last.itemRev - 1 : last.itemRev;
    /** @type {Frame} */
    const frame = {
      type: "changes",
      since: from.since,
      rev,
      cursor: this.cursor(rev),
      items: page.filter(isThere).map((row) => ({ ...row.item })),
      updates: this.bulk.filter((entry) => entry.rev > from.since && entry.rev <= rev),
      removed: page.filter((row) => row.removed).map((row) => row.item.id),
      more: following !== undefined,
    };
    if (!following || !last) return { frame: { ...frame, counts: this.counts() }, next: null };
    return { frame, next: { since: rev, rev: last.itemRev, id: last.item.id } };
  }

  /** @param {{type: string} & Record<string, any>} body */
  #announce({ type, ...body }) {
    const frame = { type, rev: this.rev, cursor: this.cursor(), ...body, counts: this.counts() };
    for (const session of this.sessions) session.announce(frame);
  }

  /** @param {Mark} mark */
  #covered({ upto = this.rev, category, tag }) {
    return [...this.rows.values()]
      .filter(isThere)
      .filter(({ item }) => item.seq <= upto && (!category || item.category === category))
      .filter(({ item }) => !tag || (item.tags ?? []).includes(tag));
  }

  /** @param {Row} row */
  #remove(row) {
    row.removed = true;
    row.itemRev = this.rev;
  }

  /**
   * @param {Mark} mark
   * @returns {Record<string, string | null> | null}
   */
  #set({ action, until }) {
    const at = this.#now();
    if (action === "delete") return null;
    if (action === "seen") return { seen_at: at };
    if (action === "read") return { seen_at: at, read_at: at };
    if (action === "click") return { seen_at: at, read_at: at, clicked_at: at };
    if (action === "unread") return { read_at: null };
    if (action === "snooze") return { snoozed_until: until ?? at };
    if (action === "unsnooze") return { snoozed_until: null };
    const field = action.endsWith("pin") ? "pinned_at" : "archived_at";
    return { [field]: action.startsWith("un") ? null : at };
  }

  #now() {
    return new Date((this.#clock += 1000)).toISOString();
  }
}

/** One connection, on the hub's side. `send` gives it a way out, `close` ends it. */
export class Session {
  /** @type {Position | null} */
  #catching = null;

  /**
   * @param {ModelHub} hub
   * @param {{send: (frame: Frame) => void, close: (code: number) => void}} out
   */
  constructor(hub, out) {
    this.hub = hub;
    this.out = out;
  }

  /** @param {string | null} cursor */
  hello(cursor) {
    this.hub.sessions.add(this);
    const welcome = { type: "welcome", connection: "c-1", heartbeat_seconds: 25, expires_at: "2099-01-01T00:00:00Z" };
    if (cursor === null) return this.out.send({ ...welcome, ...this.hub.welcomeItems() });
    this.out.send(welcome);
    return this.sync(cursor, welcome);
  }

  /**
   * @param {string} cursor
   * @param {Frame} [welcome]
   */
  sync(cursor, welcome = { type: "welcome", connection: "c-1", heartbeat_seconds: 25 }) {
    const rev = this.hub.resume(cursor);
    if (rev !== null) {
      this.#catching = { since: rev, rev, id: "￿" };
      return;
    }
    this.#catching = null;
    this.out.send({ type: "reset" });
    this.out.send({ ...welcome, ...this.hub.welcomeItems() });
  }

  /** Send one page of what the client misses, if it misses any. @returns {boolean} whether there was one */
  step() {
    if (this.#catching === null) return false;
    const { frame, next } = this.hub.changes(this.#catching);
    this.#catching = next;
    this.out.send(frame);
    return true;
  }

  /** Live frames are left out while pages are sent: the last page is read after them. @param {Frame} frame */
  announce(frame) {
    if (this.#catching === null) this.out.send(frame);
  }

  /** @param {Frame} frame from the client */
  receive(frame) {
    if (frame.type === "hello") this.hello(frame.cursor ?? null);
    else if (frame.type === "sync") this.sync(frame.cursor);
    else if (frame.type === "seen") this.hub.mark({ action: "seen", all: true, upto: frame.rev });
    else if (frame.type === "mark") {
      const { ref, type, ...mark } = frame;
      const { rev, changed } = this.hub.mark(/** @type {Mark} */ (mark));
      this.out.send({ type: "ok", ref, rev, changed });
    }
  }

  /** @param {number} code */
  close(code) {
    if (this.hub.sessions.delete(this)) this.out.close(code);
  }
}

/**
 * @param {Row | undefined} row
 * @returns {row is Row}
 */
function isThere(row) {
  return row !== undefined && !row.removed;
}

/**
 * @param {Record<string, any>} item
 * @param {Record<string, any>} set
 * @returns {Record<string, any> | null}
 */
function changes(item, set) {
  const fields = Object.entries(set).filter(([field, value]) =>
    value === null || field === "snoozed_until" ? item[field] !== value : item[field] === null,
  );
  return fields.length ? Object.fromEntries(fields) : null;
}

/** The place in the list as a number, ascending. @param {Item} item */
function place(item) {
  return (item.pinned_at === null ? 1e9 : 0) - item.seq;
}
