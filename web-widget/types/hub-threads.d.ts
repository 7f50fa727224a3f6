/** How items become what is listed: one line for a thread, and the filter of a tab. Pure. */
import type { Item } from "./hub-state.js";
export type Entry = {
    item: Item;
    /**
     * the older ones of its thread; empty without a thread, and for those shown below their newest
     */
    more: Item[];
    /**
     * whether those are shown
     */
    open: boolean;
    /**
     * whether it is one of those
     */
    sub: boolean;
};
export type Tab = {
    /**
     * what it is called; its status, category or tag if absent
     */
    label?: string;
    /**
     * `all` if absent: neither archived nor snoozed
     */
    status?: "all" | "unread" | "archived" | "snoozed";
    category?: string;
    tag?: string;
};
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
export declare function arrange(items: readonly Item[], open: Set<string>): Entry[];
/**
 * @param {string | null} text `all, unread, category:billing = Bills, tag:mention, archived`: a comma between tabs, the
 *   label after `=`
 * @returns {Tab[]}
 */
export declare function parseTabs(text: string | null): Tab[];
