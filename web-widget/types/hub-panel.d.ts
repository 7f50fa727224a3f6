/**
 * The inbox itself, in a popover or in the page: header, tabs, list, and the preferences in their place. Loaded with the
 * list and its rows (hub-loader.js), which are handed in.
 */
import type { createList as CreateList } from "./hub-feed.js";
import type { PanelHost } from "./hub-loader.js";
import type { createRows as CreateRows } from "./hub-row.js";
import type { Tab } from "./hub-threads.js";
export type Panel = ReturnType<typeof createPanel>;
/** @import { createList as CreateList } from "./hub-feed.js" */
/** @import { PanelHost } from "./hub-loader.js" */
/** @import { createRows as CreateRows } from "./hub-row.js" */
/** @import { Tab } from "./hub-threads.js" */
/** @typedef {ReturnType<typeof createPanel>} Panel */
/** Beside these it says what the catalogue has for several modules. */
export declare const WORDS: {
    all: string;
    unread: string;
    archived: string;
    snoozed: string;
    markAll: string;
    settings: string;
    offline: string;
};
/**
 * @param {PanelHost} host
 * @param {typeof CreateList} createList
 * @param {typeof CreateRows} createRows
 * @param {() => void} [close] what closes it; without, it is part of the page
 */
export declare function createPanel(host: PanelHost, createList: typeof CreateList, createRows: typeof CreateRows, close?: () => void): {
    element: HTMLDivElement;
    list: {
        element: HTMLDivElement;
        shown: boolean;
        show: (shown: Tab) => void;
        arrived: ({ id }: import("./hub-state.js").Item) => void;
        goUp: () => void;
        draw: () => void;
        enter: () => void;
    };
    rebuild: () => void;
    draw: () => void;
    showList: (focus?: boolean) => void;
    place: (anchor: Element) => void;
};
