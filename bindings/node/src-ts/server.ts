// Serving: who listens, in which process, and who tells it to stop.
//
// `run` is called in three roles. The process that the user started becomes the parent, which only
// supervises; the copies of the program that it starts are its workers; and where the program
// cannot be started again, one worker serves in place.
// Knows nothing of routes or handlers.

import { existsSync } from "node:fs";
import { url as inspectorUrl } from "node:inspector";
import { isMainThread } from "node:worker_threads";

import type { ServerConfig } from "./_generated/config.js";
import { ConfigError } from "./errors.js";
import type { Life } from "./life.js";
import { LEVEL, log } from "./logging.js";
import { asked, native, type NativeInherited, type NativeServer } from "./native.js";
import type { Built } from "./worker.js";

// Taken when the package is loaded, so that nothing the program starts inherits it again. The addon
// takes the variable out of the environment, and Node reads that.
const inherited = isMainThread ? asked(() => native.inherited()) : undefined;
if (inherited) {
  // A terminal sends these to all of its processes; only the parent counts.
  process.on("SIGINT", ignore);
  process.on("SIGHUP", ignore);
}

/** A server on this process's event loop. */
export class Guest {
  /** The port it listens on; 0 for a unix socket. */
  readonly port: number;
  /** `io_uring`, or `epoll` with the reason. */
  readonly engineName: string;
  /** Resolves when it was stopped and everything is over. */
  readonly drained: Promise<void>;
  #server: NativeServer | undefined;

  /** Starts to serve on a listening socket, which is the guest's from now on. */
  constructor(built: Built, listenerFd: number, port: number) {
    let done: () => void = ignore;
    this.drained = new Promise((resolve) => (done = resolve));
    const server = asked(
      () =>
        new native.Server(built.engine, built.calls(), listenerFd, () => {
          this.#server?.close();
          this.#server = undefined;
          done();
        }),
    );
    this.port = port;
    this.engineName = server.engineName;
    this.#server = server;
  }

  /** Starts to serve on the configured address. Throws AddressInUseError. */
  static listen(built: Built): Guest {
    const [fd, port] = asked(() => native.listen(built.document, 1)) as [number, number];
    return new Guest(built, fd, port);
  }

  /** Accepts nothing more and finishes what is in flight; with `force`, closes at once. */
  stop(force = false): void {
    this.#server?.stop(force);
  }

  /** Does what the parent orders from now on. */
  follow(orders: NativeInherited): void {
    this.#server?.follow(orders);
  }

  /** Connections, and calls in flight. */
  get stats(): { connections: number; inFlight: number } {
    const [connections, inFlight] = this.#server?.stats() ?? [0, 0];
    return { connections, inFlight };
  }
}

/** Serves until told to stop, in whichever role this process has. */
export async function run(built: Built, life: Life): Promise<void> {
  if (inherited) {
    await work(built, life, inherited);
    return;
  }
  const reason = boundToThisProcess();
  const { workers = 1, reload = false } = built.config;
  if (reason !== undefined) {
    if (workers > 1) {
      throw new ConfigError(
        `/workers: ${workers} workers need a program that can be started again, ` +
          `and this one cannot: ${reason}; use one worker`,
      );
    }
    if (reload) {
      throw new ConfigError(
        `/reload: a program is reloaded by starting it again, and this one cannot be: ${reason}`,
      );
    }
    await serveHere(built, life, reason);
    return;
  }
  // It blocks for the life of the server: the parent has no other work.
  process.exit(asked(() => native.supervise(command(), built.document, log)));
}

/** Serves on the loop of this process, and returns when it does. */
export async function listen(built: Built, life: Life): Promise<Guest> {
  const { workers = 1, reload = false } = built.config;
  if (workers > 1) {
    throw new ConfigError(
      `/workers: listen() is one worker in the process that calls it, not ${workers}; ` +
        "use run() for several",
    );
  }
  if (reload) {
    throw new ConfigError("/reload: listen() cannot start the program again; use run()");
  }
  const guest = await begun(built, life, () => Guest.listen(built));
  announce(guest, built.config, "in this process");
  return guest;
}

/** Serves as a parent's worker: takes its orders, and no Ctrl-C. */
async function work(built: Built, life: Life, orders: NativeInherited): Promise<void> {
  const make = (): Guest => new Guest(built, orders.listenerFd(), built.config.port ?? 0);
  const guest = await begun(built, life, make);
  const [, why] = guest.engineName.split(/ (.*)/s);
  if (why !== undefined && why !== "" && orders.worker === 0) {
    log(LEVEL.info, `serving on ${guest.engineName}`);
  }
  // A service manager may send SIGTERM to every process at once; only the parent counts.
  const stop = (): void => guest.stop();
  process.on("SIGTERM", stop);
  guest.follow(orders);
  await guest.drained;
  await life.end(seconds(built.config));
  process.off("SIGTERM", stop);
  // What a program left open must not keep the parent waiting.
  setTimeout(() => process.exit(), EXIT_MS).unref();
}

/** Serves in this process: the first signal stops, the second forces. */
async function serveHere(built: Built, life: Life, reason: string): Promise<void> {
  const guest = await begun(built, life, () => Guest.listen(built));
  announce(guest, built.config, `one worker in this process, as ${reason}`);
  let signals = 0;
  const count = (): void => {
    signals += 1;
    guest.stop(signals > 1);
  };
  process.on("SIGINT", count);
  process.on("SIGTERM", count);
  await guest.drained;
  await life.end(seconds(built.config));
  process.off("SIGINT", count);
  process.off("SIGTERM", count);
}

/** Begins a worker's life, and serves; where it cannot, that life ends. */
async function begun(built: Built, life: Life, make: () => Guest): Promise<Guest> {
  await life.begin();
  try {
    return make();
  } catch (error) {
    await life.end(seconds(built.config));
    throw error;
  }
}

function seconds(config: ServerConfig): number {
  return config.shutdownTimeout ?? SHUTDOWN_SECONDS;
}

function announce(guest: Guest, config: ServerConfig, how: string): void {
  const { host = "127.0.0.1", uds } = config;
  const name = host.includes(":") ? `[${host}]` : host;
  const unix = uds ? `unix:${uds}` : "a unix socket";
  const where = guest.port === 0 ? unix : `http://${name}:${guest.port}`;
  log(LEVEL.info, `listening on ${where}, ${guest.engineName}, ${how}`);
}

/** Why the program cannot be started again; undefined if it can. */
function boundToThisProcess(): string | undefined {
  if (!isMainThread) {
    return "run() was not called on the main thread";
  }
  if (process.env["NODE_UNIQUE_ID"] !== undefined) {
    return "the process was started by node:cluster";
  }
  if (inspectorUrl() !== undefined) {
    return "it is being debugged";
  }
  const program = process.argv[1];
  const isCode = process.execArgv.some((word) => /^(-e|-p|-pe|--eval|--print)/.test(word));
  if (!isCode && (program === undefined || !existsSync(program))) {
    return "the program is not in a file";
  }
  return undefined;
}

/** The command that starts this program again. */
function command(): string[] {
  return [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
}

function ignore(): void {}

/** What a worker is left after its end, if something keeps it alive. */
const EXIT_MS = 1000;
const SHUTDOWN_SECONDS = 30;
