/** When a snoozed item may come back: times on the clock of this device, which is the person's. */

const HOUR_MS = 3_600_000;
const EVENING = 18;
const MORNING = 9;

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
export function snoozeChoices(now, firstDay = 1) {
  /** @type {(days: number, hour: number) => Date} */
  const day = (days, hour) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour);
  const untilWeek = (firstDay - now.getDay() + 7) % 7 || 7;
  /** @type {SnoozeChoice[]} */
  const choices = [
    { name: "inAnHour", at: new Date(now.getTime() + HOUR_MS) },
    { name: "thisEvening", at: day(0, EVENING) },
    { name: "tomorrow", at: day(1, MORNING) },
    { name: "nextWeek", at: day(untilWeek, MORNING) },
  ];
  return choices
    .filter(({ at }, index) => at > now && !(index === 3 && untilWeek === 1))
    .sort((one, other) => one.at.getTime() - other.at.getTime());
}

/**
 * @param {string | undefined} language
 * @returns {number} the day after the weekend where the language is at home, Monday where the browser cannot say
 */
export function workingWeek(language) {
  /** @type {any} of the proposal; its shape changed between browsers */
  const locale = new Intl.Locale(language ?? new Intl.DateTimeFormat().resolvedOptions().locale);
  const week = locale.getWeekInfo?.() ?? locale.weekInfo;
  return week ? (week.weekend.at(-1) % 7) + 1 : 1;
}

/**
 * @param {Date} time
 * @returns {string} as `<input type="datetime-local">` has it
 */
export function localText(time) {
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
