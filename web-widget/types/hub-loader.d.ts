/**
 * The panel of an element, which is loaded when it is first wanted: what most pages need is the bell alone. It comes in
 * three modules at once, so that none waits for another.
 */
import type { HubElement } from "./hub-element.js";
import type { Panel } from "./hub-panel.js";
import type { Item } from "./hub-state.js";
import type { Speaker } from "./hub-speaker.js";
import type { Tab } from "./hub-threads.js";
export type RenderItem = ((item: Item, defaultContent: HTMLElement) => Node | null) | null;
export type PanelHost = HubElement & {
    speaker: Speaker;
    tabs: Tab[];
    renderItem: RenderItem;
};
/** @import { HubElement } from "./hub-element.js" */
/** @import { Panel } from "./hub-panel.js" */
/** @import { Item } from "./hub-state.js" */
/** @import { Speaker } from "./hub-speaker.js" */
/** @import { Tab } from "./hub-threads.js" */
/** @typedef {((item: Item, defaultContent: HTMLElement) => Node | null) | null} RenderItem */
/** @typedef {HubElement & {speaker: Speaker, tabs: Tab[], renderItem: RenderItem}} PanelHost */
export declare class PanelLoader {
    #private;
    /** @type {Panel | null} null until it is loaded */
    panel: Panel | null;
    /**
     * @param {PanelHost} host
     * @param {(panel: Panel) => void} place puts it into the host
     * @param {() => void} [close] what closes it; without, it is part of the page
     */
    constructor(host: PanelHost, place: (panel: Panel) => void, close?: () => void);
    /** @returns {Promise<Panel>} rejects where a module cannot be had, or fails; the next call tries again */
    load(): Promise<Panel>;
    /** The list is before the person's eyes: not where the preferences stand in its place, nor in what the page hides. */
    get reading(): boolean;
    get tabs(): Tab[];
    set tabs(tabs: Tab[]);
    get renderItem(): RenderItem;
    set renderItem(renderItem: RenderItem);
}
