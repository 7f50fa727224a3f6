/** The client token: asked of the page's callback, kept while it is good, never stored and never written anywhere. */

import { renewAfterSeconds } from "./hub-policy.js";

export class TokenKeeper {
  #getToken;
  /** @type {string | null} the one held, good or not */
  held = null;
  #goodUntil = 0;
  /** @type {Promise<{token: string | null, changed: boolean}> | null} */
  #asking = null;

  /** @param {() => string | null | Promise<string | null>} getToken */
  constructor(getToken) {
    this.#getToken = getToken;
  }

  /**
   * The token to use now: the one held while it is good, else a new one.
   * @param {boolean} [fresh] a new one in any case
   * @returns {Promise<string | null>} null: there is nobody signed in
   * @throws whatever the callback throws
   */
  async take(fresh = false) {
    if (!fresh && this.held !== null && Date.now() < this.#goodUntil) return this.held;
    return (await this.replace()).token;
  }

  /**
   * Ask the callback for the next token; whoever asks meanwhile gets the same.
   * @returns {Promise<{token: string | null, changed: boolean}>} `changed`: it is not the one that was held
   * @throws whatever the callback throws
   */
  replace() {
    this.#asking ??= this.#replace().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #replace() {
    const before = this.held;
    const token = (this.held = (await this.#getToken()) ?? null);
    this.#goodUntil = Date.now() + (this.renewAfter(null) ?? 0) * 1000;
    return { token, changed: token !== before };
  }

  /** The token held is no good any more. */
  forget() {
    this.held = null;
  }

  /**
   * @param {string | null} expiresAt what the hub said of the token held, RFC 3339
   * @returns {number | null} seconds until the next one should be asked for; null when nothing tells
   */
  renewAfter(expiresAt) {
    return this.held === null ? null : renewAfterSeconds(this.held, expiresAt, Date.now());
  }
}
