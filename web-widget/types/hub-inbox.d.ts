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
export type HubElements = import("./hub-elements.js").HubElements;
export type HubEvents = import("./hub-elements.js").HubEvents;
import type { RenderItem } from "./hub-loader.js";
import type { Item } from "./hub-state.js";
import type { Tab } from "./hub-threads.js";
import type { Toolkit } from "./hub-toolkit.js";
/**
 * A bell with a badge, and below it a panel with the list: a popover, on narrow screens a sheet.
 *
 * @element hub-inbox
 * @attr hub - where the hub is; the page's origin if absent
 * @attr for - the id of the element whose store it shows; else that of the page's only one
 * @attr theme - `light` or `dark`; otherwise the page's color-scheme
 * @attr density - `compact`: less air
 * @attr open - the panel is open
 * @attr keep-open - a click elsewhere does not close the panel
 * @attr badge - `unseen`: the badge counts what was not seen instead of what was not read
 * @attr title-badge - the count stands before the page's title, too
 * @attr app-badge - and on the icon of an installed app
 * @attr tabs - `all,unread,archived` if absent; also `snoozed`, `category:billing = Bills`, `tag:mention`
 * @attr push - asks about web push in the panel
 * @attr worker - the page's service worker, for push; `/hub-sw.js` if absent
 * @attr target - of every link, as in `<a target>`
 * @attr lang - of words and times; else that of the nearest element that says one
 * @fires hub-activate - a title was followed; `detail.item`; `preventDefault()` keeps the link from being followed
 * @fires hub-action - one of an item's buttons was; `detail.item`, `detail.action`; cancelable as well
 * @fires hub-arrived - a new item came; `detail.item`, and `detail.missed`: while nobody was connected
 * @fires hub-opened - the panel opened
 * @fires hub-closed - the panel closed
 * @slot bell - in place of the bell's picture; the button is named by `messages.bell`
 * @slot header - between heading and buttons
 * @slot empty - in place of what stands where there is nothing
 * @csspart bell - the button
 * @csspart badge - the count on it
 * @csspart panel - what opens
 * @csspart header - its upper edge, with its title
 * @csspart count - how many are unread
 * @csspart all - marks all as read
 * @csspart settings - leads to the preferences
 * @csspart back - leads back from them
 * @csspart close - closes the panel
 * @csspart tabs - the tabs
 * @csspart tab - one of them
 * @csspart banner - says that the connection is lost
 * @csspart push - asks about web push
 * @csspart newer - leads to what is new
 * @csspart list - the items
 * @csspart item - one of them
 * @csspart avatar - whose picture it has
 * @csspart title - what it says first
 * @csspart category - its category
 * @csspart thread - unfolds its thread
 * @csspart action - one of its own buttons
 * @csspart tools - its buttons for marking
 * @csspart toggle - read or unread
 * @csspart archive - into the archive or back
 * @csspart more - opens its menu
 * @csspart options - that menu
 * @csspart preferences - the preferences
 * @cssprop --hub-accent - buttons, dots, the tab that is chosen
 * @cssprop --hub-on-accent - what stands on the accent
 * @cssprop --hub-danger - what is critical
 * @cssprop --hub-surface - the ground
 * @cssprop --hub-text - the text
 * @cssprop --hub-muted - what matters less
 * @cssprop --hub-line - lines
 * @cssprop --hub-hover - the ground under the pointer
 * @cssprop --hub-bell - the bell
 * @cssprop --hub-badge - the ground of the badge
 * @cssprop --hub-radius - of the panel's corners
 * @cssprop --hub-avatar-radius - of pictures
 * @cssprop --hub-shadow - of the panel
 * @cssprop --hub-font - the font
 * @cssprop --hub-font-size - its size; all others go by it
 * @cssprop --hub-panel-width - the panel's width
 * @cssprop --hub-panel-height - the most that it is high
 */
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
    toggle(): Promise<void>;
    /** What the tabs show; over the attribute of this name. @returns {Tab[]} */
    get tabs(): Tab[];
    set tabs(tabs: Tab[]);
    /** Draws an item's content in place of the default one; null, or an exception, for that. @returns {RenderItem} */
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
    /** @override @param {Item} item @param {boolean} missed */
    arrived(item: Item, missed: boolean): void;
}
/**
 * The list with its tabs in the page. Attributes, events, slots, parts and properties are those of `<hub-inbox>` that are
 * about the list.
 *
 * @element hub-feed
 */
export declare class HubFeed extends HubElement {
    #private;
    speaker: Speaker;
    /** @override */
    get reading(): boolean;
    get tabs(): Tab[];
    /** As of `<hub-inbox>`. @param {Tab[]} tabs */
    set tabs(tabs: Tab[]);
    /** As of `<hub-inbox>`. @returns {RenderItem} */
    get renderItem(): RenderItem;
    set renderItem(renderItem: RenderItem);
    /** @override */
    rebuild(): void;
    /** @override */
    draw(): undefined;
    /** @override @param {Item} item @param {boolean} missed */
    arrived(item: Item, missed: boolean): void;
}
/** An element whose module is loaded when there is one with a store in the page. */
declare class Shell extends HubElement {
    #private;
    /** @internal @type {HTMLElement} */
    place: HTMLElement;
    constructor();
    /** @internal @returns {Promise<{mount(place: HTMLElement, toolkit: Toolkit): {destroy(): void}}>} */
    load(): Promise<{
        mount(place: HTMLElement, toolkit: Toolkit): {
            destroy(): void;
        };
    }>;
    /** @override */
    rebuild(): Promise<void>;
    /** @override */
    draw(): void;
}
/**
 * Arrivals while nobody looks at the list, each for a moment in a corner of the page.
 *
 * @element hub-toasts
 * @attr placement - `bottom-end` if absent: `top` or `bottom`, then `-start`, `-center` or `-end`
 * @attr duration - seconds; by the length of the text if absent
 * @attr sound - a soft tone, or the address of a sound
 * @fires hub-activate - a title was followed; as of `<hub-inbox>`
 * @fires hub-action - one of an item's buttons was; as of `<hub-inbox>`
 * @fires hub-more - what is counted and not shown was asked for; unless it is cancelled, the inbox opens
 * @csspart toast - one of them
 * @cssprop --hub-toast-width - how wide they are
 */
export declare class HubToasts extends Shell {
    /** @override @internal @type {HTMLElement} */
    place: HTMLElement;
    /** @override @internal */
    load(): Promise<typeof import("./hub-toasts.js")>;
}
/**
 * What a person wants to get, in the page: categories and channels, quiet hours, a pause.
 *
 * @element hub-preferences
 */
export declare class HubPreferences extends Shell {
    /** @override @internal */
    load(): Promise<typeof import("./hub-preferences.js")>;
}
