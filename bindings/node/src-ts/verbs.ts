/** The methods by which routes are registered, on applications and on groups alike. */

import { HookMethods, type Phase } from "./_generated/hooks.js";
import { RouteError } from "./errors.js";
import {
  Hooks,
  type ErrorClass,
  type ErrorHandler,
  type ReplyHook,
  type RequestHook,
} from "./hooks.js";
import { Route, type RouteOptions } from "./route.js";
import type { Handler } from "./types.js";

/** Registers handlers by method. Each takes a path, options if there are any, and a handler. */
export abstract class Verbs extends HookMethods<RequestHook, ReplyHook> {
  /** @internal */
  readonly _hooks = new Hooks();

  /** @internal Registers a route. Throws RouteError for what cannot be served. */
  abstract _accept(route: Route): void;

  protected override hook(phase: Phase, hook: RequestHook | ReplyHook): void {
    this._hooks.add(phase, hook);
  }

  /**
   * Makes replies of what handlers and hooks throw: of a class of errors, the nearest wins, or of
   * all. It returns any result that a handler may return.
   */
  setErrorHandler(handle: ErrorHandler): this;
  setErrorHandler<E>(kind: ErrorClass<E>, handle: ErrorHandler<E>): this;
  setErrorHandler(...given: [ErrorHandler] | [ErrorClass, ErrorHandler]): this {
    const [kind, handle] = given.length === 1 ? [Error, given[0]] : given;
    this._hooks.rescue(kind as ErrorClass, handle as ErrorHandler);
    return this;
  }

  /** Registers a handler for some methods. */
  route<const Path extends string, const Options extends RouteOptions = {}>(
    methods: string | readonly string[],
    path: Path,
    ...rest: Rest<Path, Options>
  ): this {
    const [options, handler] = rest.length === 1 ? [{}, rest[0]] : rest;
    if (typeof path !== "string" || rest.length > 2) {
      throw new RouteError("a route is a path, options if there are any, and a handler");
    }
    const names = typeof methods === "string" ? [methods] : methods;
    const upper = names.map((name) => name.toUpperCase());
    this._accept(Route.read(upper, path, options, handler as (request: any) => unknown));
    return this;
  }

  /** Registers a handler of GET, and so of HEAD. */
  get<const Path extends string, const Options extends RouteOptions = {}>(
    path: Path,
    ...rest: Rest<Path, Options>
  ): this {
    return this.route("GET", path, ...rest);
  }

  /** Registers a handler of POST. */
  post<const Path extends string, const Options extends RouteOptions = {}>(
    path: Path,
    ...rest: Rest<Path, Options>
  ): this {
    return this.route("POST", path, ...rest);
  }

  /** Registers a handler of PUT. */
  put<const Path extends string, const Options extends RouteOptions = {}>(
    path: Path,
    ...rest: Rest<Path, Options>
  ): this {
    return this.route("PUT", path, ...rest);
  }

  /** Registers a handler of PATCH. */
  patch<const Path extends string, const Options extends RouteOptions = {}>(
    path: Path,
    ...rest: Rest<Path, Options>
  ): this {
    return this.route("PATCH", path, ...rest);
  }

  /** Registers a handler of DELETE. */
  delete<const Path extends string, const Options extends RouteOptions = {}>(
    path: Path,
    ...rest: Rest<Path, Options>
  ): this {
    return this.route("DELETE", path, ...rest);
  }

  /** Registers a handler of HEAD, in place of the one that GET brings. */
  head<const Path extends string, const Options extends RouteOptions = {}>(
    path: Path,
    ...rest: Rest<Path, Options>
  ): this {
    return this.route("HEAD", path, ...rest);
  }

  /** Registers a handler of OPTIONS. */
  options<const Path extends string, const Options extends RouteOptions = {}>(
    path: Path,
    ...rest: Rest<Path, Options>
  ): this {
    return this.route("OPTIONS", path, ...rest);
  }

  /** Registers a handler of TRACE. */
  trace<const Path extends string, const Options extends RouteOptions = {}>(
    path: Path,
    ...rest: Rest<Path, Options>
  ): this {
    return this.route("TRACE", path, ...rest);
  }

  /** Registers a handler by an object that describes its route. */
  addRoute(described: RouteMetadata, handler: (request: any) => unknown): this {
    const { method, path, handler_name: name } = described;
    const schemas = {
      body: described.body ?? described.request_schema,
      response: described.response ?? described.response_schema,
      query: described.query ?? described.parameter_schema,
    };
    const options: Record<string, unknown> = { ...described, ...schemas };
    for (const key of METADATA) {
      delete options[key];
    }
    return this.route([method].flat(), path, { name, ...options }, handler);
  }
}

/** What a route as an object has that is no option of a route. */
const METADATA = [
  "method",
  "path",
  "handler_name",
  "request_schema",
  "response_schema",
  "parameter_schema",
  "is_async",
] as const satisfies readonly Exclude<keyof RouteMetadata, keyof RouteOptions>[];

/** The arguments behind a path. */
export type Rest<Path extends string, Options extends RouteOptions> =
  [handler: Handler<Path, Options>] | [options: Options, handler: Handler<Path, Options>];

/** A route as an object: its method and path, and the options of a route. */
export interface RouteMetadata extends RouteOptions {
  method: string | readonly string[];
  path: string;
  handler_name?: string | undefined;
  request_schema?: RouteOptions["body"];
  response_schema?: RouteOptions["response"];
  parameter_schema?: RouteOptions["query"];
  is_async?: boolean | undefined;
}
