// A channel server on `ws` and `redis`: sockets on /sub?id=CHANNEL hear what is published there. node ws.cjs PORT REDIS_URL
"use strict";
const http = require("node:http");
const { WebSocketServer } = require("ws");
const { createClient } = require("redis");

const [port, url] = process.argv.slice(2);
const channels = new Map();
const subscriber = createClient({ url });
const server = http.createServer();

const forward = (message, channel) => {
  for (const socket of channels.get(channel) ?? []) socket.send(message);
};

new WebSocketServer({ server, perMessageDeflate: false }).on("connection", async (socket, request) => {
  const channel = new URL(request.url, "http://localhost").searchParams.get("id");
  const known = channels.has(channel);
  if (!known) channels.set(channel, new Set());
  channels.get(channel).add(socket);
  socket.on("close", () => channels.get(channel).delete(socket));
  if (!known) await subscriber.subscribe(channel, forward);
  socket.send('{"type":"welcome","rev":0,"cursor":null}');
});

subscriber.connect().then(() => server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 }));
