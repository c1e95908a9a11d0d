// A peer: Node's own server with the same reply. PORT comes from the environment.
"use strict";

const { createServer } = require("node:http");

createServer((_, reply) => {
  const body = JSON.stringify({ message: "Hello, World!" });
  reply.writeHead(200, { "content-type": "application/json", "content-length": body.length });
  reply.end(body);
}).listen(Number(process.env.PORT), "127.0.0.1");
