/**
 * What a page's own backend would do: publish, and ask for a client token for the person who is signed in. Only here, with
 * the dev key, does a browser do it.
 */

/** @import { Frame } from "../src/hub-state.js" */

const KEY = "hk_dev";

export class Backend {
  key = KEY;
  /** @type {(direction: "in" | "out", frame: Frame, size: number) => void} every call and answer, tokens masked */
  onTraffic = () => {};

  /**
   * @param {string} user
   * @returns {Promise<string>}
   */
  async takeToken(user) {
    const { ok, status, answer } = await this.#post(`/v1/users/${encodeURIComponent(user)}/tokens`, {});
    if (!ok) throw new Error(`no token for ${user}: HTTP ${status}`);
    return answer.token;
  }

  /**
   * @param {Record<string, any>} body
   * @returns {Promise<{ok: boolean, status: number, answer: Record<string, any>}>}
   */
  publish(body) {
    return this.#post("/v1/notifications", body);
  }

  /**
   * @param {string} path
   * @param {Record<string, any>} body
   */
  async #post(path, body) {
    const text = JSON.stringify(body);
    this.onTraffic("out", { type: `POST ${path}`, ...body }, text.length);
    const headers = { Authorization: `Bearer ${this.key}`, "Content-Type": "application/json" };
    const response = await fetch(path, { method: "POST", headers, body: text });
    const answered = await response.text();
    const answer = JSON.parse(answered);
    const shown = "token" in answer ? { ...answer, token: "…" } : answer;
    this.onTraffic("in", { type: String(response.status), ...shown }, answered.length);
    return { ok: response.ok, status: response.status, answer };
  }
}
