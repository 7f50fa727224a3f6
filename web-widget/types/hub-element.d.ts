/**
 * What the elements of a page have in common: one store between them, words in the page's language, and a drawing that
 * is made once per frame.
 *
 * An element with `getToken` or `store` is a source. Sources of the same hub and the same `getToken` share a store,
 * which starts with the first of them and stops with the last. An element that is no source shows the store of the
 * source that its `for` names by id; without `for`, the page's only one.
 */
import { HubStore } from "./hub-store.js";
import type { HubStoreOptions } from "./hub-store.js";
import type { Item } from "./hub-state.js";
import type { Messages } from "./hub-text.js";
import type { Words } from "./hub-words.js";
import type { Toolkit } from "./hub-toolkit.js";
export type GetToken = HubStoreOptions["getToken"];
export type Shared = {
    store: HubStore;
    url: string | null;
    getToken: GetToken;
    users: Set<HubElement>;
};
declare const Base: {
    new (): HTMLElement;
    prototype: HTMLElement;
};
export declare class HubElement extends Base {
    #private;
    static observedAttributes: string[];
    root: ShadowRoot;
    /** @type {Messages & Record<string, any>} English, over it the page's language, over it the page's own words */
    words: Messages & Record<string, any>;
    /** @type {string | undefined} BCP 47, of the nearest `lang` */
    language: string | undefined;
    constructor();
    connectedCallback(): void;
    disconnectedCallback(): void;
    /**
     * @param {string} attribute
     * @param {string | null} before
     * @param {string | null} now
     */
    attributeChangedCallback(attribute: string, before: string | null, now: string | null): void;
    /**
     * Asked for a client token whenever one is needed; setting it connects. Null, or a callback that gives null: nobody.
     */
    get getToken(): (() => string | null | Promise<string | null>) | null;
    set getToken(getToken: (() => string | null | Promise<string | null>) | null);
    /** The store in use. One that the page sets is started and stopped by the page. */
    get store(): HubStore | null;
    set store(store: HubStore | null);
    /** Words that replace those of the language. */
    get messages(): Partial<Words>;
    /** @param {Partial<Words>} messages */
    set messages(messages: Partial<Words>);
    /** What modules that are loaded later are handed. @type {Toolkit} */
    get toolkit(): Toolkit;
    /** The list is before the person's eyes. */
    get reading(): boolean;
    /** @param {(element: HubElement) => boolean} test @returns {boolean} whether it holds for one that shows this store */
    among(test: (element: HubElement) => boolean): boolean;
    /** The element has come into a document. @param {AbortSignal} _signal until it leaves */
    connected(_signal: AbortSignal): void;
    /** Show the words again, and whatever depends on attributes; to be drawn from nothing. */
    rebuild(): void;
    /** Show what there is. */
    draw(): void;
    /** @param {Item} _item a new one @param {boolean} _missed it came while nobody was connected */
    arrived(_item: Item, _missed: boolean): void;
    /** Something changed: draw with the next frame, of which a hidden page has none. */
    changed(): void;
    /**
     * @param {string} type
     * @param {object} [detail]
     * @returns {boolean} false when the page cancelled it
     */
    fire(type: string, detail?: object): boolean;
    /** Find the store to use, and leave the one before. */
    resolve(): void;
}
export {};
