// The application: routes are registered on it, and it is served.
//
// Knows nothing of how requests are dispatched or how a server runs.

import { toDocument, type ServerConfig } from "./_generated/config.js";
import { ConfigError } from "./errors.js";
import { Group, type RegisterOptions } from "./group.js";
import { Life, type LifeFunction } from "./life.js";
import { asked, native, type NativeEngine } from "./native.js";
import type { Route } from "./route.js";
import { listen, run, type Guest } from "./server.js";
import { Verbs } from "./verbs.js";
import { Built } from "./worker.js";

/** Where a server listens. */
export interface Listening {
  /** The port; 0 for a unix socket. */
  readonly port: number;
  /** `io_uring`, or `epoll` with the reason. */
  readonly engineName: string;
}

/** An application: a set of routes, their hooks, and a configuration. */
export class Spikard extends Verbs {
  /** What a worker's functions share; `onReady` functions may fill it. */
  readonly state: Record<string, any> = {};
  readonly #config: ServerConfig;
  readonly #routes: Route[] = [];
  /** @internal */
  readonly _life = new Life();
  // Routes are tried here at once, so that a refusal points to the line that registers.
  readonly #checker: NativeEngine;
  #guest: Guest | undefined;
  #ended: Promise<void> | undefined;

  /** `config` is used where none is given when it is served. */
  constructor(config: ServerConfig = {}) {
    super();
    this.#config = config;
    this.#checker = asked(() => new native.Engine());
  }

  /** Every route, in the order of registration. */
  get routes(): readonly Route[] {
    return this.#routes;
  }

  /** Registers a route that is already described. Throws RouteError. */
  add(route: Route): this {
    this._accept(route);
    return this;
  }

  /** @internal */
  override _accept(route: Route): void {
    const document = { ...route.document, handler: 0, placement: "inline" };
    asked(() => this.#checker.route(JSON.stringify(document)));
    this.#routes.push(route);
  }

  /**
   * Registers a group of routes, with a prefix, hooks and settings of its own.
   *
   * @example app.register((users) => { users.get("/{id:int}", show); }, { prefix: "/users" });
   */
  register(define: (group: Group) => void, options: RegisterOptions = {}): this {
    define(new Group(this, options));
    return this;
  }

  /** Calls a function once per worker, before it accepts. What it throws ends the server. */
  onReady(call: LifeFunction): this {
    this._life.onReady(call);
    return this;
  }

  /** Calls a function once per worker, after its last request has ended. */
  onClose(call: LifeFunction): this {
    this._life.onClose(call);
    return this;
  }

  /**
   * Serves until SIGINT or SIGTERM; a second signal ends what is still in flight.
   *
   * The program is started again once per worker, so code before this call runs once per process,
   * and code behind it in workers only, once they have drained. Where the program cannot be started
   * again (a REPL, a debugger, a worker thread), one worker serves in this process. Rejects with
   * ConfigError, or with what an `onReady` function throws.
   */
  async run(config: ServerConfig = {}): Promise<void> {
    await run(this._build(config), this._life);
  }

  /**
   * Serves in this process, beside whatever else it does, until `close`. Resolves when it listens;
   * rejects with ConfigError or AddressInUseError. Signals are left to the program.
   */
  async listen(config: ServerConfig = {}): Promise<Listening> {
    if (this.#guest !== undefined) {
      throw new Error("the application listens already; close it first");
    }
    const built = this._build(config);
    const guest = await listen(built, this._life);
    this.#guest = guest;
    const end = async (): Promise<void> => {
      await guest.drained;
      this.#guest = undefined;
      await this._life.end(built.config.shutdownTimeout ?? 30);
    };
    this.#ended = end();
    return { port: guest.port, engineName: guest.engineName };
  }

  /**
   * Ends what `listen` began: accepts nothing more, and resolves when what is in flight is
   * finished; with `force` closes everything at once.
   */
  async close(force = false): Promise<void> {
    this.#guest?.stop(force);
    await this.#ended;
  }

  /** @internal An engine with these routes. Throws ConfigError that names every fault. */
  _build(config: ServerConfig): Built {
    let document: string;
    try {
      document = JSON.stringify(toDocument({ ...this.#config, ...config }));
    } catch (error) {
      throw new ConfigError((error as Error).message);
    }
    return new Built(this, document, this._hooks, this.#routes);
  }
}
