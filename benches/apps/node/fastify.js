// A peer: Fastify with the same replies, and the same schema for orders. PORT comes from the
// environment, and Fastify from `benches/apps/node/node_modules`, where `npm install` puts it.
"use strict";

const fastify = require("fastify")();

const line = {
  type: "object",
  required: ["sku", "quantity", "price"],
  properties: {
    sku: { type: "string", minLength: 1, maxLength: 20 },
    quantity: { type: "integer", minimum: 1 },
    price: { type: "number", exclusiveMinimum: 0 },
    note: { type: ["string", "null"] },
  },
};
const order = {
  type: "object",
  required: ["id", "customer", "express", "lines"],
  properties: {
    id: { type: "integer" },
    customer: {
      type: "object",
      required: ["name", "email"],
      properties: { name: { type: "string" }, email: { type: "string" } },
    },
    express: { type: "boolean" },
    voucher: { type: ["string", "null"] },
    lines: { type: "array", items: line },
  },
};

fastify.get("/hello", async () => ({ message: "Hello, World!" }));
fastify.get("/sync", (_, reply) => reply.send({ message: "Hello, World!" }));
fastify.post("/orders", { schema: { body: order } }, async ({ body }) => ({
  id: body.id,
  lines: body.lines.length,
  first: body.lines[0].sku,
}));
fastify.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
