/**
 * A real HTTP and WebSocket server on a free port, whose every answer is the test's: it hands over connections and
 * requests one by one and says nothing by itself.
 */

import http from "node:http";
import { WebSocket, WebSocketServer } from "ws";

/** @import { AddressInfo } from "node:net" */
/** @import { Frame } from "../src/hub-state.js" */

const DEADLINE_MS = 5000;
// Tests may replace the timers of the client, never these.
const { setTimeout: setRealTimeout, clearTimeout: clearRealTimeout } = globalThis;
const realNow = performance.now.bind(performance);

/**
 * A queue that is read by awaiting; reading fails after a deadline, so that a test ends with a sentence, not by
 * hanging.
 * @template T
 */
export class Mailbox {
  /** @type {T[]} */
  #waiting = [];
  /** @type {((value: T) => void)[]} */
  #readers = [];

  /** @param {string} what it holds, for the error */
  constructor(what) {
    this.what = what;
  }

  get size() {
    return this.#waiting.length;
  }

  /** @param {T} value */
  put(value) {
    const reader = this.#readers.shift();
    if (reader) reader(value);
    else this.#waiting.push(value);
  }

  /** @returns {Promise<T>} */
  next() {
    if (this.#waiting.length) return Promise.resolve(/** @type {T} */ (this.#waiting.shift()));
    return new Promise((resolve, reject) => {
      const timer = setRealTimeout(() => reject(new Error(`no ${this.what} came`)), DEADLINE_MS).unref();
      this.#readers.push((value) => {
        clearRealTimeout(timer);
        resolve(value);
      });
    });
  }
}

export class Connection {
  /** @type {Mailbox<Frame>} */
  frames = new Mailbox("frame");
  closed;

  /** @param {WebSocket} socket */
  constructor(socket) {
    this.socket = socket;
    socket.on("message", (data) => this.frames.put(JSON.parse(String(data))));
    this.closed = new Promise((resolve) => socket.on("close", resolve));
  }

  /** @param {Frame} frame */
  send(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  /** The next frame of this type; others, such as receipts, are passed over. @param {string} type */
  async frame(type) {
    for (;;) {
      const frame = await this.frames.next();
      if (frame.type === type) return frame;
    }
  }

  /** @param {number} code @param {string} [reason] */
  close(code, reason) {
    this.socket.close(code, reason);
  }
}

export class Request {
  /** @param {http.IncomingMessage} incoming @param {http.ServerResponse} response @param {string} text */
  constructor(incoming, response, text) {
    this.method = incoming.method ?? "";
    this.url = new URL(incoming.url ?? "/", "http://hub.test");
    this.headers = incoming.headers;
    this.body = text === "" ? null : JSON.parse(text);
    this.response = response;
    this.gone = new Promise((resolve) => response.on("close", resolve));
  }

  /** @param {number} status @param {object | null} [body] @param {Record<string, string>} [headers] */
  answer(status, body = null, headers = {}) {
    const type = status >= 400 ? "application/problem+json" : "application/json";
    this.response.writeHead(status, { "Content-Type": type, ...headers });
    this.response.end(body === null ? undefined : JSON.stringify(body));
  }

  startStream() {
    this.response.writeHead(200, { "Content-Type": "text/event-stream" });
    this.response.write("retry: 1000\n\n");
  }

  /** @param {Frame} frame */
  sendEvent(frame) {
    this.response.write(`event: ${frame.type}\nid: ${frame.cursor ?? ""}\ndata: ${JSON.stringify(frame)}\n\n`);
  }
}

export class ScriptedServer {
  /** @type {Mailbox<Connection>} */
  connections = new Mailbox("connection");
  /** @type {Mailbox<Request>} */
  requests = new Mailbox("request");
  /** Whether the next handshakes are accepted; as behind a proxy that knows no WebSocket. */
  acceptsSockets = true;
  refusedSockets = 0;
  url = "";
  #http = http.createServer();
  #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has("hub.v1") ? "hub.v1" : false),
  });

  /** @returns {Promise<ScriptedServer>} */
  static async start() {
    const server = new ScriptedServer();
    server.#http.on("upgrade", (request, socket, head) => {
      if (!server.acceptsSockets) {
        server.refusedSockets += 1;
        socket.end("HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n");
        return;
      }
      server.#sockets.handleUpgrade(request, socket, head, (ws) => server.connections.put(new Connection(ws)));
    });
    server.#http.on("request", async (incoming, response) => {
      let text = "";
      for await (const chunk of incoming) text += chunk;
      server.requests.put(new Request(incoming, response, text));
    });
    await new Promise((resolve) => server.#http.listen(0, "127.0.0.1", () => resolve(null)));
    server.url = `http://127.0.0.1:${/** @type {AddressInfo} */ (server.#http.address()).port}`;
    return server;
  }

  async stop() {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }
}

/** The WebSocket of `ws` is the standard's as far as the client uses it. */
export const Socket = /** @type {typeof globalThis.WebSocket} */ (/** @type {unknown} */ (WebSocket));

/**
 * Let the event loop turn until `condition` holds; sockets are real even where timers are mocked.
 * @param {() => boolean} condition
 * @param {string} what
 */
export async function until(condition, what) {
  const end = realNow() + DEADLINE_MS;
  while (!condition()) {
    if (realNow() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
