// The Node application under load: the routes of `apps/rust/server.rs`, and a look inside.
//
// PORT, ENGINE (`auto`, `io_uring`, `epoll`) and CONFIG (further settings, as JSON) come from the
// environment; there is one worker, because the scripts compare what one core does.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { Spikard } from "../../../bindings/node/index.mjs";

const BIG = Array.from({ length: 280 }, (_, each) => ({
  id: each,
  name: `User ${each}`,
  email: `user${each}@example.com`,
  score: (each * 37) % 101,
}));

const ORDER = JSON.parse(readFileSync(new URL("../order.json", import.meta.url), "utf8"));
const SEARCH = {
  type: "object",
  required: ["term", "limit", "offset", "price", "in_stock"],
  properties: {
    term: { type: "string" },
    limit: { type: "integer" },
    offset: { type: "integer" },
    price: { type: "number" },
    in_stock: { type: "boolean" },
  },
};

const app = new Spikard();
app.get("/hello", async () => ({ message: "Hello, World!" }));
app.get("/sync", () => ({ message: "Hello, World!" }));
app.get("/users/{user_id:int}", ({ params }) => ({
  id: params.user_id,
  name: `User ${params.user_id}`,
}));
app.get("/wait/{milliseconds:int}", async ({ params }) => {
  await sleep(params.milliseconds);
  return { waited: params.milliseconds };
});
app.get("/block/{milliseconds:int}", ({ params }) => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, params.milliseconds);
  return { waited: params.milliseconds };
});
app.get("/search", { query: SEARCH }, ({ query }) => query);
app.get("/big", () => BIG);
app.post("/orders", { body: ORDER }, ({ body }) => ({
  id: body.id,
  lines: body.lines.length,
  first: body.lines[0].sku,
}));
app.post("/length", { media: "bytes" }, ({ body }) => ({ bytes: body.length }));
app.post("/upload", { files: { file: {} } }, async ({ files: [file] }) => {
  let bytes = 0;
  for await (const piece of file.chunks()) {
    bytes += piece.length;
  }
  return { name: file.filename, bytes };
});

await app.run({
  host: "127.0.0.1",
  port: Number(process.env.PORT ?? 8000),
  engine: process.env.ENGINE ?? "auto",
  workers: 1,
  ...JSON.parse(process.env.CONFIG ?? "{}"),
});
