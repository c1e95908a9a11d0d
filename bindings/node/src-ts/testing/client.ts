// The test client: calls an application without a server, or over a real socket if asked to.
//
// @example
// const client = new TestClient(app);
// const reply = await client.get("/hello");
// assert.deepEqual(reply.json(), { message: "Hello, World!" });
// await client.close();

import { connect } from "node:net";

import type { ServerConfig } from "../_generated/config.js";
import type { Spikard } from "../app.js";
import { asked, native, type NativeInProcess } from "../native.js";
import { Guest } from "../server.js";
import type { Built } from "../worker.js";
import { readReply, ReplyError, type TestReply } from "./reply.js";
import { writeRequest, type RequestInit } from "./request.js";

export type { RequestInit } from "./request.js";

/** How a client reaches its application. */
export interface TestOptions {
  /** In place of the application's own. */
  config?: ServerConfig | undefined;
  /** In process unless "socket" is asked for: then on a free port. */
  transport?: "inject" | "socket" | undefined;
  /** Which engine moves the bytes of a socket. */
  engine?: ServerConfig["engine"];
}

interface Carrier {
  readonly port: number | undefined;
  readonly engineName: string;
  exchange(request: Uint8Array, method: string): Promise<TestReply>;
  close(): Promise<void>;
}

/** Calls an application as a client does, on the loop of the test. */
export class TestClient {
  readonly #app: Spikard;
  readonly #built: Built;
  readonly #transport: "inject" | "socket";
  #opened: Promise<Carrier> | undefined;
  #carrier: Carrier | undefined;

  /** Throws ConfigError or RouteError. The application starts with the first request. */
  constructor(app: Spikard, options: TestOptions = {}) {
    const { config = {}, transport = "inject", engine } = options;
    if (transport !== "inject" && transport !== "socket") {
      throw new TypeError(`transport is "inject" or "socket", not ${String(transport)}`);
    }
    const changes = { host: "127.0.0.1", port: 0, workers: 1, ...(engine && { engine }) };
    this.#app = app;
    this.#built = app._build({ ...config, ...changes });
    this.#transport = transport;
  }

  /** Starts the application, its `onReady` functions first, whose errors are thrown here. */
  async open(): Promise<this> {
    this.#opened ??= this.#open();
    this.#carrier = await this.#opened;
    return this;
  }

  async #open(): Promise<Carrier> {
    await this.#app._life.begin();
    return this.#transport === "inject"
      ? new InjectCarrier(this.#built)
      : new SocketCarrier(this.#built);
  }

  /** The port of the transport "socket", once it is open. */
  get port(): number | undefined {
    return this.#carrier?.port;
  }

  /** Which engine moves the bytes, and why; "inject" in process. */
  get engineName(): string {
    return this.#carrier?.engineName ?? "inject";
  }

  /** Sends a request and returns its reply. */
  request(method: string, path: string, init?: RequestInit): Promise<TestReply> {
    return this.raw(writeRequest(method, path, init), method);
  }

  /** Sends bytes as they are; `method` decides whether their reply has a body. */
  async raw(request: Uint8Array, method = "GET"): Promise<TestReply> {
    await this.open();
    return (this.#carrier as Carrier).exchange(request, method);
  }

  get(path: string, init?: RequestInit): Promise<TestReply> {
    return this.request("GET", path, init);
  }

  post(path: string, init?: RequestInit): Promise<TestReply> {
    return this.request("POST", path, init);
  }

  put(path: string, init?: RequestInit): Promise<TestReply> {
    return this.request("PUT", path, init);
  }

  patch(path: string, init?: RequestInit): Promise<TestReply> {
    return this.request("PATCH", path, init);
  }

  delete(path: string, init?: RequestInit): Promise<TestReply> {
    return this.request("DELETE", path, init);
  }

  head(path: string, init?: RequestInit): Promise<TestReply> {
    return this.request("HEAD", path, init);
  }

  options(path: string, init?: RequestInit): Promise<TestReply> {
    return this.request("OPTIONS", path, init);
  }

  /** Ends the application, its `onClose` functions last. Closing twice is harmless. */
  async close(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined || this.#carrier === undefined) {
      return;
    }
    this.#opened = Promise.reject(new Error("the client is closed"));
    this.#opened.catch(() => undefined);
    const carrier = this.#carrier;
    this.#carrier = undefined;
    await carrier.close();
    await this.#app._life.end(this.#built.config.shutdownTimeout ?? 30);
  }

  /** The same as `close`, under the name that other clients have. */
  cleanup(): Promise<void> {
    return this.close();
  }
}

/** Hands requests to a worker without sockets. */
class InjectCarrier implements Carrier {
  readonly port = undefined;
  readonly engineName = "inject";
  readonly #worker: NativeInProcess;

  constructor(built: Built) {
    this.#worker = asked(() => new native.InProcess(built.engine, built.calls()));
  }

  async exchange(request: Uint8Array, method: string): Promise<TestReply> {
    const data = await new Promise<Buffer>((resolve, reject) => {
      try {
        asked(() => this.#worker.inject(request, resolve));
      } catch (error) {
        reject(error);
      }
    });
    const found = readReply(data, method, true);
    if (found === undefined || found[1] !== data.length) {
      throw new ReplyError("there are bytes after the reply");
    }
    return found[0];
  }

  async close(): Promise<void> {
    this.#worker.close();
  }
}

/** Serves on a free port, and sends each request on a connection of its own. */
class SocketCarrier implements Carrier {
  readonly port: number;
  readonly engineName: string;
  readonly #guest: Guest;

  constructor(built: Built) {
    this.#guest = Guest.listen(built);
    this.port = this.#guest.port;
    this.engineName = this.#guest.engineName;
  }

  exchange(request: Uint8Array, method: string): Promise<TestReply> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, "127.0.0.1");
      let data = Buffer.alloc(0);
      const read = (whole: boolean): void => {
        try {
          const found = readReply(data, method, whole);
          if (found !== undefined) {
            resolve(found[0]);
            socket.destroy();
          }
        } catch (error) {
          reject(error as Error);
          socket.destroy();
        }
      };
      socket.on("data", (piece) => {
        data = Buffer.concat([data, piece]);
        read(false);
      });
      socket.on("end", () => read(true));
      socket.on("error", reject);
      socket.write(request);
    });
  }

  async close(): Promise<void> {
    this.#guest.stop(true);
    await this.#guest.drained;
  }
}
