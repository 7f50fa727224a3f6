/**
 * <hub-inbox>: a bell with a badge, and a panel with the list, live.
 *
 *     <script type="module" src="https://hub.example/widget/hub-inbox.js"></script>
 *     <hub-inbox hub="https://hub.example"></hub-inbox>
 *     <script type="module">
 *       document.querySelector("hub-inbox").getToken = async () => (await fetch("/hub-token")).text();
 *     </script>
 *
 * Attributes: `hub` (address; the page's origin if absent), `theme` (`light`, `dark`; else the page's color-scheme),
 * `open`, `keep-open` (a click elsewhere does not close it), `badge="unseen"` (counts unseen instead of unread),
 * `target` (of links), `lang`. Properties: `getToken`, `client` (a HubStore of the page's own, then the page starts
 * and stops it), `messages`. Events: `hub-activate` and `hub-action` (cancelable: the link is not followed),
 * `hub-opened`, `hub-closed`, `hub-arrived`. Parts: bell, badge, panel, header, list, item, avatar, toggle, action.
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
