// Starts a program of a test, and ends it in any case.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

/** A program that runs. */
export class Program {
  output = "";
  #child;
  #ended;

  constructor(file, { env = {}, args = [], input } = {}) {
    const path = fileURLToPath(new URL(`programs/${file}`, import.meta.url));
    const command = input === undefined ? [...args, path] : [...args, "-"];
    this.#child = spawn(process.execPath, command, {
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      env: { ...process.env, NODE_OPTIONS: "", ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stdin.end(input ?? "");
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (this.output += text));
    }
    this.#ended = once(this.#child, "close");
    // A test that fails leaves it running, and must not wait for it.
    this.#child.unref();
    this.#child.stdout.unref();
    this.#child.stderr.unref();
    process.once("exit", () => this.#child.kill("SIGKILL"));
  }

  /** Waits for a line, and returns what its pattern found. */
  async says(pattern) {
    for (let waited = 0; waited < WAIT_MS; waited += 10) {
      const found = pattern.exec(this.output);
      if (found !== null) {
        return found;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    this.#child.kill("SIGKILL");
    throw new Error(`no ${pattern} in:\n${this.output}`);
  }

  signal(name) {
    this.#child.kill(name);
  }

  /** Waits for its end: its exit code, or the signal that ended it. */
  async ended() {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), WAIT_MS);
    const [code, signal] = await this.#ended;
    clearTimeout(timer);
    return code ?? signal;
  }
}

/** A port that nobody listens on. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

const WAIT_MS = 20_000;
