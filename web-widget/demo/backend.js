/**
 * What a page's own backend would do: publish, and ask for a client token for the person who is signed in. Only here,
 * with the dev key, does a browser do it.
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
    const { ok, status, answer } = await this.#call("POST", `/v1/users/${encodeURIComponent(user)}/tokens`, {});
    if (!ok) throw new Error(`no token for ${user}: HTTP ${status}`);
    return answer.token;
  }

  /**
   * @param {Record<string, any>} body
   * @returns {Promise<{ok: boolean, status: number, answer: Record<string, any>, took: number}>} `took` in milliseconds
   */
  async publish(body) {
    const from = performance.now();
    const answered = await this.#call("POST", "/v1/notifications", body);
    // The browser's own measure: this line runs only when what the notification set off has been drawn.
    const measured = performance.getEntriesByType("resource").filter((entry) => entry.startTime >= from - 1);
    const entry = measured.find((candidate) => candidate.name.endsWith("/v1/notifications"));
    performance.clearResourceTimings();
    return { ...answered, took: entry?.duration ?? performance.now() - from };
  }

  /**
   * Store the categories that are not there yet; a policy that somebody made for one stays.
   * @param {Iterable<string>} wanted
   * @returns {Promise<string[]>} all that are there now
   */
  async takeCategories(wanted) {
    const { answer } = await this.#call("GET", "/v1/categories?limit=100");
    const there = new Set((answer.items ?? []).map((/** @type {{category: string}} */ item) => item.category));
    for (const category of wanted) {
      if (there.has(category)) continue;
      const { ok } = await this.#call("PUT", `/v1/categories/${encodeURIComponent(category)}`, {});
      if (ok) there.add(category);
    }
    return [...there];
  }

  /**
   * @param {"GET" | "POST" | "PUT"} method
   * @param {string} path
   * @param {Record<string, any>} [body]
   */
  async #call(method, path, body) {
    const text = JSON.stringify(body);
    this.onTraffic("out", { ...body, type: `${method} ${path}` }, text?.length ?? 0);
    const headers = { Authorization: `Bearer ${this.key}`, "Content-Type": "application/json" };
    const response = await fetch(path, { method, headers, body: text });
    const answered = await response.text();
    const answer = JSON.parse(answered);
    const shown = "token" in answer ? { ...answer, token: "…" } : answer;
    this.onTraffic("in", { ...shown, type: String(response.status) }, answered.length);
    return { ok: response.ok, status: response.status, answer };
  }
}
