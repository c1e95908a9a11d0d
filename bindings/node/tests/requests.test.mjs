// What clients of several kinds get, and what one request can see of another.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { connect } from "node:net";
import { after, describe, test } from "node:test";

import { Spikard, TestClient } from "@spikard/node";
import { Pool } from "undici";

import { quiet } from "./quiet.mjs";

const storage = new AsyncLocalStorage();
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Serves until the tests of the group are over. */
async function serve(define, config = {}) {
  const app = new Spikard();
  define(app);
  let port;
  await quiet(async () => {
    ({ port } = await app.listen({ port: 0, ...config }));
  });
  return { port, url: (path) => `http://127.0.0.1:${port}${path}`, close: () => app.close(true) };
}

/** Sends bytes on a connection of their own, and returns all that comes until it ends. */
function raw(port, bytes) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let data = "";
    socket.setEncoding("latin1").on("data", (text) => (data += text));
    socket.on("end", () => resolve(data)).on("error", reject);
    socket.write(bytes);
  });
}

const get = (path, close = false) =>
  `GET ${path} HTTP/1.1\r\nhost: a\r\n${close ? "connection: close\r\n" : ""}\r\n`;

describe("contexts", () => {
  test("no request sees what another has entered, nor what came after the start", async () => {
    const contexts = (app) => {
      app.get("/enter", () => {
        const before = storage.getStore();
        storage.enterWith("of a request");
        return before;
      });
      app.get("/enter-later", async () => {
        await null;
        const before = storage.getStore();
        storage.enterWith("of a request");
        await null;
        return before;
      });
      app.get("/run", () => storage.run("inside", async () => (await null, storage.getStore())));
    };
    const server = await storage.run("at start", () => serve(contexts));
    storage.enterWith("after start");
    const paths = ["/enter", "/enter-later", "/run", "/enter", "/enter-later", "/enter"];
    const requests = paths.map((path, at) => get(path, at === paths.length - 1)).join("");
    const replies = await raw(server.port, requests);
    const bodies = replies.split(/HTTP\/1\.1 200 OK/).slice(1);
    const texts = bodies.map((reply) => reply.split("\r\n\r\n")[1]);
    const start = "at start";
    assert.deepEqual(texts, [start, start, "inside", start, start, start]);
    await server.close();
  });

  test("hooks and the handler of one request share a context, and no other does", async () => {
    const server = await storage.run(undefined, () =>
      serve((app) => {
        app.onRequest(({ path }) => storage.enterWith(`hook of ${path}`));
        app.preHandler(async () => {
          await wait(1);
        });
        app.get("/a", () => storage.getStore());
        app.get("/b", () => storage.getStore());
      }),
    );
    const both = await Promise.all(
      ["/a", "/b"].map(async (path) => (await fetch(server.url(path))).text()),
    );
    assert.deepEqual(both, ["hook of /a", "hook of /b"]);
    await server.close();
  });
});

describe("clients", async () => {
  const server = await serve(
    (app) => {
      app.get("/hello", () => ({ message: "Hello, World!" }));
      app.get("/later", async () => (await wait(2), { late: true }));
      app.post("/echo", { media: "bytes" }, ({ body }) => body);
      app.get("/never", ({ signal }) => {
        signal.addEventListener("abort", () => (aborted += 1));
        return new Promise(() => {});
      });
      app.get("/late", async () => (await wait(400), "too late"));
    },
    { requestTimeout: 0.2, maxBodySize: 20_000_000 },
  );
  let aborted = 0;
  after(() => server.close());

  test("pipelined requests are answered in order, whichever is ready first", async () => {
    const paths = ["/later", "/hello", "/later", "/hello", "/hello"];
    const requests = paths.map((path, at) => get(path, at === paths.length - 1)).join("");
    const replies = await raw(server.port, requests);
    const found = replies.match(/\{.*?\}/g);
    const [late, hello] = ['{"late":true}', '{"message":"Hello, World!"}'];
    assert.deepEqual(found, [late, hello, late, hello, hello]);
  });

  test("undici pipelines on few connections", async () => {
    const pool = new Pool(server.url(""), { connections: 4, pipelining: 8 });
    const replies = await Promise.all(
      Array.from({ length: 400 }, async (_, at) => {
        const { statusCode, body } = await pool.request({
          method: "GET",
          path: at % 3 === 0 ? "/later" : "/hello",
        });
        return [statusCode, Object.keys(await body.json())[0]];
      }),
    );
    for (const [at, reply] of replies.entries()) {
      assert.deepEqual(reply, [200, at % 3 === 0 ? "late" : "message"]);
    }
    await pool.close();
  });

  test("bodies of megabytes go both ways", async () => {
    const body = Buffer.alloc(9_000_000, "spikard ");
    const reply = await fetch(server.url("/echo"), { method: "POST", body });
    assert.ok(Buffer.from(await reply.arrayBuffer()).equals(body));
  });

  test("a handler that never answers is a 504, and is told", async () => {
    const lines = [];
    await quiet(async () => {
      const replies = await Promise.all([
        fetch(server.url("/never")),
        fetch(server.url("/late")),
        fetch(server.url("/never")),
      ]);
      lines.push(...replies.map(({ status }) => status));
      await wait(300);
    });
    assert.deepEqual(lines, [504, 504, 504]);
    assert.equal(aborted, 2);
    assert.equal((await fetch(server.url("/hello"))).status, 200);
  });

  test("timers go on ticking beside many requests", async () => {
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 5);
    const many = get("/hello").repeat(499) + get("/hello", true);
    for (let round = 0; round < 4; round += 1) {
      await raw(server.port, many);
    }
    const began = performance.now();
    await wait(50);
    assert.ok(performance.now() - began < 500);
    clearInterval(timer);
    assert.ok(ticks >= 5, `${ticks} ticks`);
  });
});

test("what was not read of a request is gone with its answer, what was read is not", async () => {
  let kept;
  const app = new Spikard();
  app.post("/", (request) => {
    kept = request;
    return { known: request.headers["x-known"], body: request.body };
  });
  const client = new TestClient(app);
  await client.post("/", { json: { a: 1 }, headers: { "x-known": "yes" } });
  assert.equal(kept.headers["x-known"], "yes");
  assert.deepEqual(kept.body, { a: 1 });
  assert.throws(() => kept.path, /the request is answered/);
  assert.throws(() => kept.rawBody, /the request is answered/);
  await client.post("/", { json: { a: 2 } });
  assert.throws(() => kept.method, /the request is answered/);
  await client.close();
});

test("a client that leaves does not disturb the others", async () => {
  let finished = 0;
  const server = await serve((app) => {
    app.get("/slow", async () => {
      await wait(50);
      finished += 1;
      return "done";
    });
  });
  const sockets = Array.from({ length: 20 }, () => {
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(get("/slow"));
    return socket;
  });
  await wait(25);
  for (const socket of sockets) {
    socket.destroy();
  }
  assert.equal(await (await fetch(server.url("/slow"))).text(), "done");
  await wait(60);
  assert.equal(finished, 21);
  await server.close();
});
