/**
 * The headless client: one connection to the hub, for ever, and every frame of one inbox in its order, none missing and
 * none twice. No dependency, no DOM needed, nothing touched at import; it runs in a page, a worker or Node.
 *
 *     const client = new HubClient({ getToken: async () => (await fetch("/my-token")).text() });
 *     client.on("message", (frame) => …); // welcome, changes, item, update, removed, reset
 *     client.start();
 *
 * It keeps no items; the store does (hub-store.js). Who does what: `hub-connection.js` the life of the connection over
 * the links of `hub-link.js`, `hub-revisions.js` the rules of revisions, `hub-outbox.js` marks and receipts,
 * `hub-policy.js` waits and close codes.
 *
 * Guarantees: `message` tells each frame when it is its turn; a mark is sent until it is answered, over any number of
 * connections.
 */

import { Connection } from "./hub-connection.js";
import { newKey } from "./hub-outbox.js";
import { HubError, request } from "./hub-rest.js";

export { HubError };

/** @import { Transport } from "./hub-link.js" */
/** @import { Marked } from "./hub-outbox.js" */
/** @import { Frame, Item, Mark } from "./hub-state.js" */
/** @import { Snapshot } from "./hub-store.js" */

/**
 * @typedef {object} HubClientOptions
 * @property {() => string | null | Promise<string | null>} getToken asked whenever a client token is needed; null stops
 *   the client (nobody is signed in), an exception is tried again later
 * @property {string | URL} [url] where the hub is; the page's own origin if absent
 * @property {"auto" | "websocket" | "sse"} [transport] `auto`: WebSocket, and SSE where that does not get through
 * @property {typeof WebSocket} [WebSocket] for a runtime without one
 * @property {typeof fetch} [fetch]
 * @property {() => number} [random] in [0, 1), for the backoff
 */

/**
 * @typedef {object} Traffic one frame, or one REST call or answer; tokens are masked
 * @property {"in" | "out"} direction
 * @property {Transport | "rest" | null} transport null: a link that is just being opened
 * @property {Frame} frame
 * @property {number} size in characters
 * @property {number} at milliseconds since the epoch
 */

/** @typedef {{item: Item, missed: boolean}} Arrival `missed`: it came while this client was away */

/**
 * @typedef {object} HubEvents
 * @property {Frame} message a frame of the inbox, just when it counts: ignored ones and gaps are not told
 * @property {Arrival} item of a store: a new item
 * @property {Pick<Connection, "status" | "stopped" | "retryAt">} state the status changed; a store tells its snapshot
 * @property {Snapshot} change of a store: anything that is shown, at most once per turn of the event loop
 * @property {Traffic} frame everything that travels, for display
 * @property {unknown} error what went wrong without ending the client: a HubError, or what `getToken` threw
 */

export class HubClient extends Connection {
  /**
   * Mark items. `all` covers everything up to the newest item that came.
   * @param {Mark} mark at most 100 ids
   * @returns {Promise<Marked>} when the hub has carried it out
   * @throws {HubError} (rejects) `not_ready` before the first snapshot, `reset` when the inbox was replaced before the
   *   answer, or the hub's code
   */
  async mark(mark) {
    const { rev, seq } = this.state;
    if (rev === null) throw new HubError("not_ready");
    return this.outbox.mark(mark.all ? { upto: seq, ...mark } : mark);
  }

  /** The person has seen everything that came so far. */
  seen() {
    this.outbox.seen(this.state.seq);
  }

  /**
   * A REST call with the client token.
   * @param {"GET" | "POST" | "PATCH" | "DELETE"} method
   * @param {string} path below the hub's address, without a leading slash: `v1/inbox/preferences`
   * @param {object | null} [body]
   * @returns {Promise<any>} the parsed answer, null for 204
   * @throws {HubError} (rejects) the hub refused; any other error means that no answer came
   */
  call(method, path, body) {
    return request(this, method, path, body, method === "POST" ? newKey() : null);
  }
}
