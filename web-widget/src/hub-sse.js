/**
 * The link where no WebSocket gets through; loaded only there. The stream comes as server-sent events, read through
 * `fetch`, not `EventSource`, so that the token travels in a header, never in a URL. What a client says goes over REST:
 * a `mark` becomes a POST whose answer comes back as `ok` or `error`, receipts of one turn one POST, and what the stream
 * cannot be told (`sync`, `token`) opens it anew.
 *
 * Imports nothing: what it shares with the rest is handed in.
 */

/** @import { Connection } from "./hub-connection.js" */
/** @import { Link, LinkEvents } from "./hub-link.js" */
/** @import { request } from "./hub-rest.js" */
/** @import { Frame } from "./hub-state.js" */

const ABNORMAL = 1006;
const TOKEN_EXPIRED = 4100;
const TOKEN_REFUSED = 4500;
const ORIGIN_REFUSED = 4501;
const REVOKED = 4506;
/** As long as the hub waits for a `hello`. */
const WELCOME_MS = 10_000;
/** A mark that got no answer is posted again after this. */
const AGAIN_MS = 1000;
/** A stream begun anew twice within this is a failure like any other. */
const REOPEN_MS = 5000;

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
export function openStream(events, of, dialSocket, call, parseFrame, newKey) {
  const { hello, onFrame, onSent, onClose } = events;
  let open = true;
  let connection = "";
  let beganAgainAt = -Infinity;
  /** @type {Record<string, unknown> | null} what the receipts of this turn say */
  let receipts = null;
  let abort = new AbortController();
  /** @type {Link | null} the WebSocket that is tried, or has taken over */
  let socket = null;
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;

  /** @param {number} code @param {string} [reason] */
  const end = (code, reason = "") => {
    if (!open) return;
    close();
    onClose(code, reason);
  };
  const begin = () => {
    abort.abort();
    const mine = (abort = new AbortController());
    read(mine.signal).catch(() => mine.signal.aborted || end(ABNORMAL));
  };
  const beginAgain = () => {
    const before = beganAgainAt;
    beganAgainAt = Date.now();
    if (beganAgainAt - before < REOPEN_MS) end(ABNORMAL);
    else begin();
  };
  /** @param {AbortSignal} signal */
  const read = async (signal) => {
    const { token, cursor, state } = hello();
    const url = new URL("v1/inbox/events", of.base);
    if (cursor) url.searchParams.set("since", cursor);
    url.searchParams.set("state", state);
    onSent({ type: `GET ${url.pathname}`, ...Object.fromEntries(url.searchParams) }, 0);
    const headers = { Authorization: `Bearer ${token}`, Accept: "text/event-stream" };
    const response = await of.fetch(url, { headers, cache: "no-store", signal });
    if (!response.ok || !response.body) {
      const refusal = await closeOfRefusal(response);
      if (!signal.aborted) end(...refusal);
      return;
    }
    const feed = eventParser((event, data) => {
      if (signal.aborted) return;
      // The last event is no frame: it has a code and no type.
      if (event === "close") return end(JSON.parse(data).code ?? ABNORMAL, data);
      const frame = parseFrame(data);
      connection = frame?.connection ?? connection;
      if (!frame) return;
      onFrame(frame, data.length);
      if (frame.type === "welcome") trySocket();
    });
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) return;
      if (done) break;
      onFrame(null, 0);
      feed(decoder.decode(value, { stream: true }));
    }
    end(ABNORMAL);
  };

  const dropSocket = () => {
    clearTimeout(timer);
    socket?.close();
    socket = null;
  };
  const trySocket = () => {
    if (!dialSocket || socket) return;
    timer = setTimeout(dropSocket, WELCOME_MS);
    socket = dialSocket({
      ...events,
      onFrame: (frame, size) => {
        if (frame?.type === "welcome" && link.transport === "sse") {
          clearTimeout(timer);
          abort.abort();
          link.transport = "websocket";
        }
        if (link.transport === "websocket") onFrame(frame, size);
      },
      onClose: (code, reason) => {
        if (link.transport === "websocket") end(code, reason);
        else dropSocket();
      },
    });
  };

  /**
   * @param {Frame} frame
   * @param {string} [key]
   */
  const mark = async ({ type, ref, ...body }, key) => {
    let answer;
    try {
      answer = { type: "ok", ...(await call(of, "POST", "v1/inbox/mark", body, key)) };
    } catch (/** @type {any} */ error) {
      // Without an answer it may be carried out even now: the next attempt has the same key.
      if (error.status === undefined || error.code === "idempotency_in_flight") {
        if (open) setTimeout(() => open && mark({ type, ref, ...body }, key), AGAIN_MS);
        return;
      }
      answer = { type: "error", code: error.code, detail: error.message, status: error.status };
    }
    if (open) onFrame({ ...answer, ref }, 0);
  };
  const sendReceipts = () => {
    const body = { connection, ...receipts };
    receipts = null;
    call(of, "POST", "v1/inbox/receipts", body, newKey()).catch((error) => {
      // One that got lost, or came when its connection had ended, is made good by the next.
      if (open && error.status && error.status !== 404) {
        onFrame({ type: "error", code: error.code, detail: error.message, status: error.status }, 0);
      }
    });
  };
  /** @type {Link["send"]} */
  const send = (frame, key) => {
    const { type } = frame;
    if (!open) return;
    if (link.transport === "websocket") socket?.send(frame);
    else if (type === "mark") void mark(frame, key);
    else if (type === "sync" || type === "token") beginAgain();
    // Whether the stream lives is seen by its comments alone.
    else if (type === "ping") onFrame(null, 0);
    else if (type !== "pong") {
      if (!receipts) queueMicrotask(sendReceipts);
      receipts = { ...receipts, [type]: frame.rev ?? frame.state };
    }
  };
  const close = () => {
    open = false;
    abort.abort();
    dropSocket();
  };
  /** @type {Link} */
  const link = { transport: "sse", send, close };
  begin();
  return link;
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
