/** The client's calls over HTTP: older pages always, marks and receipts where there is no WebSocket. */

/** @import { Frame } from "./hub-state.js" */

/** What the hub, or the client itself, refused; `code` is stable, the message is for a log. */
export class HubError extends Error {
  /**
   * @param {string} code the hub's (`forbidden`, `not_found`, …), or `not_ready`, `reset`, `stopped` from here
   * @param {string} message
   * @param {number | null} [status] of HTTP, null when it was no HTTP answer
   */
  constructor(code, message, status = null) {
    super(message);
    this.name = "HubError";
    this.code = code;
    this.status = status;
  }
}

/**
 * @typedef {object} RestOptions
 * @property {URL} base
 * @property {typeof fetch} fetch
 * @property {(fresh: boolean) => Promise<string | null>} token `fresh` after a 401: the one given before is no good
 * @property {(direction: "in" | "out", frame: Frame, size: number) => void} onTraffic
 */

export class Rest {
  #options;

  /** @param {RestOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * One call. A 401 is tried once more with a fresh token.
   * @param {"GET" | "POST" | "PATCH" | "DELETE"} method
   * @param {string} path below the base, without a leading slash
   * @param {object | null} [body]
   * @param {string | null} [key] the Idempotency-Key; the same for every attempt at the same thing
   * @returns {Promise<any>} the parsed answer, null for 204
   * @throws {HubError} the hub refused; any other error means that no answer came
   */
  async call(method, path, body = null, key = null) {
    const { base, onTraffic } = this.#options;
    const text = body === null ? null : JSON.stringify(body);
    onTraffic("out", { type: `${method} /${path}`, ...body }, text?.length ?? 0);
    let response = await this.#request(method, new URL(path, base), text, key, false);
    if (response.status === 401) response = await this.#request(method, new URL(path, base), text, key, true);
    const answer = await response.text();
    const parsed = parse(answer);
    onTraffic("in", { ...parsed, type: `${response.status}` }, answer.length);
    if (response.ok) return parsed;
    const problem = parsed ?? {};
    throw new HubError(problem.code ?? "http_error", problem.detail ?? `HTTP ${response.status}`, response.status);
  }

  /**
   * @param {string} method
   * @param {URL} url
   * @param {string | null} body
   * @param {string | null} key
   * @param {boolean} fresh
   */
  async #request(method, url, body, key, fresh) {
    const token = await this.#options.token(fresh);
    if (token === null) throw new HubError("stopped", "getToken gave no token");
    /** @type {Record<string, string>} */
    const headers = { Authorization: `Bearer ${token}` };
    if (body !== null) headers["Content-Type"] = "application/json";
    if (key !== null) headers["Idempotency-Key"] = key;
    const { fetch } = this.#options;
    return fetch(url, { method, headers, body, cache: "no-store", keepalive: method === "POST" });
  }
}

/**
 * @param {string} text
 * @returns {Record<string, any> | null}
 */
function parse(text) {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
