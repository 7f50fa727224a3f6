/** The client's calls over HTTP: older pages always, marks and receipts where there is no WebSocket. */
import type { Frame } from "./hub-state.js";
/** @import { Frame } from "./hub-state.js" */
/** What the hub, or the client itself, refused; `code` is stable, the message is for a log. */
export declare class HubError extends Error {
    code: string;
    status: number | null;
    /**
     * @param {string} code the hub's (`forbidden`, `not_found`, …), or `not_ready`, `reset`, `stopped` from here
     * @param {string} message
     * @param {number | null} [status] of HTTP, null when it was no HTTP answer
     */
    constructor(code: string, message: string, status?: number | null);
}
export type RestOptions = {
    base: URL;
    fetch: typeof fetch;
    /**
     * `fresh` after a 401: the one given before is no good
     */
    token: (fresh: boolean) => Promise<string | null>;
    onTraffic: (direction: "in" | "out", frame: Frame, size: number) => void;
};
/**
 * @typedef {object} RestOptions
 * @property {URL} base
 * @property {typeof fetch} fetch
 * @property {(fresh: boolean) => Promise<string | null>} token `fresh` after a 401: the one given before is no good
 * @property {(direction: "in" | "out", frame: Frame, size: number) => void} onTraffic
 */
export declare class Rest {
    #private;
    /** @param {RestOptions} options */
    constructor(options: RestOptions);
    /**
     * One call. A 401 is tried once more with a fresh token.
     * @param {"GET" | "POST" | "PATCH" | "DELETE"} method
     * @param {string} path below the base, without a leading slash
     * @param {object | null} [body]
     * @param {string | null} [key] the Idempotency-Key; the same for every attempt at the same thing
     * @returns {Promise<any>} the parsed answer, null for 204
     * @throws {HubError} the hub refused; any other error means that no answer came
     */
    call(method: "GET" | "POST" | "PATCH" | "DELETE", path: string, body?: object | null, key?: string | null): Promise<any>;
}
