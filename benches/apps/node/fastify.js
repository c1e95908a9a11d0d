// A peer: Fastify with the same replies, and the same schema for orders. PORT comes from the
// environment, and Fastify from `benches/apps/node/node_modules`, where `npm install` puts it.
"use strict";

const fastify = require("fastify")();
const order = require("../order.json");

fastify.get("/hello", async () => ({ message: "Hello, World!" }));
fastify.get("/sync", (_, reply) => reply.send({ message: "Hello, World!" }));
fastify.post("/orders", { schema: { body: order } }, async ({ body }) => ({
  id: body.id,
  lines: body.lines.length,
  first: body.lines[0].sku,
}));
fastify.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
