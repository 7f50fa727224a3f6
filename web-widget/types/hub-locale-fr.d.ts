/** French; says vous. Quotes and double punctuation keep their space at the end of a line. */
/** @type {import("./hub-words.js").Words} */
declare const _default: import("./hub-words.js").Words;
export default _default;
