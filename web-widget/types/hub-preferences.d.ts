/**
 * What a person wants to get: categories by channels, quiet hours, a pause. Loaded when it is first shown.
 *
 * Every change is shown and saved at once, by a merge patch; what the hub refuses is put back and said. Changes are
 * saved one after the other, and when the last is through, what holds is read anew: a switch may have moved others.
 */
import type { Toolkit } from "./hub-toolkit.js";
/** @import { CategoryChoices, Change, Channel, ChannelChoice, Choices, QuietWindow } from "./hub-choices.js" */
/** @import { Toolkit } from "./hub-toolkit.js" */
export declare const WORDS: {
    pausing: string;
    pausingHint: string;
    pausedUntil: (/** @type {string} */ time: string) => string;
    resume: string;
    forAnHour: string;
    untilTomorrow: string;
    forAWeek: string;
    choices: string;
    in_app: string;
    web_push: string;
    email: string;
    sms: string;
    allCategories: string;
    everythingElse: string;
    alwaysOn: string;
    quietHours: string;
    quietHint: string;
    quietDays: string;
    quietFrom: string;
    quietTo: string;
    addHours: string;
    removeHours: string;
    timeZone: string;
    choicesFailed: string;
    notSaved: string;
    mayNotSave: string;
};
/**
 * Reads what holds and shows it in `container`, until it is destroyed.
 * @param {HTMLElement} container emptied and filled
 * @param {Toolkit} toolkit
 * @returns {{destroy: () => void}} changes under way are still saved
 */
export declare function mount(container: HTMLElement, { h, icon, store, messages, language, adopt }: Toolkit): {
    destroy: () => void;
};
