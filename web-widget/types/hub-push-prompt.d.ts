/**
 * Asks whether to notify while the page is closed, before the browser does: the browser's own question can be asked
 * once, and a "Block" there is for good. Loaded only where it may be asked.
 *
 * Shown only where push is possible, the browser was not asked yet, the hub has a key, and the person did not say "Not
 * now" within the last month. Attribute of the element: `worker`, the page's own service worker (`/hub-sw.js` if
 * absent). Property: `registration`, one that the page has registered by itself.
 */
import type { Toolkit } from "./hub-toolkit.js";
/** @import { Toolkit } from "./hub-toolkit.js" */
export declare const WORDS: {
    pushTitle: string;
    pushHint: string;
    pushOn: string;
    pushLater: string;
    pushDone: string;
    pushDenied: string;
    pushFailed: string;
};
/**
 * Fills `container` if there is something to ask; else it stays empty.
 * @param {HTMLElement} container
 * @param {Toolkit} toolkit
 * @returns {{destroy: () => void}}
 */
export declare function mount(container: HTMLElement, { h, icon, store, messages, host, url, adopt }: Toolkit): {
    destroy: () => void;
};
