/**
 * <hub-inbox>: a bell with a badge, and a panel with the list, live.
 *
 *     <script type="module" src="https://hub.example/widget/hub-inbox.js"></script>
 *     <hub-inbox hub="https://hub.example"></hub-inbox>
 *     <script type="module">
 *       document.querySelector("hub-inbox").getToken = async () => (await fetch("/hub-token")).text();
 *     </script>
 *
 * Text is set as text, never as HTML, and links pass an allow-list. Works under `style-src 'self'` and `trusted-types
 * 'none'`.
 */
import { HubClient } from "./hub-client.js";
import { HubStore } from "./hub-store.js";
export { HubClient, HubStore };
import type { Messages } from "./hub-inbox-text.js";
declare const Base: {
    new (): HTMLElement;
    prototype: HTMLElement;
};
/**
 * A bell with a badge, and a panel with the list, live.
 *
 * @element hub-inbox
 * @attr hub - where the hub is; the page's origin if absent
 * @attr theme - `light` or `dark`; otherwise the page's color-scheme
 * @attr open - the panel is open
 * @attr keep-open - a click elsewhere does not close the panel
 * @attr badge - `unseen`: the badge counts what was not seen instead of what was not read
 * @attr target - of every link, as in `<a target>`
 * @attr lang - of relative times
 * @fires hub-activate - a title was followed; `detail.item`; `preventDefault()` keeps the link from being followed
 * @fires hub-action - one of an item's buttons was; `detail.item`, `detail.action`; cancelable as well
 * @fires hub-arrived - a new item came; `detail.item`
 * @fires hub-opened - the panel opened
 * @fires hub-closed - the panel closed
 * @csspart bell - the button
 * @csspart badge - the count on it
 * @csspart panel - what opens
 * @csspart header - its upper edge, with its title
 * @csspart list - the items
 * @csspart item - one of them
 * @csspart avatar - the picture or initial of who caused it
 * @csspart toggle - marks an item as read or unread
 * @csspart action - one of an item's buttons
 * @cssprop --hub-accent - of what matters: the badge, unread marks, the first button
 * @cssprop --hub-on-accent - text on the accent
 * @cssprop --hub-danger - of what is urgent or went wrong
 * @cssprop --hub-surface - the panel's background
 * @cssprop --hub-text - what is read
 * @cssprop --hub-muted - what is beside it
 * @cssprop --hub-line - borders
 * @cssprop --hub-hover - the background of what the pointer is on
 * @cssprop --hub-bell - the bell's colour
 * @cssprop --hub-badge - the badge's background
 * @cssprop --hub-radius - of the panel's corners
 * @cssprop --hub-avatar-radius - of the corners of pictures
 * @cssprop --hub-shadow - of the panel
 * @cssprop --hub-font - the font family
 * @cssprop --hub-font-size - of titles; all other sizes follow it
 * @cssprop --hub-panel-width - at most the window's
 * @cssprop --hub-panel-height - at most the window's
 */
export declare class HubInbox extends Base {
    #private;
    static observedAttributes: string[];
    constructor();
    connectedCallback(): void;
    disconnectedCallback(): void;
    /**
     * @param {string} name
     * @param {string | null} before
     * @param {string | null} now
     */
    attributeChangedCallback(name: string, before: string | null, now: string | null): void;
    /**
     * Asked for a client token whenever one is needed; setting it connects. Null, or a callback that gives null: nobody.
     */
    get getToken(): (() => string | null | Promise<string | null>) | null;
    set getToken(getToken: (() => string | null | Promise<string | null>) | null);
    /** The client in use: the page's own if it was set, else the one made for `getToken`. */
    get client(): HubStore | null;
    set client(client: HubStore | null);
    /** Words that replace the English ones. */
    get messages(): Partial<Messages>;
    /** @param {Partial<Messages>} messages */
    set messages(messages: Partial<Messages>);
    get open(): boolean;
    set open(open: boolean);
    toggle(): void;
}
