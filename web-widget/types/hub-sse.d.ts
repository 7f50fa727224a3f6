/**
 * The link where no WebSocket gets through; loaded only there. The stream comes as server-sent events, read through
 * `fetch`, not `EventSource`, so that the token travels in a header, never in a URL. What a client says goes over REST:
 * a `mark` becomes a POST whose answer comes back as `ok` or `error`, receipts of one turn one POST, and what the stream
 * cannot be told (`sync`, `token`) opens it anew.
 *
 * Imports nothing: what it shares with the rest is handed in.
 */
import type { Connection } from "./hub-connection.js";
import type { Link, LinkEvents } from "./hub-link.js";
import type { request } from "./hub-rest.js";
import type { Frame } from "./hub-state.js";
/**
 * Where a WebSocket may have failed only because the hub was down, one is tried beside the stream once that got through,
 * and takes over at its `welcome`; until then nothing is interrupted.
 * @param {LinkEvents} events
 * @param {Connection} of
 * @param {((events: LinkEvents) => Link) | null} dialSocket null: only SSE is wanted
 * @param {typeof request} call
 * @param {(text: string) => Frame | null} parseFrame
 * @param {() => string} newKey
 * @returns {Link}
 */
export declare function openStream(events: LinkEvents, of: Connection, dialSocket: ((events: LinkEvents) => Link) | null, call: typeof request, parseFrame: (text: string) => Frame | null, newKey: () => string): Link;
/**
 * What a refused stream means, in close codes. Only the hub's own refusals count: a proxy's 403 is a fault that may
 * pass.
 * @param {Response} response
 * @returns {Promise<[number, string]>}
 */
export declare function closeOfRefusal(response: Response): Promise<[number, string]>;
/**
 * An incremental parser of an event stream (HTML standard, 9.2.6), as far as the hub uses it: `event` and `data`.
 * @param {(event: string, data: string) => void} dispatch
 * @returns {(text: string) => void} to be fed with text as it arrives
 */
export declare function eventParser(dispatch: (event: string, data: string) => void): (text: string) => void;
