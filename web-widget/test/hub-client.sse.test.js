/** The client where no WebSocket gets through: the same stream over SSE, and REST for what it has no frame for. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { HubStore } from "../src/hub-store.js";
import { parseFrame } from "../src/hub-link.js";
import { openStream } from "../src/hub-sse.js";
import { Clock } from "./clock.js";
import { ModelHub } from "./model-hub.js";
import { ScriptedServer, Socket, until } from "./scripted-server.js";

/** @import { HubClientOptions } from "../src/hub-client.js" */
/** @import { Frame } from "../src/hub-state.js" */
/** @import { Request } from "./scripted-server.js" */

/** @type {ScriptedServer} */
let server;
/** @type {HubStore} */
let client;
/** @type {ModelHub} */
let hub;
/** @type {Clock | null} */
let stopped = null;

beforeEach(async () => {
  server = await ScriptedServer.start();
  server.acceptsSockets = false;
  hub = new ModelHub(50);
});

afterEach(async () => {
  client.stop();
  stopped?.restore();
  stopped = null;
  await server.stop();
});

const WELCOME = { type: "welcome", connection: "c-7", heartbeat_seconds: 25, expires_at: "2099-01-01T00:00:00Z" };

/** @param {Partial<HubClientOptions>} [options] */
async function connect(options) {
  const getToken = () => "secret";
  client = new HubStore({ url: server.url, getToken, WebSocket: Socket, random: () => 0, ...options });
  client.start();
  return stream();
}

/** @returns {Promise<Request>} the next request for the stream; receipts are answered on the way */
async function stream() {
  for (;;) {
    const request = await server.requests.next();
    if (request.url.pathname === "/v1/inbox/events") return request;
    request.answer(204);
  }
}

/** @param {Request} request */
async function goLive(request) {
  request.startStream();
  request.sendEvent({ ...WELCOME, ...hub.welcomeItems() });
  const session = { announce: (/** @type {Frame} */ frame) => request.sendEvent(frame) };
  hub.sessions.add(/** @type {any} */ (session));
  await until(() => client.snapshot.status === "live", "live");
}

test("after two WebSockets without a word the stream comes over SSE, with the token in a header", async () => {
  hub.publish();
  const request = await connect();
  assert.equal(server.refusedSockets, 2);
  assert.equal(request.headers.authorization, "Bearer secret");
  assert.deepEqual([...request.url.searchParams], [["state", "active"]]);
  await goLive(request);
  hub.publish();
  await until(() => client.snapshot.rev === 2, "rev 2");
  assert.equal(client.snapshot.transport, "sse");
  assert.deepEqual(client.snapshot.items, hub.list());
});

test("receipts and marks go over REST, a mark that got no answer again with the same key", async () => {
  const request = await connect({ transport: "sse" });
  hub.publish();
  await goLive(request);
  const receipt = await server.requests.next();
  assert.equal(`${receipt.method} ${receipt.url.pathname}`, "POST /v1/inbox/receipts");
  assert.deepEqual(receipt.body, { connection: "c-7", ack: 1 });
  receipt.answer(204);
  const marked = client.mark({ action: "read", ids: ["item-000001"] });
  const first = await server.requests.next();
  assert.equal(`${first.method} ${first.url.pathname}`, "POST /v1/inbox/mark");
  assert.deepEqual(first.body, { action: "read", ids: ["item-000001"] });
  first.response.destroy();
  const second = await server.requests.next();
  assert.deepEqual(second.body, first.body);
  assert.ok(second.headers["idempotency-key"]);
  assert.equal(second.headers["idempotency-key"], first.headers["idempotency-key"]);
  second.answer(409, { code: "idempotency_in_flight" }, { "Retry-After": "1" });
  const third = await server.requests.next();
  assert.equal(third.headers["idempotency-key"], first.headers["idempotency-key"]);
  const done = hub.mark({ action: "read", ids: ["item-000001"] });
  third.answer(200, done);
  assert.deepEqual(await marked, { changed: 1, unknown: [] });
  const refused = client.mark({ action: "read", ids: ["other"] });
  await until(() => server.requests.size > 0, "the next request");
  let next = await server.requests.next();
  if (next.url.pathname.endsWith("receipts")) {
    next.answer(204);
    next = await server.requests.next();
  }
  next.answer(422, { code: "invalid", detail: "ids: not an id" });
  await assert.rejects(refused, { code: "invalid", status: 422 });
});

test("a gap, which SSE cannot ask about, opens the stream anew from the cursor", async () => {
  const first = await connect({ transport: "sse" });
  await goLive(first);
  hub.sessions.clear();
  hub.publish();
  first.sendEvent({ type: "item", rev: 2, cursor: hub.cursor(2), item: hub.list()[0] });
  const second = await stream();
  await first.gone;
  assert.equal(second.url.searchParams.get("since"), hub.cursor(0));
  second.startStream();
  second.sendEvent(WELCOME);
  second.sendEvent(hub.changes({ since: 0, rev: 0, id: "￿" }).frame);
  await until(() => client.snapshot.rev === 1, "rev 1");
  assert.deepEqual(client.snapshot.items, hub.list());
});

test("the stream's last event says how to go on", async () => {
  const first = await connect({ transport: "sse", random: () => 1 });
  await goLive(first);
  // The hub's own last event has no type.
  first.response.write('event: close\ndata: {"code":4000,"retry_after_seconds":0}\n\n');
  const second = await stream();
  second.startStream();
  second.response.write('event: close\ndata: {"code":4506}\n\n');
  await until(() => client.snapshot.status === "stopped", "stopped");
  assert.equal(client.snapshot.stopped?.code, 4506);
});

test("a stream whose token has expired gets a fresh one, and a refused token is the end", async () => {
  const claims = Buffer.from(JSON.stringify({ exp: Date.now() / 1000 + 3600 })).toString("base64url");
  let asked = 0;
  const first = await connect({ transport: "sse", getToken: () => `${++asked}.${claims}.x` });
  await goLive(first);
  first.response.destroy();
  const second = await stream();
  second.answer(401, { code: "token_expired" });
  const third = await stream();
  assert.notEqual(third.headers.authorization, second.headers.authorization);
  assert.equal(asked, 2);
  third.answer(401, { code: "token_refused" });
  await until(() => client.snapshot.status === "stopped", "stopped");
});

test("a hub that was only down gets its WebSocket back: one is tried beside the stream and takes over", async () => {
  const request = await connect();
  server.acceptsSockets = true;
  await goLive(request);
  const connection = await server.connections.next();
  assert.equal((await connection.frame("hello")).cursor, hub.cursor());
  hub.publish();
  await until(() => client.snapshot.rev === 1, "rev 1");
  assert.equal(client.snapshot.transport, "sse", "nothing is interrupted until the WebSocket is welcome");
  connection.send(WELCOME);
  connection.send(hub.changes({ since: 0, rev: 0, id: "￿" }).frame);
  await request.gone;
  await until(() => client.snapshot.transport === "websocket" && client.snapshot.status === "live", "taken over");
  assert.deepEqual(client.snapshot.items, hub.list());
});

test("where WebSockets are blocked for good, one more is tried and the stream goes on", async () => {
  const request = await connect();
  await goLive(request);
  await until(() => server.refusedSockets === 3, "the third WebSocket");
  hub.publish();
  await until(() => client.snapshot.rev === 1, "rev 1");
  assert.equal(client.snapshot.transport, "sse");
  request.response.destroy();
  const again = await stream();
  assert.equal(again.url.searchParams.get("since"), hub.cursor());
  assert.equal(server.refusedSockets, 3);
});

test("a comment is life, and silence of the heartbeat and ten seconds more is not", async () => {
  const clock = (stopped = new Clock());
  const request = await connect({ transport: "sse", random: () => 1 });
  await goLive(request);
  let alive = 0;
  const events = {
    hello: () => ({ type: "hello", token: "secret", state: "active" }),
    onFrame: (/** @type {Frame | null} */ frame) => {
      if (!frame) alive += 1;
    },
    onSent: () => {},
    onClose: () => {},
  };
  const of = /** @type {any} */ ({ base: new URL(server.url), fetch });
  const other = openStream(
    events,
    of,
    null,
    async () => null,
    parseFrame,
    () => "key",
  );
  const beside = await stream();
  beside.startStream();
  await until(() => alive === 1, "the first bytes");
  clock.pass(34);
  request.response.write(": still here\n\n");
  beside.response.write(": still here\n\n");
  await until(() => alive === 2, "the comment");
  other.close();
  // Both streams got theirs in one turn of the event loop; one more turn for the client's to be read.
  await new Promise((resolve) => setImmediate(resolve));
  clock.pass(34);
  assert.equal(client.snapshot.status, "live");
  clock.pass(1);
  assert.equal(client.snapshot.status, "waiting");
});
