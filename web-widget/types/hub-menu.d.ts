/**
 * The menu of one item: read and unread, pin, snooze, archive, mute its category, delete. Loaded when it is first
 * opened.
 *
 * A menu button's menu (APG): arrows, Home and End, letters; the arrow that points inwards opens what is behind an
 * entry, the other one leads back; Esc and Tab close it, and the focus returns to the button.
 */
import type { Item } from "./hub-state.js";
import type { Toolkit } from "./hub-toolkit.js";
/** @import { Item, MarkAction } from "./hub-state.js" */
/** @import { Toolkit } from "./hub-toolkit.js" */
/** Beside these it says what the catalogue has for the list as well. */
export declare const WORDS: {
    actionsFor: (/** @type {string} */ title: string) => string;
    pinIt: string;
    unpinIt: string;
    snooze: string;
    unsnooze: string;
    mute: (/** @type {string} */ category: string) => string;
    muted: (/** @type {string} */ category: string) => string;
    muteRefused: string;
    undo: string;
    remove: string;
    removeForGood: string;
    inAnHour: string;
    thisEvening: string;
    tomorrow: string;
    nextWeek: string;
    pickTime: string;
    snoozeUntil: string;
    notDone: string;
};
/**
 * Opens it, or closes the one that this anchor has open.
 * @param {Toolkit} toolkit
 * @param {object} options
 * @param {Item} options.item as it is now
 * @param {HTMLElement} options.anchor its button; gets `aria-expanded`, and the focus when the menu closes
 * @param {(marking?: Promise<unknown>) => void} [options.onDone] once, when it has closed; with what `store.mark` gave
 *   if something was chosen. A refusal is handled here, and may be shown there.
 */
export declare function openMenu({ h, icon, store, messages, language, root, adopt }: Toolkit, { item, anchor, onDone }: {
    item: Item;
    anchor: HTMLElement;
    onDone?: (marking?: Promise<unknown>) => void;
}): void;
