// What an application is when it is served: an engine with its documents, and the functions that
// the numbers in these stand for.
//
// Knows nothing of sockets.

import type { Spikard } from "./app.js";
import { fromDocument, type ServerConfig } from "./_generated/config.js";
import { enter, enterExchange, type Enter } from "./context.js";
import { errorRun, handlerRun, hookRun, plainRun, type Visits } from "./dispatch.js";
import { Hooks } from "./hooks.js";
import { log } from "./logging.js";
import { asked, native, type NativeCalls, type NativeEngine, type Run } from "./native.js";
import { cancel, type Names, type Source } from "./request.js";
import type { Route } from "./route.js";

/** What functions of one worker are made with. */
interface Made {
  source: Source;
  enter: Enter;
  visits: Visits;
}

type Make = (made: Made) => Run;

/** An application that the engine has accepted. */
export class Built {
  readonly engine: NativeEngine;
  readonly config: ServerConfig;
  /** What makes the functions, by their numbers. */
  readonly #makers: Make[] = [];
  /** Whether requests are kept from one call to the next. */
  #keepsRequests = false;

  /** Throws ConfigError or RouteError for what the engine refuses. */
  constructor(
    readonly app: Spikard,
    readonly document: string,
    hooks: Hooks,
    routes: readonly Route[],
  ) {
    this.engine = asked(() => new native.Engine());
    asked(() => this.engine.configure(document));
    this.config = fromDocument(JSON.parse(document) as object);
    this.#registerHooks(hooks);
    const joined = routes.map((route) =>
      route._groups.reduce((outer, own) => outer.joined(own), hooks),
    );
    this.#keepsRequests ||= joined.some((all) => all.has("preValidation") || all.has("onError"));
    for (const [at, route] of routes.entries()) {
      this.#registerRoute(route, joined[at] as Hooks);
    }
  }

  #add(make: Make): number {
    return this.#makers.push(make) - 1;
  }

  /** Tells the engine what to stop for where no route is known. */
  #registerHooks(hooks: Hooks): void {
    const document: Record<string, object> = {};
    if (hooks.has("onRequest")) {
      document["on_request"] = this.#asking(hooks, "onRequest", undefined);
    }
    if (hooks.has("onError")) {
      document["on_error"] = this.#telling(hooks, undefined);
    }
    if (Object.keys(document).length > 0) {
      this.#keepsRequests = true;
      asked(() => this.engine.hooks(JSON.stringify(document)));
    }
  }

  #asking(hooks: Hooks, phase: "onRequest" | "preValidation", names: Names | undefined): object {
    const drive = hooks.asking(phase);
    const make: Make = ({ source, enter, visits }) => hookRun(source, names, drive, enter, visits);
    return { function: this.#add(make), placement: "inline" };
  }

  #telling(hooks: Hooks, names: Names | undefined): object {
    const telling = hooks.telling();
    const make: Make = (made) => errorRun(made.source, names, telling, made.enter, made.visits);
    return { function: this.#add(make), placement: "inline" };
  }

  #registerRoute(route: Route, hooks: Hooks): void {
    const names = route._names();
    const own: Record<string, object> = {};
    if (hooks.has("preValidation")) {
      own["pre_validation"] = this.#asking(hooks, "preValidation", { ...names, ...NO_VALUES });
    }
    if (route._groups.some((group) => group.has("onError"))) {
      own["on_error"] = this.#telling(hooks, { ...names, ...NO_VALUES });
    }
    const around = hooks.around(route.handler);
    const isPlain = around === undefined && !this.#keepsRequests;
    const handle = (request: any): unknown => {
      request._close();
      return route.handler(request);
    };
    const handler = this.#add(({ source, enter, visits }) =>
      isPlain
        ? plainRun(source, names, route.handler, enter)
        : handlerRun(source, names, around ?? handle, enter, visits),
    );
    const document = { ...route.document, handler, placement: "inline", hooks: own };
    asked(() => this.engine.route(JSON.stringify(document)));
  }

  /** Makes the calls of one worker, in the context that its requests are to start from. */
  calls(): NativeCalls {
    const visits: Visits = new Map();
    const calls: NativeCalls = asked(
      () =>
        new native.Calls(
          log,
          (token) => cancel(calls, token),
          (exchange) => visits.delete(exchange),
        ),
    );
    const { app, engine } = this;
    const source = { calls, engine, isDev: this.config.dev === true, app };
    const made = { source, visits, enter: this.#keepsRequests ? enterExchange() : enter() };
    calls.setFunctions(this.#makers.map((make) => make(made)));
    return calls;
  }
}

/** Before validation there are no values. */
const NO_VALUES = { names: [], sources: [], readsQuery: false } as const;
