/**
 * The elements of a page.
 *
 *     <script type="module" src="https://hub.example/widget/hub-inbox.js"></script>
 *     <hub-inbox hub="https://hub.example"></hub-inbox>
 *     <script type="module">
 *       document.querySelector("hub-inbox").getToken = async () => (await fetch("/hub-token")).text();
 *     </script>
 *
 * `<hub-inbox>` is a bell and a panel, `<hub-bell>` the bell alone, `<hub-feed>` the panel in the page, `<hub-toasts>`
 * what arrives, `<hub-preferences>` what a person wants to get; those of a page share one store (hub-element.js).
 *
 * Text is set as text, never as HTML, and links pass an allow-list. Works under `style-src 'self'` and `trusted-types
 * 'none'`.
 */
import { HubClient } from "./hub-client.js";
import { HubBell } from "./hub-bell.js";
import { HubElement } from "./hub-element.js";
import { Speaker } from "./hub-speaker.js";
import { HubStore } from "./hub-store.js";
export { HubBell, HubClient, HubStore };
import type { Item } from "./hub-state.js";
import type { Tab } from "./hub-threads.js";
export type RenderItem = ((item: Item, defaultContent: HTMLElement) => Node | null) | null;
/** A bell with a badge, and below it a panel with the list: a popover, on narrow screens a sheet. */
export declare class HubInbox extends HubBell {
    #private;
    /** @override */
    static observedAttributes: string[];
    constructor();
    /** @override @param {AbortSignal} signal */
    connected(signal: AbortSignal): void;
    /**
     * @override
     * @param {string} attribute
     * @param {string | null} before
     * @param {string | null} now
     */
    attributeChangedCallback(attribute: string, before: string | null, now: string | null): void;
    get open(): boolean;
    set open(open: boolean);
    toggle(): void;
    /** What the tabs show; over the attribute of this name. @returns {Tab[]} */
    get tabs(): Tab[];
    set tabs(tabs: Tab[]);
    /** Draws an item's content in place of the default one; null for that. */
    get renderItem(): RenderItem;
    set renderItem(renderItem: RenderItem);
    /** @override */
    get reading(): boolean;
    /** @override */
    clicked(): void;
    /** @override */
    rebuild(): void;
    /** @override */
    draw(): void;
    /** @override @param {Item} item */
    arrived(item: Item): void;
}
/** The list with its tabs in the page. */
export declare class HubFeed extends HubElement {
    #private;
    speaker: Speaker;
    constructor();
    /** @override @param {AbortSignal} signal */
    connected(signal: AbortSignal): void;
    /** @override */
    get reading(): boolean;
    get tabs(): Tab[];
    /** As of `<hub-inbox>`. @param {Tab[]} tabs */
    set tabs(tabs: Tab[]);
    /** As of `<hub-inbox>`. */
    get renderItem(): RenderItem;
    set renderItem(renderItem: RenderItem);
    /** @override */
    rebuild(): void;
    /** @override */
    draw(): void;
    /** @override @param {Item} item */
    arrived(item: Item): void;
}
/** An element whose module is loaded when there is one with a store in the page. */
declare class Shell extends HubElement {
    #private;
    place: HTMLDivElement;
    constructor();
    /** @returns {Promise<{destroy(): void}>} */
    load(): Promise<{
        destroy(): void;
    }>;
    /** @override */
    rebuild(): Promise<void>;
}
/** Arrivals while nobody looks at the list. */
export declare class HubToasts extends Shell {
    /** @override */
    load(): Promise<{
        destroy: () => void;
    }>;
}
/** What a person wants to get, in the page. */
export declare class HubPreferences extends Shell {
    /** @override */
    load(): Promise<{
        destroy: () => void;
    }>;
}
