/** Active or idle, and what the client does when the page or the network comes back. The page is faked. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { watchActivity } from "../src/hub-activity.js";
import { HubStore } from "../src/hub-store.js";
import { Clock } from "./clock.js";
import { ModelHub } from "./model-hub.js";
import { ScriptedServer, Socket, until } from "./scripted-server.js";

/** @type {EventTarget & {visibilityState: string}} */
let page;
/** @type {EventTarget} */
let view;
/** @type {Clock} */
let clock;

beforeEach(() => {
  page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  view = new EventTarget();
  const addEventListener = view.addEventListener.bind(view);
  Object.assign(globalThis, { document: page, addEventListener });
  clock = new Clock();
});

afterEach(() => {
  clock.restore();
  for (const name of ["document", "addEventListener"]) Reflect.deleteProperty(globalThis, name);
});

/** @param {string} visibility */
function turn(visibility) {
  page.visibilityState = visibility;
  page.dispatchEvent(new Event("visibilitychange"));
}

test("idle after two minutes without use, or at once when hidden; active again at the next use", () => {
  /** @type {string[]} */
  const states = [];
  let returns = 0;
  const watch = watchActivity(
    () => states.push(watch.state),
    () => (returns += 1),
  );
  assert.equal(watch.state, "active");
  clock.pass(100);
  view.dispatchEvent(new Event("keydown"));
  clock.pass(119);
  assert.deepEqual(states, []);
  clock.pass(1);
  assert.deepEqual(states, ["idle"]);
  view.dispatchEvent(new Event("pointermove"));
  turn("hidden");
  assert.deepEqual(states, ["idle", "active", "idle"]);
  view.dispatchEvent(new Event("pointermove"));
  assert.equal(watch.state, "idle", "a hidden page is not in use");
  turn("visible");
  assert.deepEqual([states.at(-1), returns], ["active", 1]);
  view.dispatchEvent(new Event("online"));
  assert.equal(returns, 2);
  watch.stop();
  turn("hidden");
  clock.pass(500);
  assert.deepEqual([states.length, returns], [4, 2]);
});

test("a client says that it turns idle, reconnects at once with the network, and probes an old connection", async () => {
  const server = await ScriptedServer.start();
  const hub = new ModelHub();
  const client = new HubStore({ url: server.url, getToken: () => "t", WebSocket: Socket, random: () => 1 });
  client.start();
  const live = async () => {
    const connection = await server.connections.next();
    await connection.frame("hello");
    connection.send({ type: "welcome", connection: "c", heartbeat_seconds: 25, ...hub.welcomeItems() });
    await until(() => client.snapshot.status === "live", "live");
    return connection;
  };
  try {
    const first = await live();
    turn("hidden");
    assert.deepEqual(await first.frame("state"), { type: "state", state: "idle" });
    first.close(1012);
    await until(() => client.snapshot.status === "waiting", "waiting");
    view.dispatchEvent(new Event("online"));
    const second = await live();
    clock.pass(20);
    view.dispatchEvent(new Event("online"));
    await second.frame("ping");
    clock.pass(5);
    assert.equal(client.snapshot.status, "waiting", "nothing came back: the connection is dead");
  } finally {
    client.stop();
    await server.stop();
  }
});
