/**
 * The list of one tab: articles in a feed, older ones as the reader gets there, newer ones not under the reader's eyes.
 * Loaded with the panel (hub-loader.js).
 *
 * However many items there are, a frame builds and removes a bounded number of rows, and at the top of the list only
 * the newest have rows at all.
 */
import type { PanelHost } from "./hub-loader.js";
import type { createRows } from "./hub-row.js";
import type { Item } from "./hub-state.js";
import type { Tab } from "./hub-threads.js";
/** @import { Feed } from "./hub-feeds.js" */
/** @import { PanelHost } from "./hub-loader.js" */
/** @import { createRows, Row, RowHost } from "./hub-row.js" */
/** @import { Item, Mark } from "./hub-state.js" */
/** @import { Entry, Tab } from "./hub-threads.js" */
/** Beside these it says what the catalogue has for several modules. */
export declare const WORDS: {
    pinned: string;
    loading: string;
    empty: string;
    emptyHint: string;
    nothing: string;
    failedHint: string;
    unreachable: string;
    unreachableHint: string;
    stopped: string;
    stoppedHint: string;
    refusedHint: string;
    older: string;
    end: string;
    newer: (/** @type {number} */ count: number) => string;
};
/**
 * @param {PanelHost} host
 * @param {ReturnType<typeof createRows>} createRow
 */
export declare function createList(host: PanelHost, createRow: ReturnType<typeof createRows>): {
    element: HTMLDivElement;
    shown: boolean;
    show: (shown: Tab) => void;
    arrived: ({ id }: Item) => void;
    goUp: () => void;
    draw: () => void;
    enter: () => void;
};
