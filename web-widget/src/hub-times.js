/** How times and days read. Pure. */

const DAY = 86_400;
/** @type {[Intl.RelativeTimeFormatUnit, number][]} units and their lengths in seconds */
const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["week", 7 * DAY],
  ["day", DAY],
  ["hour", 3600],
  ["minute", 60],
];

/** Formatters are dear to make (some 50 µs) and rows are many. @type {Map<string, any>} */
const formatters = new Map();

/**
 * @template T
 * @param {string} key
 * @param {() => T} make
 * @returns {T}
 */
function kept(key, make) {
  if (!formatters.has(key)) formatters.set(key, make());
  return formatters.get(key);
}

/**
 * @param {string} time RFC 3339
 * @param {number} now milliseconds since the epoch
 * @param {string | undefined} language BCP 47; the browser's if undefined
 * @param {string} justNow for less than a minute, and for clocks that are a little behind
 * @returns {string}
 */
export function ago(time, now, language, justNow) {
  const seconds = (now - Date.parse(time)) / 1000;
  for (const [unit, length] of UNITS) {
    if (!(seconds >= length)) continue;
    const format = kept(`${language}`, () => new Intl.RelativeTimeFormat(language, { style: "narrow" }));
    return format.format(-Math.floor(seconds / length), unit);
  }
  return justNow;
}

/**
 * The day of a separator, by the calendar of the one who looks: "Today", "Yesterday", else the date, with its year when
 * it is another one.
 * @param {string} time RFC 3339
 * @param {number} now milliseconds since the epoch
 * @param {string | undefined} language BCP 47
 * @returns {string}
 */
export function dayName(time, now, language) {
  const then = new Date(time);
  const today = new Date(now);
  return kept(`${language} ${then.toDateString()} ${today.toDateString()}`, () => {
    // Between midnights, so rounding takes out the hour of a change of clocks.
    const days = Math.round((then.setHours(0, 0, 0, 0) - today.setHours(0, 0, 0, 0)) / 1000 / DAY);
    if (days > -2) {
      const name = new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(Math.min(0, days), "day");
      return name.charAt(0).toLocaleUpperCase(language) + name.slice(1);
    }
    return then.toLocaleDateString(language, {
      weekday: days > -7 ? "long" : undefined,
      day: "numeric",
      month: "long",
      year: then.getFullYear() === today.getFullYear() ? undefined : "numeric",
    });
  });
}
