/** The client's side of the protocol over WebSocket, against a real socket whose other end is the test. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { HubClient } from "../src/hub-client.js";
import { HubStore } from "../src/hub-store.js";
import { Clock } from "./clock.js";
import { ModelHub } from "./model-hub.js";
import { ScriptedServer, Socket, until } from "./scripted-server.js";

/** @import { HubClientOptions } from "../src/hub-client.js" */
/** @import { Frame } from "../src/hub-state.js" */
/** @import { Connection } from "./scripted-server.js" */

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
  hub = new ModelHub(50);
});

afterEach(async () => {
  client.stop();
  stopped?.restore();
  stopped = null;
  await server.stop();
});

const WELCOME = { type: "welcome", connection: "c-1", heartbeat_seconds: 25, expires_at: "2099-01-01T00:00:00Z" };

/** @param {Partial<HubClientOptions>} [options] */
function makeClient(options) {
  client = new HubStore({
    url: server.url,
    getToken: async () => "secret",
    transport: "websocket",
    WebSocket: Socket,
    random: () => 0,
    ...options,
  });
  return client;
}

/**
 * A client that is live with what the hub holds.
 * @param {Partial<HubClientOptions>} [options]
 * @returns {Promise<Connection>}
 */
async function goLive(options) {
  makeClient(options).start();
  const connection = await server.connections.next();
  await connection.frame("hello");
  connection.send({ ...WELCOME, ...hub.welcomeItems() });
  await status("live");
  return connection;
}

/** @param {Connection} connection all frames of the hub go to it from now on */
function attach(connection) {
  const session = { announce: (/** @type {Frame} */ frame) => connection.send(frame) };
  hub.sessions.clear();
  hub.sessions.add(/** @type {any} */ (session));
}

/** @param {string} wanted */
async function status(wanted) {
  await until(() => client.snapshot.status === wanted, `status ${wanted}`);
}

/** @returns {Frame} what the hub answers to a cursor */
function changesSince(/** @type {number} */ rev) {
  return hub.changes({ since: rev, rev, id: "￿" }).frame;
}

test("hello comes first, in subprotocol hub.v1, and welcome fills the inbox", async () => {
  hub.publish();
  makeClient().start();
  const connection = await server.connections.next();
  assert.equal(connection.socket.protocol, "hub.v1");
  assert.deepEqual(await connection.frames.next(), { type: "hello", token: "secret", state: "active" });
  connection.send({ ...WELCOME, ...hub.welcomeItems() });
  await status("live");
  assert.deepEqual(client.snapshot.items, hub.list());
  assert.deepEqual(client.snapshot.counts, { unseen: 1, unread: 1, total: 1 });
  assert.deepEqual(await connection.frames.next(), { type: "ack", rev: 1 });
});

test("live frames are applied, new items announced once, and every ping answered", async () => {
  const connection = await goLive();
  /** @type {string[]} */
  const announced = [];
  client.on("item", ({ item }) => announced.push(item.id));
  attach(connection);
  const { id } = hub.publish();
  hub.mark({ action: "pin", ids: [id] });
  await until(() => client.snapshot.rev === 2, "rev 2");
  assert.deepEqual(announced, [id]);
  connection.send({ type: "ping" });
  await connection.frame("pong");
});

test("a gap asks once with the cursor, and the answer heals it", async () => {
  const connection = await goLive();
  for (let made = 0; made < 4; made++) hub.publish();
  attach(connection);
  hub.publish();
  hub.publish();
  assert.deepEqual(await connection.frame("sync"), { type: "sync", cursor: hub.cursor(0) });
  connection.send(changesSince(0));
  await until(() => client.snapshot.rev === 6, "rev 6");
  assert.deepEqual(client.snapshot.items, hub.list());
  connection.send({ type: "ping" });
  const frames = [await connection.frames.next(), await connection.frames.next()];
  assert.ok(!frames.some((frame) => frame.type === "sync"), "one gap is asked for once");
});

test("a lost connection resumes from the cursor and repeats the ack", async () => {
  hub.publish();
  const first = await goLive();
  await first.frame("ack");
  first.close(4000, '{"retry_after_seconds": 0}');
  const second = await server.connections.next();
  assert.deepEqual(await second.frames.next(), {
    type: "hello",
    token: "secret",
    cursor: hub.cursor(1),
    state: "active",
  });
  hub.publish();
  second.send(WELCOME);
  /** @type {boolean[]} */
  const missed = [];
  client.on("item", (arrival) => missed.push(arrival.missed));
  second.send({ ...changesSince(1), more: true, counts: undefined });
  second.send({ ...changesSince(2), rev: 2 });
  assert.deepEqual(await second.frame("ack"), { type: "ack", rev: 2 });
  assert.equal(client.snapshot.status, "live");
  assert.deepEqual(client.snapshot.items, hub.list());
  assert.deepEqual(missed, [true]);
});

test("an item on a page that comes twice, because the connection broke in between, is announced once", async () => {
  const first = await goLive();
  /** @type {string[]} */
  const announced = [];
  client.on("item", ({ item }) => announced.push(item.id));
  first.close(4000, '{"retry_after_seconds": 0}');
  const second = await server.connections.next();
  await second.frame("hello");
  hub.publish();
  second.send(WELCOME);
  second.send({ ...changesSince(0), rev: 0, cursor: hub.cursor(0), more: true, counts: undefined });
  await until(() => announced.length === 1, "the item");
  second.close(4000, '{"retry_after_seconds": 0}');
  const third = await server.connections.next();
  await third.frame("hello");
  third.send(WELCOME);
  third.send(changesSince(0));
  await until(() => client.snapshot.rev === 1, "rev 1");
  assert.deepEqual(announced, ["item-000001"]);
});

test("a mark shows at once, and lasts over a disconnect with the same upto until it is answered", async () => {
  hub.publish();
  const first = await goLive();
  const marked = client.mark({ action: "read", all: true });
  assert.equal(client.snapshot.counts.unread, 0);
  assert.deepEqual(await first.frame("mark"), { type: "mark", ref: 1, action: "read", all: true, upto: 1 });
  first.close(1011);
  const second = await server.connections.next();
  await second.frame("hello");
  hub.publish();
  second.send(WELCOME);
  second.send(changesSince(1));
  assert.deepEqual(await second.frame("mark"), { type: "mark", ref: 1, action: "read", all: true, upto: 1 });
  assert.deepEqual(client.snapshot.counts, { unseen: 1, unread: 1, total: 2 });
  attach(second);
  const done = hub.mark({ action: "read", all: true, upto: 1 });
  second.send({ type: "ok", ref: 1, ...done });
  assert.deepEqual(await marked, { changed: 1, unknown: [] });
  assert.deepEqual(client.snapshot.counts, hub.counts());
});

test("a refused mark is taken back and says why", async () => {
  hub.publish();
  const connection = await goLive();
  const marked = client.mark({ action: "archive", ids: ["item-000001"] });
  assert.equal(client.snapshot.items.length, 0);
  const { ref } = await connection.frame("mark");
  connection.send({ type: "error", ref, code: "forbidden", detail: "the token may not write" });
  await assert.rejects(marked, { name: "HubError", code: "forbidden", message: "the token may not write" });
  assert.equal(client.snapshot.items.length, 1);
});

test("marks are cut at 100 ids and kept under the hub's limit of frames", async () => {
  const clock = (stopped = new Clock());
  hub.publish();
  const connection = await goLive();
  await connection.frame("ack");
  const ids = Array.from({ length: 2150 }, (_, at) => `id-${at}`);
  void client.mark({ action: "read", ids });
  for (let at = 0; at < 20; at++) assert.equal((await connection.frame("mark")).ids.length, 100);
  connection.send({ type: "ping" });
  await connection.frame("pong");
  assert.equal(connection.frames.size, 0);
  clock.pass(10);
  assert.equal((await connection.frame("mark")).ids.length, 100);
  assert.equal((await connection.frame("mark")).ids.length, 50);
});

test("marks go on when the clock of the device is set back", async () => {
  const clock = (stopped = new Clock());
  hub.publish();
  const connection = await goLive();
  void client.mark({ action: "read", ids: Array.from({ length: 2000 }, (_, at) => `id-${at}`) });
  for (let at = 0; at < 20; at++) await connection.frame("mark");
  clock.set(-3600);
  void client.mark({ action: "unread", ids: ["id-1"] });
  clock.pass(10);
  assert.equal((await connection.frame("mark")).action, "unread");
});

test("receipts: ack and seen go at once, then once a second with the newest value", async () => {
  const clock = (stopped = new Clock());
  const connection = await goLive();
  attach(connection);
  hub.publish();
  assert.deepEqual(await connection.frames.next(), { type: "ack", rev: 1 });
  client.seen();
  hub.publish();
  hub.publish();
  await until(() => client.snapshot.rev === 3, "rev 3");
  client.seen();
  connection.send({ type: "ping" });
  await connection.frame("pong");
  assert.equal(connection.frames.size, 0, "the first receipts are less than a second old");
  clock.pass(1);
  assert.deepEqual(await connection.frames.next(), { type: "ack", rev: 3 });
  assert.deepEqual(await connection.frames.next(), { type: "seen", rev: 3 });
});

test("what was seen and did not arrive is said again", async () => {
  hub.publish();
  const first = await goLive();
  client.seen();
  await first.frame("seen");
  first.close(1001);
  const second = await server.connections.next();
  await second.frame("hello");
  second.send(WELCOME);
  second.send(changesSince(1));
  assert.deepEqual(await second.frames.next(), { type: "ack", rev: 1 });
  assert.deepEqual(await second.frames.next(), { type: "seen", rev: 1 });
});

test("what was seen in an inbox that was replaced says nothing of the new one", async () => {
  hub.publish();
  hub.publish();
  const connection = await goLive();
  client.seen();
  await connection.frame("seen");
  connection.send({ type: "reset" });
  hub = new ModelHub(50);
  hub.publish();
  connection.send({ ...WELCOME, ...hub.welcomeItems() });
  await until(() => client.snapshot.rev === 1, "the new inbox");
  assert.deepEqual(await connection.frames.next(), { type: "ack", rev: 1 });
  connection.send({ type: "ping" });
  assert.deepEqual(await connection.frames.next(), { type: "pong" });
});

test("a reset discards the inbox and unanswered marks, and a welcome replaces them", async () => {
  hub.publish();
  const connection = await goLive();
  const marked = client.mark({ action: "read", ids: ["item-000001"] });
  connection.send({ type: "reset" });
  await assert.rejects(marked, { code: "reset" });
  assert.equal(client.snapshot.ready, false);
  await assert.rejects(client.mark({ action: "read", ids: ["item-000001"] }), { code: "not_ready" });
  hub.restore();
  hub.publish();
  connection.send({ ...WELCOME, ...hub.welcomeItems() });
  await until(() => client.snapshot.ready, "the new inbox");
  assert.deepEqual(client.snapshot.items, hub.list());
});

test("codes from 4500 stop the client, with the reason, until it is started again", async () => {
  const first = await goLive();
  first.close(4506, "revoked");
  await status("stopped");
  assert.deepEqual(client.snapshot.stopped, { code: 4506, reason: "revoked" });
  client.start();
  await (await server.connections.next()).frame("hello");
});

test("backoff grows from failure to failure and begins anew after 30 s of a stable connection", async () => {
  const clock = (stopped = new Clock());
  let connection = await goLive({ random: () => 1 });
  const waited = async () => {
    await status("waiting");
    const seconds = ((client.snapshot.retryAt ?? 0) - Date.now()) / 1000;
    clock.pass(seconds);
    connection = await server.connections.next();
    await connection.frame("hello");
    return seconds;
  };
  const seconds = [];
  for (let failure = 0; failure < 7; failure++) {
    connection.close(1012);
    seconds.push(await waited());
  }
  assert.deepEqual(seconds, [0.5, 1, 2, 4, 8, 16, 30]);
  connection.send(WELCOME);
  connection.send(changesSince(0));
  await status("live");
  clock.pass(29);
  connection.send({ type: "ping" });
  await connection.frame("pong");
  clock.pass(1);
  connection.close(1012);
  assert.equal(await waited(), 0.5);
});

test("silence of the heartbeat and ten seconds more ends the connection; any frame counts as life", async () => {
  const clock = (stopped = new Clock());
  const connection = await goLive({ random: () => 1 });
  clock.pass(34);
  connection.send({ type: "ping" });
  await connection.frame("pong");
  clock.pass(34);
  assert.equal(client.snapshot.status, "live");
  clock.pass(1);
  assert.equal(client.snapshot.status, "waiting");
  await connection.closed;
});

test("a hub that never says welcome is given up after ten seconds", async () => {
  const clock = (stopped = new Clock());
  makeClient({ random: () => 1 }).start();
  await (await server.connections.next()).frame("hello");
  clock.pass(10);
  assert.equal(client.snapshot.status, "waiting");
});

/** @param {number} seconds */
function shortToken(seconds) {
  const iat = Date.now() / 1000;
  return `e30.${Buffer.from(JSON.stringify({ iat, exp: iat + seconds })).toString("base64url")}.signature`;
}

test("a token is kept over reconnects, renewed in time by a token frame, and asked for anew after 4100", async () => {
  const clock = (stopped = new Clock());
  /** @type {string[]} */
  const given = [];
  const getToken = () => {
    given.push(shortToken(3600));
    return /** @type {string} */ (given.at(-1));
  };
  const first = await goLive({ getToken });
  first.close(1012);
  await status("waiting");
  clock.pass(0);
  const second = await server.connections.next();
  assert.equal((await second.frame("hello")).token, given[0]);
  assert.equal(given.length, 1);
  second.send(WELCOME);
  second.send(changesSince(0));
  await status("live");
  for (let halfMinute = 0; halfMinute < 117; halfMinute++) {
    clock.pass(30);
    second.send({ type: "ping" });
    await second.frame("pong");
  }
  clock.pass(30);
  const renewal = await second.frame("token");
  assert.equal(renewal.token, given[1]);
  second.send({ type: "ok", ref: renewal.ref, rev: 0, changed: 0 });
  second.close(4100);
  await status("waiting");
  clock.pass(0);
  const third = await server.connections.next();
  assert.equal((await third.frame("hello")).token, given[2]);
});

test("a token that ended meanwhile is not used again, and one that never comes is not awaited", async () => {
  const clock = (stopped = new Clock());
  /** @type {(string | Promise<string>)[]} */
  const tokens = [shortToken(3600), shortToken(9000), new Promise(() => {})];
  const second = tokens[1];
  const first = await goLive({ getToken: () => /** @type {string} */ (tokens.shift()), random: () => 1 });
  client.stop();
  await first.closed;
  clock.pass(7200);
  client.start();
  const connection = await server.connections.next();
  assert.equal((await connection.frame("hello")).token, second);
  connection.close(4100);
  await status("waiting");
  clock.pass(1);
  assert.equal(client.snapshot.status, "connecting");
  clock.pass(10);
  assert.equal(client.snapshot.status, "waiting");
});

test("getToken that fails is tried again, and null ends the client", async () => {
  const answers = [() => Promise.reject(new Error("no network")), () => "secret", () => null];
  /** @type {unknown[]} */
  const errors = [];
  makeClient({ getToken: () => /** @type {() => string} */ (answers.shift())() });
  client.on("error", (error) => errors.push(error));
  client.start();
  const connection = await server.connections.next();
  assert.match(String(errors[0]), /no network/);
  connection.close(4100);
  await status("stopped");
  assert.deepEqual(client.snapshot.stopped, { code: null, reason: "no token" });
});

test("older pages come over REST, and frames that overtake the answer are applied to it", async () => {
  hub = new ModelHub(2);
  for (let made = 0; made < 5; made++) hub.publish();
  const connection = await goLive();
  attach(connection);
  assert.equal(client.snapshot.hasOlder, true);
  const loading = client.loadOlder();
  assert.equal(client.loadOlder(), loading, "one request for calls that overlap");
  const request = await server.requests.next();
  assert.equal(request.headers.authorization, "Bearer secret");
  const page = hub.page(request.url.searchParams.get("cursor"));
  hub.withdraw("item-000003");
  await until(() => client.snapshot.rev === 6, "rev 6");
  request.answer(200, page);
  assert.equal(await loading, true);
  assert.deepEqual(
    client.snapshot.items.map((item) => item.id),
    ["item-000005", "item-000004", "item-000002"],
  );
  const last = client.loadOlder();
  const again = await server.requests.next();
  again.answer(200, hub.page(again.url.searchParams.get("cursor")));
  assert.equal(await last, false);
  assert.deepEqual(client.snapshot.items, hub.list());
});

test("a REST call refused with 401 is tried once more with a fresh token", async () => {
  hub = new ModelHub(1);
  hub.publish();
  hub.publish();
  let asked = 0;
  await goLive({ getToken: () => shortToken(3600 + ++asked) });
  const loading = client.loadOlder();
  const first = await server.requests.next();
  first.answer(401, { code: "token_expired" });
  const second = await server.requests.next();
  assert.equal(asked, 2);
  assert.notEqual(second.headers.authorization, first.headers.authorization);
  second.answer(403, { code: "forbidden", detail: "no" });
  await assert.rejects(loading, { code: "forbidden", status: 403 });
});

test("a frame that is no frame of the protocol begins anew from a snapshot", async () => {
  hub.publish();
  const first = await goLive();
  /** @type {unknown[]} */
  const errors = [];
  client.on("error", (error) => errors.push(error));
  first.send({ type: "item", rev: 2, cursor: "1:2" });
  const second = await server.connections.next();
  assert.equal((await second.frame("hello")).cursor, undefined);
  assert.equal(errors.length, 1);
});

test("a listener that throws does not end the connection", async () => {
  const connection = await goLive();
  attach(connection);
  const uncaught = new Promise((resolve) => (globalThis.reportError = resolve));
  const off = client.on("item", () => {
    throw new Error("the page's own mistake");
  });
  hub.publish();
  assert.match(String(await uncaught), /the page's own mistake/);
  off();
  hub.publish();
  await until(() => client.snapshot.rev === 2, "rev 2");
});

test("the traffic that is shown never holds a token", async () => {
  makeClient({ getToken: () => "very-secret" });
  /** @type {string[]} */
  const shown = [];
  client.on("frame", (traffic) => shown.push(JSON.stringify(traffic)));
  client.start();
  const connection = await server.connections.next();
  assert.equal((await connection.frame("hello")).token, "very-secret");
  connection.send({ ...WELCOME, ...hub.welcomeItems() });
  await status("live");
  assert.ok(shown.length >= 2);
  assert.ok(!shown.join().includes("very-secret"));
});

test("the client alone passes on each frame once and in its order, acknowledges, marks, and resumes", async () => {
  const alone = new HubClient({ url: server.url, getToken: () => "secret", WebSocket: Socket, random: () => 0 });
  client = /** @type {any} */ (alone);
  /** @type {string[]} */
  const told = [];
  alone.on("message", ({ type, rev }) => told.push(`${type} ${rev}`));
  await assert.rejects(alone.mark({ action: "read", all: true }), { code: "not_ready" });
  alone.start();
  hub.publish();
  const first = await server.connections.next();
  await first.frame("hello");
  first.send({ ...WELCOME, ...hub.welcomeItems() });
  assert.deepEqual(await first.frame("ack"), { type: "ack", rev: 1 });
  const marked = alone.mark({ action: "read", all: true });
  const { ref } = await first.frame("mark");
  attach(first);
  first.send({ type: "ok", ref, ...hub.mark({ action: "read", all: true, upto: 1 }) });
  assert.equal((await marked).changed, 1);
  alone.seen();
  hub.sessions.clear();
  hub.publish();
  hub.publish();
  first.send({ type: "item", rev: 4, cursor: hub.cursor(4), item: hub.list()[0] });
  assert.deepEqual(await first.frame("sync"), { type: "sync", cursor: hub.cursor(2) });
  first.send(changesSince(2));
  first.send(changesSince(2));
  await until(() => alone.state.rev === 4, "rev 4");
  first.close(4000, '{"retry_after_seconds": 0}');
  const second = await server.connections.next();
  assert.equal((await second.frame("hello")).cursor, hub.cursor(4));
  assert.deepEqual(told.slice(0, 3), ["welcome 1", "update 2", "changes 4"]);
});
