/** How items become what is listed: one line for a thread, and the filter of a tab. Pure. */

/** @import { Item } from "./hub-state.js" */

/**
 * One article of the feed.
 * @typedef {object} Entry
 * @property {Item} item
 * @property {Item[]} more the older ones of its thread; empty without a thread, and for those shown below their newest
 * @property {boolean} open whether those are shown
 * @property {boolean} sub whether it is one of those
 */

/**
 * @typedef {object} Tab what one tab shows: items of a status, and of a category or with a tag
 * @property {string} [label] what it is called; its status, category or tag if absent
 * @property {"all" | "unread" | "archived" | "snoozed"} [status] `all` if absent: neither archived nor snoozed
 * @property {string} [category]
 * @property {string} [tag]
 */

/**
 * A thread stands at the place of its first item in the list, which is its newest or the one that is pinned.
 * @param {readonly Item[]} items in the order of the list
 * @param {Set<string>} open the threads whose items are all shown, by key
 * @returns {Entry[]}
 */
export function arrange(items, open) {
  /** @type {Map<string, Entry>} */
  const threads = new Map();
  const entries = [];
  for (const item of items) {
    const key = item.thread_key;
    const head = key && threads.get(key);
    if (head) {
      head.more.push(item);
      continue;
    }
    const entry = { item, more: [], open: !!key && open.has(key), sub: false };
    if (key) threads.set(key, entry);
    entries.push(entry);
  }
  return entries.flatMap((entry) =>
    entry.open ? [entry, ...entry.more.map((item) => ({ item, more: [], open: false, sub: true }))] : entry,
  );
}

/**
 * @param {string | null} text `all, unread, category:billing = Bills, tag:mention, archived`: a comma between tabs, the
 *   label after `=`
 * @returns {Tab[]}
 */
export function parseTabs(text) {
  return (text ?? "all,unread,archived").split(",").map((part) => {
    const [what = "", label] = part.split("=").map((one) => one.trim());
    const [kind = "", ...name] = what.split(":");
    return name.length ? { label, [kind]: name.join(":") } : { label, status: /** @type {Tab["status"]} */ (what) };
  });
}
