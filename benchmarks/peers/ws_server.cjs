// A channel server on `ws`: sockets on /sub?id=CHANNEL, POST /pub?id=CHANNEL sends its body to them. node ws_server.cjs PORT
"use strict";
const http = require("node:http");
const { WebSocketServer } = require("ws");

const channels = new Map();
const channelOf = (request) => new URL(request.url, "http://localhost").searchParams.get("id");

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const message = Buffer.concat(parts);
    for (const socket of channels.get(channelOf(request)) ?? []) socket.send(message, { binary: false });
    response.writeHead(202, { "Content-Length": 0 }).end();
  });
});

new WebSocketServer({ server, perMessageDeflate: false }).on("connection", (socket, request) => {
  const channel = channelOf(request);
  if (!channels.has(channel)) channels.set(channel, new Set());
  channels.get(channel).add(socket);
  socket.on("close", () => channels.get(channel).delete(socket));
});

server.keepAliveTimeout = 0;
server.listen(Number(process.argv[2]), "127.0.0.1");
