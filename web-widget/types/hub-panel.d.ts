/** The inbox itself, in a popover or in the page: header, tabs, list, and the preferences in their place. */
import { List } from "./hub-feed.js";
import type { FeedHost } from "./hub-feed.js";
import type { Item } from "./hub-state.js";
import type { Tab } from "./hub-threads.js";
export declare class Panel {
    #private;
    list: List;
    element: HTMLDivElement;
    /**
     * @param {FeedHost} host
     * @param {() => void} [close] what closes it; without, it is part of the page
     */
    constructor(host: FeedHost, close?: () => void);
    get tabs(): Tab[];
    set tabs(tabs: Tab[]);
    /** The words, the tabs or the store are others: from nothing. */
    rebuild(): void;
    /** @param {boolean} shown whether somebody sees it */
    draw(shown: boolean): void;
    /** Show the list again, where the preferences are. @param {boolean} [focus] the way back leads to their button */
    showList(focus?: boolean): void;
    /** @param {Item} item */
    arrived(item: Item): void;
}
