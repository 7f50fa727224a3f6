/** German; says du. What stands before an ellipsis does not part from it at the end of a line. */
/** @type {import("./hub-words.js").Words} */
declare const _default: import("./hub-words.js").Words;
export default _default;
