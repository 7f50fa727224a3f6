/**
 * The two ways to the hub, one interface. A link carries parsed frames in and, on a WebSocket, frames out; it is used
 * once: opened, then closed from either side. After `close()` none of its callbacks is called again.
 *
 * The SSE link reads the stream through `fetch`, not `EventSource`, so that the token travels in a header, never in a
 * URL.
 */

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
export const ABNORMAL = 1006;
export const TOKEN_EXPIRED = 4100;
const TOKEN_REFUSED = 4500;
export const ORIGIN_REFUSED = 4501;
const REVOKED = 4506;

/**
 * @param {URL} url
 * @param {() => Frame} hello called when the socket is open
 * @param {LinkEvents} events
 * @param {typeof WebSocket} Socket
 * @returns {Link}
 */
export function openSocket(url, hello, events, Socket) {
  const socket = new Socket(url, "hub.v1");
  let open = true;
  /** @param {Frame} frame */
  const send = (frame) => {
    if (!open || socket.readyState !== 1) return;
    const text = JSON.stringify(frame);
    socket.send(text);
    events.onSent(frame, text.length);
  };
  socket.addEventListener("open", () => send(hello()));
  socket.addEventListener("message", (event) => {
    if (!open) return;
    const frame = parse(event.data);
    if (frame) events.onFrame(frame, event.data.length);
    else events.onAlive();
  });
  socket.addEventListener("close", (event) => {
    if (!open) return;
    open = false;
    events.onClose(event.code, event.reason);
  });
  // An error is always followed by close; the listener keeps other runtimes from throwing it.
  socket.addEventListener("error", () => {});
  const close = () => {
    if (!open) return;
    open = false;
    socket.close();
  };
  return { transport: "websocket", send, close };
}

/**
 * @param {URL} url
 * @param {string} token
 * @param {LinkEvents} events
 * @param {typeof fetch} request
 * @returns {Link}
 */
export function openStream(url, token, events, request) {
  const abort = new AbortController();
  let open = true;
  /** @param {number} code @param {string} [reason] */
  const end = (code, reason = "") => {
    if (!open) return;
    open = false;
    abort.abort();
    events.onClose(code, reason);
  };
  const read = async () => {
    const response = await request(url, {
      headers: { Authorization: `Bearer ${token}`, Accept: "text/event-stream" },
      cache: "no-store",
      signal: abort.signal,
    });
    if (!response.ok || !response.body) return end(...(await closeOfRefusal(response)));
    const feed = eventParser((event, data) => {
      if (!open) return;
      const frame = parse(data);
      if (event === "close") end(frame?.code ?? ABNORMAL, data);
      else if (frame) events.onFrame(frame, data.length);
    });
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || !open) break;
      events.onAlive();
      feed(decoder.decode(value, { stream: true }));
    }
    end(ABNORMAL);
  };
  read().catch(() => end(ABNORMAL));
  const send = () => {
    throw new TypeError("an SSE link carries nothing to the hub");
  };
  const close = () => {
    open = false;
    abort.abort();
  };
  return { transport: "sse", send, close };
}

/**
 * What a refused stream means, in close codes. Only the hub's own refusals count: a proxy's 403 is a fault that may
 * pass.
 * @param {Response} response
 * @returns {Promise<[number, string]>}
 */
export async function closeOfRefusal(response) {
  const after = Number(response.headers.get("Retry-After") ?? NaN);
  const reason = Number.isFinite(after) ? JSON.stringify({ retry_after_seconds: after }) : "";
  if (!response.headers.get("Content-Type")?.startsWith("application/problem+json")) return [ABNORMAL, reason];
  if (response.status !== 401 && response.status !== 403) return [ABNORMAL, reason];
  const { code, detail = "" } = await response.json().catch(() => ({}));
  if (response.status === 403) return [ORIGIN_REFUSED, detail];
  if (code === "token_expired") return [TOKEN_EXPIRED, ""];
  return [code === "token_revoked" ? REVOKED : TOKEN_REFUSED, detail];
}

/**
 * An incremental parser of an event stream (HTML standard, 9.2.6), as far as the hub uses it: `event` and `data`.
 * @param {(event: string, data: string) => void} dispatch
 * @returns {(text: string) => void} to be fed with text as it arrives
 */
export function eventParser(dispatch) {
  let rest = "";
  let event = "message";
  /** @type {string[]} */
  let data = [];
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length) dispatch(event, data.join("\n"));
        event = "message";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") event = value;
      else if (field === "data") data.push(value);
    }
  };
}

/**
 * @param {unknown} text
 * @returns {Frame | null} null for anything but an object with a type
 */
function parse(text) {
  if (typeof text !== "string") return null;
  try {
    const frame = JSON.parse(text);
    return frame !== null && typeof frame === "object" && typeof frame.type === "string" ? frame : null;
  } catch {
    return null;
  }
}
