/** <hub-bell>: a bell with a badge, and the same count in the title of the page and on its icon. */
import { HubElement } from "./hub-element.js";
import { Speaker } from "./hub-speaker.js";
import type { Item } from "./hub-state.js";
/**
 * The bell alone. Attributes, slot, parts and properties are those of `<hub-inbox>` that are about the bell.
 *
 * @element hub-bell
 * @fires hub-bell-click - it was pressed
 */
export declare class HubBell extends HubElement {
    #private;
    bell: HTMLButtonElement;
    speaker: Speaker;
    constructor();
    clicked(): void;
    /** How many the badge counts. */
    get count(): number;
    /** @override */
    changed(): void;
    /** @override */
    draw(): void;
    /** @override @param {Item} item @param {boolean} missed */
    arrived(item: Item, missed: boolean): void;
}
