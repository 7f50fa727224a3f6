/**
 * The way to the hub: a link carries parsed frames in and out and is used once: opened, then closed from either side.
 * After `close()` none of its callbacks is called again. There are three kinds, and only they know the difference: the
 * WebSocket here, server-sent events with REST (hub-sse.js), and another tab that holds the connection (hub-tabs.js).
 */

import { parse } from "./hub-policy.js";

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
export const ABNORMAL = 1006;
export const TOKEN_EXPIRED = 4100;
export const ORIGIN_REFUSED = 4501;

/**
 * @param {string} url
 * @param {LinkEvents} events
 * @param {typeof WebSocket} Socket
 * @returns {Link}
 */
export function openSocket(url, { hello, onFrame, onSent, onClose }, Socket) {
  const socket = new Socket(url, "hub.v1");
  /** @type {Link["send"]} */
  const send = (frame) => {
    if (socket.readyState !== 1) return;
    const text = JSON.stringify(frame);
    socket.send(text);
    onSent(frame, text.length);
  };
  socket.onopen = () => send(hello());
  socket.onmessage = ({ data }) => onFrame(parseFrame(data), data.length);
  socket.onclose = ({ code, reason }) => onClose(code, reason);
  // An error is always followed by close; the listener keeps other runtimes from throwing it.
  socket.onerror = () => {};
  const close = () => {
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  };
  return { transport: "websocket", send, close };
}

/**
 * @param {string} text
 * @returns {Frame | null} null for anything but an object with a type
 */
export function parseFrame(text) {
  const frame = parse(text);
  return typeof frame?.type === "string" ? frame : null;
}
