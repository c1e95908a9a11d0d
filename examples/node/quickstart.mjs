// The first program of the manual: two routes, four workers, compression and a rate limit.
//
// Run it with `node examples/node/quickstart.mjs` after `scripts/build_node.sh`, or on another port
// with `PORT=9000 ./taskw demo:node`.

import { Spikard } from "@spikard/node";

// Create a simple API
const app = new Spikard();

app.get("/hello", () => ({ message: "Hello, World!" }));

app.get("/users/{user_id:int}", ({ params }) => ({
  id: params.user_id,
  name: `User ${params.user_id}`,
}));

// Configure server with middleware, and run it
await app.run({
  host: "0.0.0.0",
  port: Number(process.env.PORT ?? 8080),
  workers: 4,
  compression: { gzip: true, brotli: true, quality: 9 },
  rateLimit: { perSecond: 100, burst: 200, ipBased: true },
  enableRequestId: true,
  gracefulShutdown: true,
});
