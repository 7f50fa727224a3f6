/** The client token: asked of the page's callback, kept while it is good, never stored and never written anywhere. */

import { renewAfterSeconds } from "./hub-policy.js";

export class TokenKeeper {
  #getToken;
  /** @type {string | null} the one held, good or not */
  held = null;
  #goodUntil = 0;
  /** @type {Promise<string | null> | null} */
  #asking = null;

  /** @param {() => string | null | Promise<string | null>} getToken */
  constructor(getToken) {
    this.#getToken = getToken;
  }

  /**
   * The token to use now: the one held while it is good, else a new one; whoever asks meanwhile gets the same.
   * @param {boolean} [fresh] a new one in any case
   * @returns {Promise<string | null>} null: there is nobody signed in
   * @throws whatever the callback throws
   */
  async take(fresh) {
    if (!fresh && this.held && Date.now() < this.#goodUntil) return this.held;
    return (this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    }));
  }

  async #ask() {
    this.held = (await this.#getToken()) ?? null;
    this.#goodUntil = Date.now() + (this.renewal() ?? 0) * 1000;
    return this.held;
  }

  /** @returns {number | null} seconds until the next one should be asked for; null when nothing tells */
  renewal() {
    return renewAfterSeconds(this.held ?? "", Date.now());
  }
}
