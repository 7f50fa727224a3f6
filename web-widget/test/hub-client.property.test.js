/**
 * Two whole clients over real sockets, random schedules: published, marked, lost, cut off, restored, paged in between.
 * When it is quiet, both show what the hub lists.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HubStore } from "../src/hub-store.js";
import { ModelHub, Session } from "./model-hub.js";
import { ScriptedServer, Socket, until } from "./scripted-server.js";

/** @import { Mark, MarkAction } from "../src/hub-state.js" */
/** @import { Connection } from "./scripted-server.js" */

/** A model hub that answers on the sockets and requests of a scripted server until it is stopped. */
class LiveHub {
  model = new ModelHub(3);
  /** How many of the next live frames get lost on their way. */
  losing = 0;
  /** @type {Set<Connection>} */
  connections = new Set();
  #running = true;

  /** @param {ScriptedServer} server */
  constructor(server) {
    this.server = server;
    void this.#takeConnections();
    void this.#takeRequests();
  }

  stop() {
    this.#running = false;
  }

  /** @param {number} code */
  cut(code) {
    const [connection] = this.connections;
    if (!connection) return;
    this.connections.delete(connection);
    if (code === 1006) connection.socket.terminate();
    else connection.close(code, '{"retry_after_seconds": 0}');
  }

  async #takeConnections() {
    while (this.#running) {
      const connection = await this.server.connections.next().catch(() => null);
      if (connection) void this.#serve(connection);
    }
  }

  /** @param {Connection} connection */
  async #serve(connection) {
    this.connections.add(connection);
    const session = new Session(this.model, {
      send: (frame) => {
        const live = frame.type === "item" || frame.type === "update" || frame.type === "removed";
        if (live && this.losing > 0) this.losing -= 1;
        else if (connection.socket.readyState === 1) connection.send(frame);
      },
      close: () => connection.close(1012),
    });
    connection.socket.on("close", () => {
      this.connections.delete(connection);
      this.model.sessions.delete(session);
    });
    connection.socket.on("message", async (data) => {
      session.receive(JSON.parse(String(data)));
      while (session.step()) await new Promise((resolve) => setImmediate(resolve));
    });
  }

  async #takeRequests() {
    while (this.#running) {
      const request = await this.server.requests.next().catch(() => null);
      if (!request) continue;
      const page = this.model.page(request.url.searchParams.get("cursor"));
      setImmediate(() => setImmediate(() => request.answer(200, page)));
    }
  }
}

const ACTIONS = /** @type {MarkAction[]} */ (["seen", "read", "unread", "archive", "pin", "unpin", "click", "delete"]);
const WHAT = [
  "publish",
  "publish",
  "publish",
  "mark",
  "mark",
  "markAll",
  "seen",
  "older",
  "lose",
  "cut",
  "cut",
  "restore",
  "turn",
  "turn",
];
const step = fc.record({ what: fc.constantFrom(...WHAT), which: fc.nat(1), pick: fc.nat(20) });

test("over real sockets, too, both clients end with exactly what the hub lists", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: "max" }), async (steps) => {
      const server = await ScriptedServer.start();
      const live = new LiveHub(server);
      const hub = live.model;
      const clients = [0, 1].map(() => {
        const options = { url: server.url, getToken: () => "secret", WebSocket: Socket, random: () => 0 };
        const client = new HubStore({ ...options, transport: "websocket" });
        client.start();
        return client;
      });
      /** @type {Promise<unknown>[]} */
      const marked = [];
      for (const { what, which, pick } of steps) {
        const client = /** @type {HubStore} */ (clients[which]);
        const { items, ready } = client.snapshot;
        const action = /** @type {MarkAction} */ (ACTIONS[pick % ACTIONS.length]);
        const id = items[pick % Math.max(1, items.length)]?.id;
        /** @type {Mark | null} */
        const mark = what === "markAll" ? { action, all: true } : what === "mark" && id ? { action, ids: [id] } : null;
        if (what === "publish") hub.publish({ collapse: pick % 3 ? null : "key" });
        else if (mark && ready) marked.push(client.mark(mark).catch((error) => assert.equal(error.code, "reset")));
        else if (what === "seen") client.seen();
        else if (what === "older") marked.push(client.loadOlder());
        else if (what === "lose") live.losing += 1;
        else if (what === "cut") live.cut(pick % 2 ? 1006 : 4000);
        else if (what === "restore" && pick < 3) hub.restore();
        else if (what === "turn")
          for (let turn = 0; turn < pick; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
      live.losing = 0;
      for (const client of clients) await until(() => client.snapshot.status === "live", "live");
      await Promise.all(marked);
      hub.publish();
      for (const client of clients) {
        await until(() => client.snapshot.rev === hub.rev, "the hub's revision");
        while (await client.loadOlder());
        await until(() => client.snapshot.rev === hub.rev, "the hub's revision");
        assert.deepEqual(client.snapshot.items, hub.list());
        assert.deepEqual(client.snapshot.counts, hub.counts());
        client.stop();
      }
      live.stop();
      await server.stop();
    }),
    { numRuns: Number(process.env.HUB_WIDGET_SOCKET_RUNS ?? 30) },
  );
});
