/**
 * The list of one tab: articles in a feed, older ones as the reader gets there, newer ones not under the reader's eyes.
 *
 * However many items there are, a frame builds and removes a bounded number of rows, and at the top of the list only
 * the newest have rows at all.
 */
import type { HubElement } from "./hub-element.js";
import type { Item } from "./hub-state.js";
import type { Speaker } from "./hub-speaker.js";
import type { Tab } from "./hub-threads.js";
export type FeedHost = HubElement & {
    speaker: Speaker;
    renderItem?: any;
};
export declare class List {
    #private;
    /** The list is before somebody's eyes. */
    shown: boolean;
    element: HTMLDivElement;
    /** @param {FeedHost} host */
    constructor(host: FeedHost);
    /** Look whether the ends of the list are in sight. @param {AbortSignal} signal */
    connected(signal: AbortSignal): void;
    /** Throw all rows away: another store, tab, language or target. @param {Tab} tab */
    show(tab: Tab): void;
    /** @param {Item} item */
    arrived(item: Item): void;
    /** To the newest, which may have waited for it. */
    goUp(): void;
    draw(): void;
    /** The first row has the focus. */
    enter(): void;
}
