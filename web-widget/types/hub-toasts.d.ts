/**
 * <hub-toasts>: what has just arrived, for a moment, at the edge of the window. Loaded by the element.
 *
 * Attributes of the element: `placement` (`top` or `bottom`, `-start`, `-center` or `-end`; `bottom-end` if absent),
 * `duration` (seconds; if absent, as long as reading takes), `sound` (empty: a soft tone; else the address of one).
 * Events, from the element: `hub-activate` and `hub-action` as a row's, and `hub-more` when the rest is asked for,
 * which opens the page's <hub-inbox> unless it is prevented.
 *
 * At most three at once, the rest is counted. One tab shows an item: a visible one, and of several the first. Nothing
 * is shown while the list is before the person's eyes, and everything shown is in the inbox as well, so nothing is lost
 * when a toast goes: after its time, which stands still under the pointer, with the focus inside and while the page is
 * hidden; by its button, Esc or a swipe; or because the item was seen elsewhere. What is critical stays until closed.
 */
import type { Item } from "./hub-state.js";
import type { Toolkit } from "./hub-toolkit.js";
export type Toast = {
    item: Item;
    element: HTMLElement;
    timer?: ReturnType<typeof setTimeout>;
    /**
     * gives up the claim to be the tab that shows it
     */
    release: () => void;
};
/**
 * @typedef {object} Toast
 * @property {Item} item
 * @property {HTMLElement} element
 * @property {ReturnType<typeof setTimeout>} [timer]
 * @property {() => void} release gives up the claim to be the tab that shows it
 */
/**
 * Shows arrivals from now on, until it is destroyed.
 * @param {HTMLElement} element the <hub-toasts>, whose attributes say where and how long
 * @param {Toolkit} toolkit
 * @returns {{destroy: () => void}}
 */
export declare function mount(element: HTMLElement, { h, icon, safeLink, store, messages, root, adopt, reading }: Toolkit): {
    destroy: () => void;
};
