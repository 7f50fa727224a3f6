/** How times and days read. Pure. */
/**
 * @param {string} time RFC 3339
 * @param {number} now milliseconds since the epoch
 * @param {string | undefined} language BCP 47; the browser's if undefined
 * @param {string} justNow for less than a minute, and for clocks that are a little behind
 * @returns {string}
 */
export declare function ago(time: string, now: number, language: string | undefined, justNow: string): string;
/**
 * The day of a separator, by the calendar of the one who looks: "Today", "Yesterday", else the date, with its year when
 * it is another one.
 * @param {string} time RFC 3339
 * @param {number} now milliseconds since the epoch
 * @param {string | undefined} language BCP 47
 * @returns {string}
 */
export declare function dayName(time: string, now: number, language: string | undefined): string;
