/**
 * The two ways to the hub, one interface. A link carries parsed frames in and, on a WebSocket, frames out; it is used
 * once: opened, then closed from either side. After `close()` none of its callbacks is called again.
 *
 * The SSE link reads the stream through `fetch`, not `EventSource`, so that the token travels in a header, never in a
 * URL.
 */
import type { Frame } from "./hub-state.js";
export type LinkEvents = {
    /**
     * `size` in characters, as `onSent`'s
     */
    onFrame: (frame: Frame, size: number) => void;
    /**
     * bytes arrived that are no frame
     */
    onAlive: () => void;
    onSent: (frame: Frame, size: number) => void;
    /**
     * once, unless closed from here; HTTP refusals come as close
     * codes
     */
    onClose: (code: number, reason: string) => void;
};
export type Link = {
    transport: "websocket" | "sse";
    /**
     * throws on SSE, which has no way out
     */
    send: (frame: Frame) => void;
    /**
     * may be called twice
     */
    close: () => void;
};
/** @import { Frame } from "./hub-state.js" */
/**
 * @typedef {object} LinkEvents
 * @property {(frame: Frame, size: number) => void} onFrame `size` in characters, as `onSent`'s
 * @property {() => void} onAlive bytes arrived that are no frame
 * @property {(frame: Frame, size: number) => void} onSent
 * @property {(code: number, reason: string) => void} onClose once, unless closed from here; HTTP refusals come as close
 *   codes
 */
/**
 * @typedef {object} Link
 * @property {"websocket" | "sse"} transport
 * @property {(frame: Frame) => void} send throws on SSE, which has no way out
 * @property {() => void} close may be called twice
 */
/** The close code of a connection that ended without one (RFC 6455, 7.1.5). */
export declare const ABNORMAL = 1006;
export declare const TOKEN_EXPIRED = 4100;
export declare const ORIGIN_REFUSED = 4501;
/**
 * @param {URL} url
 * @param {() => Frame} hello called when the socket is open
 * @param {LinkEvents} events
 * @param {typeof WebSocket} Socket
 * @returns {Link}
 */
export declare function openSocket(url: URL, hello: () => Frame, events: LinkEvents, Socket: typeof WebSocket): Link;
/**
 * @param {URL} url
 * @param {string} token
 * @param {LinkEvents} events
 * @param {typeof fetch} request
 * @returns {Link}
 */
export declare function openStream(url: URL, token: string, events: LinkEvents, request: typeof fetch): Link;
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
