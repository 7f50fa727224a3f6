/** Dutch; says je. */
/** @type {import("./hub-words.js").Words} */
declare const _default: import("./hub-words.js").Words;
export default _default;
