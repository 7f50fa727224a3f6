/**
 * What is said to screen readers: one polite sentence for all that comes within a second, so that they can follow, and
 * a critical item at once. Of the elements that show one store only the first that the page does not hide speaks.
 */
import type { HubElement } from "./hub-element.js";
import type { Item } from "./hub-state.js";
export declare class Speaker {
    #private;
    /** @param {HubElement} host outside what may be hidden, or it is not heard */
    constructor(host: HubElement);
    /** @param {Item} item that arrived */
    arrived({ priority, title }: Item): void;
    /** @param {string} text */
    say(text: string): void;
}
