/**
 * The client's decisions that need no connection: what to do after a close, how long to wait, when to renew a token.
 * Pure functions; numbers are the protocol's unless a comment says otherwise.
 */

/** Longest wait between two attempts, in seconds. */
export const BACKOFF_CEILING_SECONDS = 30;
/** A connection that lived this long, in seconds, starts the backoff anew. */
export const STABLE_SECONDS = 30;
/** Silence beyond the heartbeat, in seconds, after which a connection counts as dead. */
export const SILENCE_GRACE_SECONDS = 10;
/** From opening to `welcome`: as long as the hub waits for `hello`. */
export const WELCOME_SECONDS = 10;
/** How long an old connection may take to answer, and a page that gave an old token again to get a new one. Our choice. */
export const PROBE_SECONDS = 5;
/** Between two receipts. The protocol allows an `ack` every 500 ms; `seen` shares the timer and the limit of frames. */
export const RECEIPT_SECONDS = 1;
/** The hub takes 50 frames in 10 s; the rest of them stays free for pong, receipts and state. */
export const FRAME_WINDOW_SECONDS = 10;
export const MARKS_PER_WINDOW = 20;
/** WebSockets that fail in a row before `welcome` until SSE is tried: one may be chance, or a restart. */
export const SOCKET_FAILURES_BEFORE_SSE = 2;
/** A client token's longest life; timers of more than 24.8 days would fire at once. */
export const LONGEST_TOKEN_SECONDS = 86_400;
/** The most ids in one mark. */
export const IDS_PER_MARK = 100;
/**
 * No key, no pointer for this long: idle. Our choice: longer than reading a paragraph, shorter than fetching a coffee.
 */
export const IDLE_SECONDS = 120;

/**
 * Whether a close code asks the client to stop, by range: 4500–4999 do; everything else (4000–4499, and the codes that
 * proxies and browsers make up) is no reason not to connect again.
 * @param {number} code
 */
export function isFinal(code) {
  return code >= 4500 && code < 5000;
}

/**
 * @param {string} reason of a close; may be `{"retry_after_seconds": n}`
 * @returns {number | null} null for the backoff
 */
export function retryAfterSeconds(reason) {
  const seconds = parse(reason)?.retry_after_seconds;
  return seconds >= 0 ? +seconds : null;
}

/**
 * Full jitter: anything between nothing and a ceiling that doubles, so that a fleet never comes back in step.
 * @param {number} attempt failures so far, from 0
 * @param {() => number} random in [0, 1)
 * @returns {number} seconds
 */
export function backoffSeconds(attempt, random) {
  return random() * Math.min(BACKOFF_CEILING_SECONDS, 0.5 * 2 ** attempt);
}

/**
 * How long to keep a token before asking for the next one: most of its life, so that the new one is there in time. A
 * browser's clock may be hours off, so its lifetime is taken from the token itself where that says more.
 * @param {string} token a JWT
 * @param {number} now milliseconds since the epoch
 * @returns {number | null} seconds from now; null when the token does not tell
 */
export function renewAfterSeconds(token, now) {
  const { exp, iat } = readClaims(token);
  const left = exp - now / 1000;
  // Without `iat` it is NaN, and less and more than nothing.
  const life = exp - iat;
  const good = left <= 0 || left > life ? life || left : left;
  return Number.isFinite(good) ? Math.min(Math.max(1, good - Math.min(60, good / 4)), LONGEST_TOKEN_SECONDS) : null;
}

/**
 * What a token says; nothing is verified here.
 * @param {string} token a JWT
 * @returns {Record<string, any>} empty when it is none
 */
export function readClaims(token) {
  try {
    const bytes = atob(/** @type {string} */ (token.split(".")[1]).replaceAll("-", "+").replaceAll("_", "/"));
    // Bytes to percent signs to UTF-8: what a TextDecoder does, in less.
    return Object(JSON.parse(decodeURIComponent(escape(bytes))));
  } catch {
    return {};
  }
}

/**
 * @param {string} text
 * @returns {any} null when it is no JSON
 */
export function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
