/**
 * Every word the elements say in English, and how times read. A locale file (`hub-locale-de.js`) has the same keys; a
 * page replaces single words through the property `messages`.
 */
export type Messages = typeof ENGLISH;
/** @typedef {typeof ENGLISH} Messages */
export declare const ENGLISH: {
    title: string;
    bell: (/** @type {number} */ unread: number) => string;
    all: string;
    unread: string;
    archived: string;
    snoozed: string;
    markAll: string;
    settings: string;
    back: string;
    close: string;
    markRead: string;
    markUnread: string;
    archive: string;
    unarchive: string;
    menu: string;
    critical: string;
    pinned: string;
    more: (/** @type {number} */ count: number) => string;
    less: string;
    loading: string;
    empty: string;
    emptyHint: string;
    nothing: string;
    failed: string;
    failedHint: string;
    offline: string;
    unreachable: string;
    unreachableHint: string;
    stopped: string;
    stoppedHint: string;
    refusedHint: string;
    retry: string;
    older: string;
    loadingOlder: string;
    end: string;
    newer: (/** @type {number} */ count: number) => string;
    arrived: (/** @type {number} */ count: number) => string;
    now: string;
};
/**
 * The languages beside English, by the first part of their BCP 47 tag. Literal imports: a bundler sees them, and on the
 * gateway they stand beside this file.
 * @type {Record<string, () => Promise<{default: Partial<Messages>}>>}
 */
export declare const LOCALES: Record<string, () => Promise<{
    default: Partial<Messages>;
}>>;
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
