/** JSON in colours, as text nodes and spans. */

const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * @param {string} text JSON, or nearly
 * @returns {(string | HTMLElement)[]}
 */
export function paintJson(text) {
  /** @type {(string | HTMLElement)[]} */
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    parts.push(text.slice(end, match.index));
    const [whole, string, colon, word] = match;
    if (string && colon) parts.push(span("key", string), colon);
    else parts.push(span(string ? "string" : word ? "word" : "number", whole));
    end = match.index + whole.length;
  }
  return [...parts, text.slice(end)];
}

/** @param {string} kind @param {string} text */
export function span(kind, text) {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = text;
  return element;
}
