// Runs in the container, as the installer's user: what relay_inside.py does, for images that have Node and no Python. See there.
"use strict";
const net = require("node:net");

const [OPEN, DATA, CLOSE, TAKEN] = [0, 1, 2, 3];
const HEAD = 9; // bytes: kind, connection, length
const WINDOW = 256 * 1024;
const PIECE = 64 * 1024; // Node hands over no more than this at a time

const connections = new Map();
let count = 0;

function post(kind, number, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(HEAD);
  head.writeUInt8(kind, 0);
  head.writeUInt32BE(number, 1);
  head.writeUInt32BE(payload.length, 5);
  process.stdout.write(Buffer.concat([head, payload]));
}

function accept(socket) {
  const number = ++count;
  const connection = { socket, credit: WINDOW };
  connections.set(number, connection);
  post(OPEN, number);
  socket.on("data", (data) => {
    connection.credit -= data.length;
    post(DATA, number, data);
    if (connection.credit < PIECE) socket.pause();
  });
  socket.on("end", () => post(CLOSE, number));
  socket.on("error", () => post(CLOSE, number));
  socket.on("close", () => connections.delete(number));
}

function handle(kind, number, payload) {
  const connection = connections.get(number);
  if (connection === undefined) return; // it has been closed here meanwhile
  if (kind === TAKEN) {
    connection.credit += payload.readUInt32BE(0);
    if (connection.credit >= PIECE) connection.socket.resume();
  } else if (kind === DATA) {
    connection.socket.write(payload, (error) => {
      if (error) return;
      const taken = Buffer.alloc(4);
      taken.writeUInt32BE(payload.length, 0);
      post(TAKEN, number, taken);
    });
  } else {
    connection.socket.end();
  }
}

let waiting = Buffer.alloc(0);
process.stdin.on("data", (data) => {
  waiting = Buffer.concat([waiting, data]);
  while (waiting.length >= HEAD && waiting.length >= HEAD + waiting.readUInt32BE(5)) {
    const end = HEAD + waiting.readUInt32BE(5);
    handle(waiting.readUInt8(0), waiting.readUInt32BE(1), waiting.subarray(HEAD, end));
    waiting = waiting.subarray(end);
  }
});
process.stdin.on("end", () => process.exit(0)); // the other side hung up

const server = net.createServer({ allowHalfOpen: true }, accept);
server.listen(0, "127.0.0.1", () => post(OPEN, server.address().port));
