/**
 * What the elements say in English, as far as several modules say it or it is needed before they are loaded; each has
 * its other words itself. A locale file (`hub-locale-de.js`) has the keys of them all; a page replaces single words
 * through the property `messages`.
 */
export type Messages = typeof ENGLISH;
/** @typedef {typeof ENGLISH} Messages */
export declare const ENGLISH: {
    title: string;
    bell: (/** @type {number} */ unread: number) => string;
    back: string;
    close: string;
    markRead: string;
    markUnread: string;
    archive: string;
    unarchive: string;
    critical: string;
    more: (/** @type {number} */ count: number) => string;
    failed: string;
    retry: string;
    loadingOlder: string;
    arrived: (/** @type {number} */ count: number) => string;
};
/**
 * The languages beside English, by the first part of their BCP 47 tag. Literal imports: a bundler sees them, and on the
 * gateway they stand beside this file.
 * @type {Record<string, () => Promise<{default: Partial<Messages>}>>}
 */
export declare const LOCALES: Record<string, () => Promise<{
    default: Partial<Messages>;
}>>;
