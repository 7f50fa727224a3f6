/**
 * What the elements say in English, as far as several modules say it or it is needed before they are loaded; each has
 * its other words itself. A locale file (`hub-locale-de.js`) has the keys of them all; a page replaces single words
 * through the property `messages`.
 */

/** @typedef {typeof ENGLISH} Messages */

export const ENGLISH = {
  title: "Notifications",
  bell: (/** @type {number} */ unread) => (unread ? `Notifications, ${unread} unread` : "Notifications"),
  back: "Back",
  close: "Close",
  markRead: "Mark as read",
  markUnread: "Mark as unread",
  archive: "Archive",
  unarchive: "Move to inbox",
  critical: "Critical",
  more: (/** @type {number} */ count) => `${count} more`,
  failed: "That did not work",
  retry: "Try again",
  loadingOlder: "Loading…",
  arrived: (/** @type {number} */ count) => (count === 1 ? "1 new notification" : `${count} new notifications`),
};

/**
 * The languages beside English, by the first part of their BCP 47 tag. Literal imports: a bundler sees them, and on the
 * gateway they stand beside this file.
 * @type {Record<string, () => Promise<{default: Partial<Messages>}>>}
 */
export const LOCALES = {
  ar: () => import("./hub-locale-ar.js"),
  de: () => import("./hub-locale-de.js"),
  es: () => import("./hub-locale-es.js"),
  fr: () => import("./hub-locale-fr.js"),
  he: () => import("./hub-locale-he.js"),
  it: () => import("./hub-locale-it.js"),
  ja: () => import("./hub-locale-ja.js"),
  nl: () => import("./hub-locale-nl.js"),
  pl: () => import("./hub-locale-pl.js"),
  pt: () => import("./hub-locale-pt.js"),
  zh: () => import("./hub-locale-zh.js"),
};
