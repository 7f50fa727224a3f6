/** One notification in the list: built once per item, then only what changed is touched. */
import type { Action, Item } from "./hub-state.js";
import type { Messages } from "./hub-inbox-text.js";
export type RowEvents = {
    /**
     * the title was followed
     */
    onActivate: (item: Item, event: MouseEvent) => void;
    /**
     * one of the item's own buttons
     */
    onAction: (item: Item, action: Action, event: MouseEvent) => void;
    /**
     * read or unread
     */
    onToggle: (item: Item) => void;
};
export declare class Row {
    #private;
    item: Item;
    messages: {
        title: string;
        bell: (unread: number) => string;
        unread: (unread: number) => string;
        markAll: string;
        markRead: string;
        markUnread: string;
        critical: string;
        pinned: string;
        loading: string;
        empty: string;
        emptyHint: string;
        offline: string;
        unreachable: string;
        unreachableHint: string;
        stopped: string;
        stoppedHint: string;
        refusedHint: string;
        retry: string;
        older: string;
        loadingOlder: string;
        newer: (count: number) => string;
        arrived: (count: number) => string;
        now: string;
    };
    /** @type {HTMLLIElement} */
    element: HTMLLIElement;
    /** @type {HTMLElement} what the arrow keys go to */
    title: HTMLElement;
    /**
     * @param {Item} item
     * @param {RowEvents} events
     * @param {{messages: Messages, target: string | null}} look
     */
    constructor(item: Item, events: RowEvents, look: {
        messages: Messages;
        target: string | null;
    });
    /**
     * Show the item as it is now. Its content never changes under one id except by a new revision, which builds a new
     * row.
     * @param {Item} item
     * @returns {boolean} false when the content is another: build a new row
     */
    update(item: Item): boolean;
    /**
     * @param {number} now milliseconds since the epoch
     * @param {string | undefined} language
     */
    tell(now: number, language: string | undefined): void;
}
