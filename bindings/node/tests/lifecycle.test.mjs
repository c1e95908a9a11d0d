// How servers begin and end: in a process of their own, beside other code, as workers of a parent.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { get } from "node:http";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import { AddressInUseError, ConfigError, Spikard } from "@spikard/node";

import { freePort, Program } from "./program.mjs";
import { quiet } from "./quiet.mjs";

const url = (port, path) => `http://127.0.0.1:${port}${path}`;

/** The process that serves a connection of its own. */
async function pid(port) {
  const reply = await new Promise((resolve, reject) => {
    get(url(port, "/pid"), { agent: false }, resolve).on("error", reject);
  });
  return (await reply.toArray()).join("");
}

/** A program that listens, and its port. */
async function listening(options) {
  const program = new Program("served.mjs", options);
  return [program, Number((await program.says(/port (\d+)/))[1])];
}

/** A program that runs workers, and its port. */
async function running(env = {}) {
  const port = await freePort();
  const settings = { TEST_ROLE: "run", TEST_PORT: String(port), ...env };
  return [new Program("served.mjs", { env: settings }), port];
}

test("a listening process stays alive, and ends when it is closed", async () => {
  const [program, port] = await listening();
  assert.equal((await fetch(url(port, "/problem"))).status, 418);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal((await fetch(url(port, "/pid"))).status, 200);
  program.signal("SIGTERM");
  assert.equal(await program.ended(), 0, program.output);
  assert.match(program.output, /closed/);
});

test("what is in hand is finished before the end", async () => {
  const [program, port] = await listening();
  const slow = fetch(url(port, "/slow"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  program.signal("SIGTERM");
  assert.equal(await (await slow).text(), "slow");
  assert.equal(await program.ended(), 0, program.output);
});

for (const [path, code] of [
  ["/exit", 7],
  ["/exit-later", 8],
]) {
  test(`process.exit in a handler ends the process: ${path}`, async () => {
    const [program, port] = await listening();
    await assert.rejects(fetch(url(port, path)));
    assert.equal(await program.ended(), code, program.output);
  });
}

test("what is thrown outside of a request ends the process as Node does", async () => {
  const [program, port] = await listening();
  await fetch(url(port, "/throws-late")).catch(() => undefined);
  assert.equal(await program.ended(), 1);
  assert.match(program.output, /outside of any request/);
});

test("several servers live in one process, one after another and side by side", async () => {
  const apps = ["a", "b"].map((name) => {
    const app = new Spikard();
    app.get("/name", () => name);
    return app;
  });
  await quiet(async () => {
    for (let round = 0; round < 2; round += 1) {
      const ports = [];
      for (const app of apps) {
        ports.push((await app.listen({ port: 0 })).port);
      }
      const names = ports.map(async (port) => (await fetch(url(port, "/name"))).text());
      assert.deepEqual(await Promise.all(names), ["a", "b"]);
      await assert.rejects(apps[0].listen({ port: 0 }), /listens already/);
      await assert.rejects(new Spikard().listen({ port: ports[0] }), AddressInUseError);
      await Promise.all(apps.map((app) => app.close()));
    }
  });
});

test("a server in a worker thread ends with the thread", async () => {
  const source = `
    const { Spikard, setLogger } = require("@spikard/node");
    const { parentPort } = require("node:worker_threads");
    const app = new Spikard();
    const ignore = () => {};
    setLogger({ error: ignore, warn: ignore, info: ignore, debug: ignore });
    app.get("/", () => "thread");
    app.listen({ port: 0 }).then(({ port }) => parentPort.postMessage(port));
  `;
  const worker = new Worker(source, { eval: true });
  const port = await new Promise((resolve, reject) => {
    worker.once("message", resolve).once("error", reject);
  });
  assert.equal(await (await fetch(url(port, "/"))).text(), "thread");
  await worker.terminate();
  await assert.rejects(fetch(url(port, "/")));
});

test("workers serve, restart without a gap, and stop", async () => {
  const [program, port] = await running({ TEST_WORKERS: "2" });
  await program.says(/listening on .*2 workers/);
  const before = await pid(port);
  program.signal("SIGHUP");
  await program.says(/restarted 2 workers/);
  assert.notEqual(await pid(port), before);
  const slow = fetch(url(port, "/slow"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  program.signal("SIGINT");
  assert.equal(await (await slow).text(), "slow");
  assert.equal(await program.ended(), 0, program.output);
  // Two that were restarted, and two that stopped.
  assert.equal(program.output.match(/^closed$/gm)?.length, 4, program.output);
  assert.equal(program.output.match(/^drained$/gm)?.length, 4, program.output);
});

test("a second signal forces the stop", async () => {
  const [program, port] = await running();
  await program.says(/listening on/);
  const never = fetch(url(port, "/never")).catch((error) => error);
  await new Promise((resolve) => setTimeout(resolve, 150));
  program.signal("SIGINT");
  await program.says(/stopping/);
  program.signal("SIGINT");
  assert.equal(await program.ended(), 130, program.output);
  assert.ok((await never) instanceof Error);
});

test("a worker that exits is replaced", async () => {
  const [program, port] = await running();
  await program.says(/listening on/);
  const before = await pid(port);
  await fetch(url(port, "/exit")).catch(() => undefined);
  await program.says(/exited with code 7/);
  assert.notEqual(await pid(port), before);
  program.signal("SIGTERM");
  assert.equal(await program.ended(), 0, program.output);
});

test("a start that fails ends the server, with its stack in the log", async () => {
  const [program] = await running({ TEST_FAILS: "1" });
  assert.equal(await program.ended(), 3, program.output);
  assert.match(program.output, /Error: it cannot start\n +at /);
});

test("a port that is taken ends the server", async () => {
  const [first, port] = await running();
  await first.says(/listening on/);
  const env = { TEST_ROLE: "run", TEST_PORT: String(port) };
  const second = new Program("served.mjs", { env });
  assert.equal(await second.ended(), 2, second.output);
  first.signal("SIGTERM");
  await first.ended();
});

test("a program that cannot be started again serves in its own process", async () => {
  const input = await readFile(new URL("programs/served.mjs", import.meta.url), "utf8");
  const port = await freePort();
  const env = { TEST_ROLE: "run", TEST_PORT: String(port) };
  const args = ["--input-type=module"];
  const program = new Program("served.mjs", { env, args, input });
  await program.says(/one worker in this process, as the program is not in a file/);
  assert.equal((await fetch(url(port, "/pid"))).status, 200);
  program.signal("SIGTERM");
  assert.equal(await program.ended(), 0, program.output);
  const many = new Program("served.mjs", { env: { ...env, TEST_WORKERS: "2" }, args, input });
  assert.equal(await many.ended(), 1);
  assert.match(many.output, /ConfigError: \/workers: 2 workers need a program/);
});

test("a configuration that is refused names every fault", async () => {
  const app = new Spikard();
  await assert.rejects(app.listen({ port: -1, requestTimeout: 5000 }), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /port/);
    assert.match(error.message, /request_timeout|requestTimeout/);
    return true;
  });
  await assert.rejects(app.listen({ prot: 1 }), ConfigError);
  await assert.rejects(app.listen({ workers: 2 }), ConfigError);
});
