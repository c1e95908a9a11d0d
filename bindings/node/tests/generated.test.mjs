// What is generated from the engine's contract: config names, hooks, problem types, numbers.
//
// The names that a program writes and the document that the engine reads are two spellings of one
// list; here the one is turned into the other and back.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { fromDocument, toDocument } from "../dist/_generated/config.js";
import { PHASES, PHASE_KEYS } from "../dist/_generated/hooks.js";
import { PROBLEMS, PROBLEM_TYPE_PREFIX } from "../dist/_generated/problems.js";
import { SPK_EVENT_CALL, SPK_OK } from "../dist/_generated/status.js";

const data = (path) =>
  JSON.parse(readFileSync(new URL(`../../../testing_data/${path}`, import.meta.url), "utf8"));

test("accepted documents come back as they were", () => {
  for (const { name, config } of data("config/accepted.json")) {
    assert.deepEqual(toDocument(fromDocument(config)), config, name);
  }
});

test("every key of the schema has a name, also in config objects of their own", () => {
  const schema = data("schema/config.json");
  for (const [record, { properties }] of [
    ["ServerConfig", schema],
    ...Object.entries(schema.$defs),
  ]) {
    const document = Object.fromEntries(Object.keys(properties).map((key) => [key, null]));
    const config = fromDocument(document, record);
    assert.ok(
      Object.keys(config).every((name) => /^[a-z][A-Za-z0-9]*$/.test(name)),
      record,
    );
    assert.deepEqual(toDocument(config, record), document, record);
  }
});

test("nested objects are translated, and what a user names is left alone", () => {
  const config = {
    maxBodySize: null,
    cors: { allowedOrigins: ["*"], maxAge: 5 },
    staticFiles: [{ directory: "public", routePrefix: "/" }],
    jwtAuth: { jwks: { keys: [{ maxAge: 1 }] } },
    workers: undefined,
  };
  assert.deepEqual(toDocument(config), {
    max_body_size: null,
    cors: { allowed_origins: ["*"], max_age: 5 },
    static_files: [{ directory: "public", route_prefix: "/" }],
    jwt_auth: { jwks: { keys: [{ maxAge: 1 }] } },
  });
});

test("unknown keys are named, with the spelling that was meant", () => {
  const refused = (config, message) =>
    assert.throws(() => toDocument(config), { name: "TypeError", message });
  refused({ hots: "::" }, "config: /hots is no key of ServerConfig");
  refused(
    { max_body_size: 1 },
    "config: /max_body_size is no key of ServerConfig; it is spelled maxBodySize",
  );
  refused(
    { staticFiles: [{ dir: "x" }] },
    "config: /staticFiles/0/dir is no key of StaticFilesConfig",
  );
  refused({ constructor: 1 }, "config: /constructor is no key of ServerConfig");
  assert.throws(() => fromDocument({ maxBodySize: 1 }), /\/maxBodySize is no key of ServerConfig/);
});

test("hooks, problems and numbers are the engine's", () => {
  assert.deepEqual(PHASES, Object.keys(PHASE_KEYS));
  assert.equal(PHASE_KEYS.preHandler, "pre_handler");
  assert.equal(PROBLEMS.find(({ status }) => status === 404)?.slug, "not-found");
  assert.equal(PROBLEM_TYPE_PREFIX, "https://spikard.dev/errors/");
  assert.deepEqual([SPK_OK, SPK_EVENT_CALL], [0, 1]);
});
