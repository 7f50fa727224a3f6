/** One notification in the feed: built once per item, then only what changed is touched. */
import type { Action, Item } from "./hub-state.js";
import type { Entry } from "./hub-threads.js";
import type { Messages } from "./hub-text.js";
export type RowHost = {
    words: Messages;
    /**
     * of links
     */
    target: string | null;
    renderItem: ((item: Item, defaultContent: HTMLElement) => Node | null) | null;
    activate: (type: "hub-activate" | "hub-action", item: Item, event: MouseEvent, action?: Action) => void;
    /**
     * read or unread
     */
    toggle: (row: Row) => void;
    /**
     * into the archive or back
     */
    archive: (row: Row) => void;
    menu: (row: Row, anchor: HTMLElement) => void;
    /**
     * the thread, or fold it
     */
    unfold: (row: Row) => void;
};
/** @import { Action, Item } from "./hub-state.js" */
/** @import { Entry } from "./hub-threads.js" */
/** @import { Messages } from "./hub-text.js" */
/**
 * @typedef {object} RowHost what a row asks of the feed it is in
 * @property {Messages} words
 * @property {string | null} target of links
 * @property {((item: Item, defaultContent: HTMLElement) => Node | null) | null} renderItem
 * @property {(type: "hub-activate" | "hub-action", item: Item, event: MouseEvent, action?: Action) => void} activate
 * @property {(row: Row) => void} toggle read or unread
 * @property {(row: Row) => void} archive into the archive or back
 * @property {(row: Row, anchor: HTMLElement) => void} menu
 * @property {(row: Row) => void} unfold the thread, or fold it
 */
/** Times are told anew so often. */
export declare const TICK_MS = 30000;
export declare class Row {
    #private;
    /** @type {HTMLElement} */
    element: HTMLElement;
    /** @type {HTMLElement} what the keys go to from row to row */
    focusable: HTMLElement;
    /** @type {Entry} */
    entry: Entry;
    /** The day that it came, as its separator says it. */
    day: string;
    /**
     * @param {Entry} entry
     * @param {RowHost} host
     */
    constructor(entry: Entry, host: RowHost);
    /** The items that marking this row is about: a folded thread is handled as one. */
    get items(): Item[];
    get unread(): boolean;
    /**
     * Show the entry as it is now.
     * @param {Entry} entry of the same item
     * @returns {boolean} false when a new row has to be built: its content is another, or the page draws it
     */
    update(entry: Entry): boolean;
    /**
     * Say how long ago it was.
     * @param {number} now milliseconds since the epoch
     * @param {string | undefined} language
     */
    tell(now: number, language: string | undefined): void;
}
