/**
 * The client's decisions that need no connection: what to do after a close, how long to wait, when to renew a token.
 * Pure functions; numbers are the protocol's unless a comment says otherwise.
 */
/** Longest wait between two attempts, in seconds. */
export declare const BACKOFF_CEILING_SECONDS = 30;
/** A connection that lived this long, in seconds, starts the backoff anew. */
export declare const STABLE_SECONDS = 30;
/** Silence beyond the heartbeat, in seconds, after which a connection counts as dead. */
export declare const SILENCE_GRACE_SECONDS = 10;
/** From opening to `welcome`: as long as the hub waits for `hello`. */
export declare const WELCOME_SECONDS = 10;
/** How long an old connection may take to answer, and a page that gave an old token again to get a new one. Our choice. */
export declare const PROBE_SECONDS = 5;
/** Between two receipts. The protocol allows an `ack` every 500 ms; `seen` shares the timer and the limit of frames. */
export declare const RECEIPT_SECONDS = 1;
/** The hub takes 50 frames in 10 s; the rest of them stays free for pong, receipts and state. */
export declare const FRAME_WINDOW_SECONDS = 10;
export declare const MARKS_PER_WINDOW = 20;
/** WebSockets that fail in a row before `welcome` until SSE is tried: one may be chance, or a restart. */
export declare const SOCKET_FAILURES_BEFORE_SSE = 2;
/** A client token's longest life; timers of more than 24.8 days would fire at once. */
export declare const LONGEST_TOKEN_SECONDS = 86400;
/** The most ids in one mark. */
export declare const IDS_PER_MARK = 100;
/**
 * No key, no pointer for this long: idle. Our choice: longer than reading a paragraph, shorter than fetching a coffee.
 */
export declare const IDLE_SECONDS = 120;
/**
 * Whether a close code asks the client to stop, by range: 4500–4999 do; everything else (4000–4499, and the codes that
 * proxies and browsers make up) is no reason not to connect again.
 * @param {number} code
 */
export declare function isFinal(code: number): boolean;
/**
 * @param {string} reason of a close; may be `{"retry_after_seconds": n}`
 * @returns {number | null} null for the backoff
 */
export declare function retryAfterSeconds(reason: string): number | null;
/**
 * Full jitter: anything between nothing and a ceiling that doubles, so that a fleet never comes back in step.
 * @param {number} attempt failures so far, from 0
 * @param {() => number} random in [0, 1)
 * @returns {number} seconds
 */
export declare function backoffSeconds(attempt: number, random: () => number): number;
/**
 * How long to keep a token before asking for the next one: most of its life, so that the new one is there in time. A
 * browser's clock may be hours off, so its lifetime is taken from the token itself where that says more.
 * @param {string} token a JWT
 * @param {number} now milliseconds since the epoch
 * @returns {number | null} seconds from now; null when the token does not tell
 */
export declare function renewAfterSeconds(token: string, now: number): number | null;
/**
 * What a token says; nothing is verified here.
 * @param {string} token a JWT
 * @returns {Record<string, any>} empty when it is none
 */
export declare function readClaims(token: string): Record<string, any>;
/**
 * @param {string} text
 * @returns {any} null when it is no JSON
 */
export declare function parse(text: string): any;
