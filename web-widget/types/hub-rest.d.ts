/** The client's calls over HTTP: pages always, marks and receipts where there is no WebSocket. */
import type { Frame } from "./hub-state.js";
/** @import { Frame } from "./hub-state.js" */
/** What the hub, or the client itself, refused; `code` is stable, the message is for a log. */
export declare class HubError extends Error {
    code: string;
    status: number | null;
    /** @override */
    name: string;
    /**
     * @param {string} code the hub's (`forbidden`, `not_found`, …), or `not_ready`, `reset`, `stopped` from here
     * @param {string} [message]
     * @param {number | null} [status] of HTTP, null when it was no HTTP answer
     */
    constructor(code: string, message?: string, status?: number | null);
}
export type Caller = {
    base: URL;
    fetch: typeof fetch;
    token: {
        take: (fresh?: boolean) => Promise<string | null>;
    };
    traffic: (direction: "in" | "out", transport: "rest", frame: Frame, size: number) => void;
};
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
export declare function request(of: Caller, method: string, path: string, body?: object | null, key?: string | null, again?: boolean): Promise<any>;
