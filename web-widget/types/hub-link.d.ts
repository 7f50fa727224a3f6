/**
 * The way to the hub: a link carries parsed frames in and out and is used once: opened, then closed from either side.
 * After `close()` none of its callbacks is called again. There are three kinds, and only they know the difference: the
 * WebSocket here, server-sent events with REST (hub-sse.js), and another tab that holds the connection (hub-tabs.js).
 */
import type { Frame } from "./hub-state.js";
export type Transport = "websocket" | "sse" | "tab";
export type LinkEvents = {
    /**
     * the frame to begin with; asked whenever the stream is begun or begun anew
     */
    hello: () => Frame;
    /**
     * null: something arrived that is no frame; `size` in
     * characters, as `onSent`'s
     */
    onFrame: (frame: Frame | null, size: number) => void;
    onSent: (frame: Frame, size: number) => void;
    /**
     * once, unless closed from here; HTTP refusals come as close
     * codes
     */
    onClose: (code: number, reason: string) => void;
};
export type Link = {
    transport: Transport;
    /**
     * nothing happens when it is closed; `key` is a mark's
     * Idempotency-Key
     */
    send: (frame: Frame, key?: string) => void;
    /**
     * may be called twice
     */
    close: () => void;
};
/** @import { Frame } from "./hub-state.js" */
/** @typedef {"websocket" | "sse" | "tab"} Transport */
/**
 * @typedef {object} LinkEvents
 * @property {() => Frame} hello the frame to begin with; asked whenever the stream is begun or begun anew
 * @property {(frame: Frame | null, size: number) => void} onFrame null: something arrived that is no frame; `size` in
 *   characters, as `onSent`'s
 * @property {(frame: Frame, size: number) => void} onSent
 * @property {(code: number, reason: string) => void} onClose once, unless closed from here; HTTP refusals come as close
 *   codes
 */
/**
 * @typedef {object} Link
 * @property {Transport} transport
 * @property {(frame: Frame, key?: string) => void} send nothing happens when it is closed; `key` is a mark's
 *   Idempotency-Key
 * @property {() => void} close may be called twice
 */
/** The close code of a connection that ended without one (RFC 6455, 7.1.5). */
export declare const ABNORMAL = 1006;
export declare const TOKEN_EXPIRED = 4100;
export declare const ORIGIN_REFUSED = 4501;
/**
 * @param {string} url
 * @param {LinkEvents} events
 * @param {typeof WebSocket} Socket
 * @returns {Link}
 */
export declare function openSocket(url: string, { hello, onFrame, onSent, onClose }: LinkEvents, Socket: typeof WebSocket): Link;
/**
 * @param {string} text
 * @returns {Frame | null} null for anything but an object with a type
 */
export declare function parseFrame(text: string): Frame | null;
