/**
 * What a module that is loaded later is handed, instead of importing it from the entry and being shipped with a second
 * copy of it. Types only: nothing here runs, and nothing imports it when it runs.
 */
import type { Item } from "./hub-state.js";
export type ToolkitStore = {
    snapshot: {
        items: readonly Item[];
    };
    subscribe: (listener: () => void) => () => void;
    on: (event: any, listener: (value: any) => void) => () => void;
    /**
     * rejects with a {@link HubError} after it was rolled back
     */
    mark: (mark: any) => Promise<any>;
    /**
     * REST with the person's token; `path` has no
     * leading slash
     */
    call: (method: any, path: string, body?: any) => Promise<any>;
    person?: {
        user: string;
        project: string;
    } | null;
};
export type Toolkit = {
    h: typeof import("./hub-dom.js").h;
    icon: typeof import("./hub-dom.js").icon;
    iconButton: typeof import("./hub-dom.js").iconButton;
    name: typeof import("./hub-dom.js").name;
    safeLink: typeof import("./hub-dom.js").safeLink;
    setAttribute: typeof import("./hub-dom.js").setAttribute;
    store: ToolkitStore;
    /**
     * the whole catalogue, whose words win over a module's own English ones
     */
    messages: Record<string, any>;
    /**
     * BCP 47; the browser's if undefined
     */
    language: string | undefined;
    /**
     * where the hub is; the page's origin if undefined
     */
    url?: string | undefined;
    /**
     * the custom element: events are sent from it, and its attributes are read
     */
    host: HTMLElement;
    /**
     * the host's
     */
    root: ShadowRoot;
    /**
     * adds a constructable sheet to the root, once per text
     */
    adopt: (css: string) => void;
    /**
     * closes what shows the module
     */
    close?: () => void;
    /**
     * whether the list is before the person's eyes, so that a toast would say it twice
     */
    reading?: () => boolean;
};
/** @import { HubError } from "./hub-rest.js" */
/** @import { Item } from "./hub-state.js" */
/**
 * The part of a HubStore that these modules stand on.
 * @typedef {object} ToolkitStore
 * @property {{items: readonly Item[]}} snapshot
 * @property {(listener: () => void) => () => void} subscribe
 * @property {(event: any, listener: (value: any) => void) => () => void} on
 * @property {(mark: any) => Promise<any>} mark rejects with a {@link HubError} after it was rolled back
 * @property {(method: any, path: string, body?: any) => Promise<any>} call REST with the person's token; `path` has no
 *   leading slash
 * @property {{user: string, project: string} | null} [person]
 */
/**
 * @typedef {object} Toolkit
 * @property {typeof import("./hub-dom.js").h} h
 * @property {typeof import("./hub-dom.js").icon} icon
 * @property {typeof import("./hub-dom.js").iconButton} iconButton
 * @property {typeof import("./hub-dom.js").name} name
 * @property {typeof import("./hub-dom.js").safeLink} safeLink
 * @property {typeof import("./hub-dom.js").setAttribute} setAttribute
 * @property {ToolkitStore} store
 * @property {Record<string, any>} messages the whole catalogue, whose words win over a module's own English ones
 * @property {string | undefined} language BCP 47; the browser's if undefined
 * @property {string | undefined} [url] where the hub is; the page's origin if undefined
 * @property {HTMLElement} host the custom element: events are sent from it, and its attributes are read
 * @property {ShadowRoot} root the host's
 * @property {(css: string) => void} adopt adds a constructable sheet to the root, once per text
 * @property {() => void} [close] closes what shows the module
 * @property {() => boolean} [reading] whether the list is before the person's eyes, so that a toast would say it twice
 */
export {};
