/** Hebrew, read from right to left, with names of other scripts kept apart; addresses nobody as man or woman. */
/** @type {import("./hub-words.js").Words} */
declare const _default: import("./hub-words.js").Words;
export default _default;
