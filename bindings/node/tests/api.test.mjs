// Routes, results, errors and groups, as a program uses them, in process and over a socket.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";

import { HttpProblem, redirect, reply, RouteError, Spikard, TestClient } from "@spikard/node";

import { quiet } from "./quiet.mjs";

const BOOK = {
  type: "object",
  properties: { title: { type: "string" }, pages: { type: "integer" } },
  required: ["title"],
};

function application() {
  const app = new Spikard();
  app.get("/hello", () => ({ message: "Hello, World!" }));
  app.get("/users/{id:int}", ({ params }) => ({ id: params.id }));
  app.get("/users/:id/name", ({ params }) => `user ${params.id}`);
  app.get(
    "/search",
    {
      query: {
        type: "object",
        properties: {
          q: { type: "string" },
          limit: { type: "integer", default: 10 },
          tags: { type: "array", items: { type: "string" } },
        },
        required: ["q"],
      },
    },
    ({ query }) => query,
  );
  app.get("/loose", ({ query }) => query);
  app.post("/books", { body: BOOK }, ({ body }) =>
    reply(body, { statusCode: 201, headers: { location: `/books/${body.title}` } }),
  );
  app.post("/any", ({ body }) => ({ kind: Buffer.isBuffer(body) ? "bytes" : typeof body, body }));
  app.get("/later", async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return [1, 2, 3];
  });
  app.get("/nothing", () => undefined);
  app.get("/bytes", () => new Uint8Array([1, 2, 255]));
  app.get("/platform", () => Response.json({ ok: true }, { status: 202, headers: { "x-a": "b" } }));
  app.get("/away", () => redirect("/hello", { statusCode: 303 }));
  app.get("/cookie", () => reply("ok").setCookie("a", "b", { httpOnly: true, maxAge: 60 }));
  app.get("/throws", () => {
    throw new Error("a secret");
  });
  app.get("/rejects", async () => {
    throw new Error("a secret");
  });
  app.get("/problem", async () => {
    throw new HttpProblem(404, { detail: "No such user", userId: 7 });
  });
  app.get("/cyclic", () => {
    const value = {};
    value.self = value;
    return value;
  });
  app.get("/headers", ({ headers, cookies }) => ({ agent: headers["user-agent"], cookies }));
  app.get("/about", (request) => ({
    method: request.method,
    path: request.path,
    queryString: request.queryString,
    url: request.url,
    route: request.route,
    version: request.httpVersion,
  }));
  return app;
}

for (const transport of ["inject", "socket"]) {
  describe(`over ${transport}`, () => {
    const client = new TestClient(application(), { transport });
    after(() => client.close());
    const json = async (path) => (await client.get(path)).json();

    test("results become replies", async () => {
      const hello = await client.get("/hello");
      assert.equal(hello.statusCode, 200);
      assert.equal(hello.headers.get("content-type"), "application/json");
      assert.equal(hello.text(), '{"message":"Hello, World!"}');
      assert.deepEqual(await json("/later"), [1, 2, 3]);
      assert.equal(await json("/nothing"), null);
      const text = await client.get("/users/7/name");
      assert.equal(text.text(), "user 7");
      assert.equal(text.headers.get("content-type"), "text/plain; charset=utf-8");
      assert.deepEqual([...(await client.get("/bytes")).bytes()], [1, 2, 255]);
    });

    test("responses set status and headers", async () => {
      const made = await client.post("/books", { json: { title: "a", pages: 3 } });
      assert.equal(made.statusCode, 201);
      assert.equal(made.headers.get("Location"), "/books/a");
      const platform = await client.get("/platform");
      assert.deepEqual([platform.statusCode, platform.json()], [202, { ok: true }]);
      assert.equal(platform.headers.get("x-a"), "b");
      const away = await client.get("/away");
      assert.deepEqual([away.statusCode, away.headers.get("location")], [303, "/hello"]);
      const cookie = await client.get("/cookie");
      assert.equal(cookie.headers.get("set-cookie"), "a=b; Max-Age=60; Path=/; HttpOnly");
    });

    test("parameters are converted and judged", async () => {
      assert.deepEqual(await json("/users/42"), { id: 42 });
      assert.equal((await client.get("/users/x")).statusCode, 422);
      const found = await client.get("/search", { params: { q: "x", tags: ["a", "b"] } });
      assert.deepEqual(found.json(), { q: "x", limit: 10, tags: ["a", "b"] });
      const missing = await client.get("/search");
      assert.deepEqual(missing.json().errors[0].loc, ["query", "q"]);
      assert.deepEqual(await json("/loose?a=1&a=2&b=%C3%A4"), { a: ["1", "2"], b: "ä" });
    });

    test("bodies are read as they are sent", async () => {
      const refused = await client.post("/books", { json: { pages: "x" } });
      assert.equal(refused.statusCode, 422);
      assert.equal(refused.json().errors.length, 2);
      const kind = async (init) => (await client.post("/any", init)).json();
      assert.deepEqual(await kind({ json: { a: 1 } }), { kind: "object", body: { a: 1 } });
      assert.deepEqual(await kind({ data: { a: "1" } }), { kind: "object", body: { a: "1" } });
      const plain = { data: "hi", headers: { "content-type": "text/plain" } };
      assert.deepEqual(await kind(plain), { kind: "string", body: "hi" });
      assert.deepEqual(await kind({}), { kind: "undefined" });
      const broken = { data: "{", headers: { "content-type": "application/json" } };
      assert.equal((await client.post("/any", broken)).statusCode, 400);
    });

    test("what is thrown is a 500 that tells nothing, or its problem", async () => {
      const lines = await quiet(async () => {
        for (const path of ["/throws", "/rejects", "/cyclic"]) {
          const failed = await client.get(path);
          assert.equal(failed.statusCode, 500, path);
          assert.ok(!failed.text().includes("secret"));
        }
      });
      assert.equal(lines.length, 3);
      assert.match(lines[0], /GET \/throws failed in \/throws \[.+\]: Error: a secret\n +at /);
      assert.match(lines[1], /Error: a secret\n +at .*api\.test\.mjs/);
      const problem = await client.get("/problem");
      assert.equal(problem.statusCode, 404);
      assert.equal(problem.json().detail, "No such user");
      assert.equal(problem.json().userId, 7);
    });

    test("a request tells what was sent", async () => {
      const sent = { headers: { "User-Agent": "me" }, cookies: { a: "1", b: "2" } };
      const read = (await client.get("/headers", sent)).json();
      assert.deepEqual(read, { agent: "me", cookies: { a: "1", b: "2" } });
      const about = (await client.get("/about?x=%20")).json();
      assert.equal(about.url, "http://localhost/about?x=%20");
      assert.equal(about.route, "/about");
      assert.equal(about.method, "GET");
    });
  });
}

test("a route that cannot be served is refused where it is registered", () => {
  const app = new Spikard();
  assert.throws(() => app.get("no-slash", () => 1), RouteError);
  assert.throws(() => app.get("/x"), RouteError);
  assert.throws(() => app.get("/x", {}, 7), RouteError);
  app.get("/twice", () => 1);
  assert.throws(() => app.get("/twice", () => 2), RouteError);
});

test("a misspelt option is refused with the nearest that there is", () => {
  const app = new Spikard();
  const refused = (register, words) => {
    assert.throws(register, (error) => {
      assert.ok(error instanceof RouteError, error);
      assert.match(error.message, words);
      return true;
    });
  };
  const route = (options) => () => app.get("/typo", options, () => 1);
  refused(
    route({ requestTimout: 1 }),
    /^GET \/typo: .* no option "requestTimout"; .*"requestTimeout"/,
  );
  refused(route({ auht: "jwt" }), /did you mean "auth"\?/);
  refused(route({ max_body_size: 1 }), /did you mean "maxBodySize"\?/);
  refused(route({ zzzzzz: 1 }), /; there are auth, body, /);
  refused(
    () => app.addRoute({ method: "get", path: "/typo", rateLimt: {} }, () => 1),
    /did you mean "rateLimit"\?/,
  );
  refused(
    () => app.register(() => {}, { prefix: "/u", atuh: "jwt" }),
    /a group has no option "atuh"; did you mean "auth"\?/,
  );
  refused(() => app.register((group) => group.register(() => {}, { tag: ["a"] })), /"tags"/);
  refused(() => app.register((group) => group.get("/", { auht: "jwt" }, () => 1)), /"auth"/);
  assert.deepEqual(app.routes, []);
});

test("requests reach what the start has left in the application", async () => {
  const app = new Spikard();
  app.onReady(async () => {
    app.state.pool = "a pool";
  });
  app.onRequest(({ state, appState }) => {
    state.seen = appState.pool;
  });
  app.get("/", ({ app: own, appState, state }) => [own === app, appState.pool, state.seen]);
  const client = new TestClient(app);
  assert.deepEqual((await client.get("/")).json(), [true, "a pool", "a pool"]);
  await client.close();
});

test("groups have a prefix, hooks and settings", async () => {
  const app = new Spikard();
  app.register(
    (users) => {
      users.preHandler(({ state }) => {
        state.who = "group";
      });
      users.get("", ({ state }) => state);
      users.register((inner) => inner.get("/{id:int}", ({ params }) => params), {
        prefix: "/inner",
      });
    },
    { prefix: "/users", responseHeaders: { "x-group": "users" } },
  );
  app.get("/outside", ({ state }) => state);
  const client = new TestClient(app);
  const inside = await client.get("/users");
  assert.deepEqual(inside.json(), { who: "group" });
  assert.equal(inside.headers.get("x-group"), "users");
  assert.deepEqual((await client.get("/users/inner/3")).json(), { id: 3 });
  assert.deepEqual((await client.get("/outside")).json(), {});
  await client.close();
});

test("hooks see requests and replies, and error handlers what is thrown", async () => {
  class Missing extends Error {}
  const app = new Spikard();
  app.onRequest(({ headers }) => headers.set("x-seen", "yes"));
  app.onResponse((made) => made.headers.append("x-hook", "1"));
  app.onError(async (made) => {
    made.headers.append("x-error", made.error.constructor.name);
  });
  app.setErrorHandler(Missing, (error) => reply({ missing: error.message }, { statusCode: 410 }));
  app.get("/seen", ({ headers }) => headers["x-seen"]);
  app.get("/missing", async () => {
    throw new Missing("it");
  });
  app.get("/blocked", () => "never");
  app.preHandler(({ path }) =>
    path === "/blocked" ? reply("no", { statusCode: 403 }) : undefined,
  );
  const client = new TestClient(app);
  const seen = await client.get("/seen");
  assert.deepEqual([seen.text(), seen.headers.get("x-hook")], ["yes", "1"]);
  const missing = await client.get("/missing");
  assert.deepEqual([missing.statusCode, missing.json()], [410, { missing: "it" }]);
  assert.equal(missing.headers.get("x-error"), "Missing");
  assert.equal((await client.get("/blocked")).statusCode, 403);
  const none = await client.get("/none");
  assert.deepEqual([none.statusCode, none.headers.get("x-error")], [404, "HttpProblem"]);
  await client.close();
});

test("files are read as bytes and as a stream, spooled or not", async () => {
  const app = new Spikard({ spoolThreshold: 1000 });
  app.post("/up", { files: { f: { multiple: true } } }, async ({ files, body }) => {
    const sizes = [];
    for (const file of files) {
      let streamed = 0;
      for await (const piece of file.stream()) {
        streamed += piece.length;
      }
      sizes.push([file.filename, file.isSpooled, file.bytes().length, streamed]);
    }
    return { sizes, body };
  });
  const client = new TestClient(app);
  const sent = await client.post("/up", {
    data: { note: "hi" },
    files: {
      f: [
        { content: "small", filename: "a.txt", contentType: "text/plain" },
        { content: Buffer.alloc(200_000, 7), filename: "b.bin" },
      ],
    },
  });
  assert.deepEqual(sent.json(), {
    sizes: [
      ["a.txt", false, 5, 5],
      ["b.bin", true, 200_000, 200_000],
    ],
    body: { note: "hi" },
  });
  await client.close();
});
