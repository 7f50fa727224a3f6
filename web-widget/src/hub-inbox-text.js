/** Every word the element says, replaceable one by one through its `messages` property. */

/** @typedef {typeof ENGLISH} Messages */

export const ENGLISH = {
  title: "Notifications",
  bell: (/** @type {number} */ unread) => (unread ? `Notifications, ${unread} unread` : "Notifications"),
  unread: (/** @type {number} */ unread) => `${unread} unread`,
  markAll: "Mark all as read",
  markRead: "Mark as read",
  markUnread: "Mark as unread",
  critical: "Critical",
  pinned: "Pinned",
  loading: "Loading notifications…",
  empty: "You’re all caught up",
  emptyHint: "New notifications show up here the moment they are sent.",
  offline: "Connection lost. Reconnecting…",
  unreachable: "No connection yet",
  unreachableHint: "Trying again in a moment.",
  stopped: "Disconnected",
  stoppedHint: "Sign in again to see your notifications.",
  refusedHint: "This page cannot show your notifications.",
  retry: "Try again",
  older: "Show older",
  loadingOlder: "Loading…",
  newer: (/** @type {number} */ count) => (count === 1 ? "1 new" : `${count} new`),
  arrived: (/** @type {number} */ count) => (count === 1 ? "1 new notification" : `${count} new notifications`),
  now: "now",
};

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

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
    if (seconds < length) continue;
    const format = new Intl.RelativeTimeFormat(language, { style: "narrow", numeric: "auto" });
    return format.format(-Math.floor(seconds / length), unit);
  }
  return justNow;
}
