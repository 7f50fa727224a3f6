/**
 * One notification in the feed: built once per item, then only what changed is touched. Loaded with the panel
 * (hub-loader.js).
 */
import type { PanelHost } from "./hub-loader.js";
import type { Action, Item } from "./hub-state.js";
import type { Entry } from "./hub-threads.js";
export type RowHost = {
    activate: (type: "hub-activate" | "hub-action", item: Item, event: MouseEvent, action?: Action) => void;
    /**
     * read or unread
     */
    toggle: (row: Row) => void;
    /**
     * into the archive or back
     */
    archive: (row: Row) => void;
    /**
     * the thread, or fold it
     */
    unfold: (row: Row) => void;
};
export type Row = {
    element: HTMLElement;
    /**
     * what the keys go to from row to row
     */
    focusable: HTMLElement;
    entry: Entry;
    /**
     * the day that it came, as its separator says it
     */
    day: string;
    /**
     * what marking this row is about: a folded thread is handled as one
     */
    items: Item[];
    unread: boolean;
    /**
     * shows the entry, of the same item, as it is now; false when a new row
     * has to be built: its content is another, or the page draws it
     */
    update: (entry: Entry) => boolean;
    /**
     * says how long ago it was; milliseconds since the epoch
     */
    tell: (now: number) => void;
};
/** @import { PanelHost } from "./hub-loader.js" */
/** @import { Action, Item } from "./hub-state.js" */
/** @import { Entry } from "./hub-threads.js" */
/**
 * @typedef {object} RowHost what a row asks of the feed it is in
 * @property {(type: "hub-activate" | "hub-action", item: Item, event: MouseEvent, action?: Action) => void} activate
 * @property {(row: Row) => void} toggle read or unread
 * @property {(row: Row) => void} archive into the archive or back
 * @property {(row: Row) => void} unfold the thread, or fold it
 */
/**
 * @typedef {object} Row
 * @property {HTMLElement} element
 * @property {HTMLElement} focusable what the keys go to from row to row
 * @property {Entry} entry
 * @property {string} day the day that it came, as its separator says it
 * @property {Item[]} items what marking this row is about: a folded thread is handled as one
 * @property {boolean} unread
 * @property {(entry: Entry) => boolean} update shows the entry, of the same item, as it is now; false when a new row
 *   has to be built: its content is another, or the page draws it
 * @property {(now: number) => void} tell says how long ago it was; milliseconds since the epoch
 */
/** Beside these it says what the catalogue has for several modules. */
export declare const WORDS: {
    menu: string;
    less: string;
    now: string;
};
/** @param {PanelHost} host */
export declare function createRows(host: PanelHost): (entry: Entry, list: RowHost) => Row;
