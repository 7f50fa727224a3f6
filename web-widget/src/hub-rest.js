/** The client's calls over HTTP: pages always, marks and receipts where there is no WebSocket. */

import { parse } from "./hub-policy.js";

/** @import { Frame } from "./hub-state.js" */

/** What the hub, or the client itself, refused; `code` is stable, the message is for a log. */
export class HubError extends Error {
  /** @override */
  name = "HubError";

  /**
   * @param {string} code the hub's (`forbidden`, `not_found`, …), or `not_ready`, `reset`, `stopped` from here
   * @param {string} [message]
   * @param {number | null} [status] of HTTP, null when it was no HTTP answer
   */
  constructor(code, message = code, status = null) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/**
 * Who calls: a connection, or what has as much of one.
 * @typedef {object} Caller
 * @property {URL} base
 * @property {typeof fetch} fetch
 * @property {{take: (fresh?: boolean) => Promise<string | null>}} token
 * @property {(direction: "in" | "out", transport: "rest", frame: Frame, size: number) => void} traffic
 */

/**
 * One call. A 401 is tried once more with a fresh token.
 * @param {Caller} of
 * @param {string} method
 * @param {string} path below the base, without a leading slash
 * @param {object | null} [body]
 * @param {string | null} [key] the Idempotency-Key; the same for every attempt at the same thing
 * @param {boolean} [again] the token given before is no good
 * @returns {Promise<any>} the parsed answer, null for 204
 * @throws {HubError} the hub refused; any other error means that no answer came
 */
export async function request(of, method, path, body, key, again) {
  const token = await of.token.take(again);
  if (!token) throw new HubError("stopped");
  /** @type {Record<string, string>} */
  const headers = { Authorization: `Bearer ${token}` };
  const text = body && JSON.stringify(body);
  if (text) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  of.traffic("out", "rest", { type: `${method} /${path}`, ...body }, text?.length ?? 0);
  const response = await of.fetch(new URL(path, of.base), {
    method,
    headers,
    body: text,
    keepalive: !!text,
  });
  const { ok, status } = response;
  const answer = await response.text();
  // Null when it is nothing, or a proxy's page.
  const parsed = parse(answer);
  of.traffic("in", "rest", { ...parsed, type: `${status}` }, answer.length);
  if (ok) return parsed;
  if (status === 401 && !again) return request(of, method, path, body, key, true);
  throw new HubError(parsed?.code ?? "http_error", parsed?.detail ?? `HTTP ${status}`, status);
}
