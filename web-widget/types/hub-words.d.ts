/**
 * All that is said, in one catalogue: a locale file has exactly these keys. Types only: every module has its own words
 * in English, and nothing imports this one when it runs.
 */
export type Words = typeof import("./hub-text.js").ENGLISH & typeof import("./hub-panel.js").WORDS & typeof import("./hub-feed.js").WORDS & typeof import("./hub-row.js").WORDS & typeof import("./hub-menu.js").WORDS & typeof import("./hub-preferences.js").WORDS & typeof import("./hub-push-prompt.js").WORDS;
/**
 * @typedef {typeof import("./hub-text.js").ENGLISH
 *   & typeof import("./hub-panel.js").WORDS
 *   & typeof import("./hub-feed.js").WORDS
 *   & typeof import("./hub-row.js").WORDS
 *   & typeof import("./hub-menu.js").WORDS
 *   & typeof import("./hub-preferences.js").WORDS
 *   & typeof import("./hub-push-prompt.js").WORDS} Words
 */
export {};
