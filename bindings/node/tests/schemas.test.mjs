// Schemas of each kind, and routes that are described by an object.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Route, RouteError, Spikard, TestClient } from "@spikard/node";
import { Type } from "@sinclair/typebox";
import { z } from "zod";

import { quiet } from "./quiet.mjs";

/** Runs a test with a client of an application. */
async function using(define, act) {
  const app = new Spikard();
  define(app);
  const client = new TestClient(app);
  try {
    await act(client);
  } finally {
    await client.close();
  }
}

const echo = ({ body, query, params }) => ({ body, query, params });

test("zod, TypeBox and JSON Schema judge alike", async () => {
  const schemas = {
    zod: z.object({ name: z.string().min(2), age: z.number().int().optional() }),
    typebox: Type.Object({
      name: Type.String({ minLength: 2 }),
      age: Type.Optional(Type.Integer()),
    }),
    json: {
      type: "object",
      properties: { name: { type: "string", minLength: 2 }, age: { type: "integer" } },
      required: ["name"],
    },
  };
  for (const [kind, body] of Object.entries(schemas)) {
    await using(
      (app) => app.post("/", { body }, echo),
      async (client) => {
        const good = await client.post("/", { json: { name: "Ada", age: 36 } });
        assert.deepEqual(good.json().body, { name: "Ada", age: 36 }, kind);
        const bad = await client.post("/", { json: { name: "A", age: "x" } });
        assert.equal(bad.statusCode, 422, kind);
        const types = bad.json().errors.map(({ type }) => type);
        assert.deepEqual(types.sort(), ["int_parsing", "string_too_short"], kind);
      },
    );
  }
});

test("schemas of parameters convert, and have defaults", async () => {
  await using(
    (app) => {
      app.get("/coerced", { query: z.object({ q: z.string().default("none") }) }, echo);
      app.get("/:id", { params: Type.Object({ id: Type.Integer({ minimum: 1 }) }) }, echo);
      assert.throws(
        () => app.get("/x/:id", { params: Type.Object({ no: Type.String() }) }, echo),
        RouteError,
      );
      assert.throws(() => app.get("/list", { query: Type.Array(Type.String()) }, echo), RouteError);
      assert.throws(() => app.get("/none", { query: "text" }, echo), RouteError);
      assert.throws(
        () => app.get("/three", { query: { _def: {}, safeParse() {} } }, echo),
        /zod 3/,
      );
    },
    async (client) => {
      assert.deepEqual((await client.get("/coerced")).json().query, { q: "none" });
      assert.deepEqual((await client.get("/7")).json().params, { id: 7 });
      assert.equal((await client.get("/0")).statusCode, 422);
    },
  );
});

test("replies are judged where the route says so", async () => {
  await using(
    (app) => {
      const response = z.object({ id: z.number() });
      app.get("/good", { response, responseValidation: "error" }, () => ({ id: 1 }));
      app.get("/bad", { response, responseValidation: "error" }, () => ({ id: "one" }));
    },
    async (client) => {
      assert.equal((await client.get("/good")).statusCode, 200);
      const lines = await quiet(async () => {
        assert.equal((await client.get("/bad")).statusCode, 500);
      });
      assert.match(lines[0], /body\.id/);
    },
  );
});

test("routes may be described by an object, or by a document", async () => {
  await using(
    (app) => {
      app.addRoute(
        {
          method: "post",
          path: "/described/:id",
          handler_name: "described",
          request_schema: { type: "object", required: ["a"] },
          is_async: false,
        },
        echo,
      );
      const parameters = [{ name: "n", source: "query", schema: { type: "integer" } }];
      app.add(
        new Route({ methods: ["GET"], path: "/document", parameters }, ({ values }) => values),
      );
      assert.deepEqual(
        app.routes.map(({ document }) => document.name),
        ["described", "handler"],
      );
    },
    async (client) => {
      const made = await client.post("/described/1", { json: { a: 1 } });
      assert.deepEqual(made.json(), { body: { a: 1 }, query: {}, params: { id: "1" } });
      assert.equal((await client.post("/described/1", { json: {} })).statusCode, 422);
      assert.deepEqual((await client.get("/document?n=3")).json(), { n: 3 });
    },
  );
});
