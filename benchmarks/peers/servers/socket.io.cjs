// A channel server on Socket.IO and `redis`: each socket joins the room ?id=CHANNEL. node socket.io.cjs PORT REDIS_URL
"use strict";
const http = require("node:http");
const { Server } = require("socket.io");
const { createClient } = require("redis");

const [port, url] = process.argv.slice(2);
const server = http.createServer();
const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false });
const subscribed = new Set();
const subscriber = createClient({ url });

io.use(async (socket, next) => {
  const channel = socket.handshake.query.id;
  socket.join(channel);
  if (!subscribed.has(channel)) {
    subscribed.add(channel);
    await subscriber.subscribe(channel, (message) => io.to(channel).emit("item", JSON.parse(message)));
  }
  next();
});

subscriber.connect().then(() => server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 }));
