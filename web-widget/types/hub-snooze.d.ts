/** When a snoozed item may come back: times on the clock of this device, which is the person's. */
export type SnoozeChoice = {
    name: "inAnHour" | "thisEvening" | "tomorrow" | "nextWeek";
    at: Date;
};
/**
 * @typedef {object} SnoozeChoice
 * @property {"inAnHour" | "thisEvening" | "tomorrow" | "nextWeek"} name
 * @property {Date} at
 */
/**
 * In time order, each time once. An hour is an hour, whatever the clocks do meanwhile; the others are a time of day, so
 * that nine o'clock stays nine o'clock when the clocks change in between. Evening is not offered once it has come.
 * @param {Date} now
 * @param {number} [firstDay] of the working week, 1 Monday … 7 Sunday
 * @returns {SnoozeChoice[]}
 */
export declare function snoozeChoices(now: Date, firstDay?: number): SnoozeChoice[];
/**
 * @param {string | undefined} language
 * @returns {number} the day after the weekend where the language is at home, Monday where the browser cannot say
 */
export declare function workingWeek(language: string | undefined): number;
/**
 * @param {Date} time
 * @returns {string} as `<input type="datetime-local">` has it
 */
export declare function localText(time: Date): string;
