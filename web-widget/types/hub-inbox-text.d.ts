/** Every word the element says, replaceable one by one through its `messages` property. */
export type Messages = typeof ENGLISH;
/** @typedef {typeof ENGLISH} Messages */
export declare const ENGLISH: {
    title: string;
    bell: (/** @type {number} */ unread: number) => string;
    unread: (/** @type {number} */ unread: number) => string;
    markAll: string;
    markRead: string;
    markUnread: string;
    critical: string;
    pinned: string;
    loading: string;
    empty: string;
    emptyHint: string;
    offline: string;
    unreachable: string;
    unreachableHint: string;
    stopped: string;
    stoppedHint: string;
    refusedHint: string;
    retry: string;
    older: string;
    loadingOlder: string;
    newer: (/** @type {number} */ count: number) => string;
    arrived: (/** @type {number} */ count: number) => string;
    now: string;
};
/**
 * @param {string} time RFC 3339
 * @param {number} now milliseconds since the epoch
 * @param {string | undefined} language BCP 47; the browser's if undefined
 * @param {string} justNow for less than a minute, and for clocks that are a little behind
 * @returns {string}
 */
export declare function ago(time: string, now: number, language: string | undefined, justNow: string): string;
