/** Arabic, read from right to left, with names of other scripts kept apart; addresses the reader as the hub's pages do. */
/** @type {import("./hub-words.js").Words} */
declare const _default: import("./hub-words.js").Words;
export default _default;
