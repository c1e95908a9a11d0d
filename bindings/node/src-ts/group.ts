// Groups of routes: under a prefix, with hooks and settings of their own.
//
// Knows nothing of the engine.

import { RouteError } from "./errors.js";
import { refuseGroupOptions } from "./mistakes.js";
import { Route, type GroupOptions, type RouteOptions } from "./route.js";
import { Verbs, type Rest } from "./verbs.js";

/** What a group has besides its routes. */
export interface RegisterOptions extends GroupOptions {
  /** What stands before the paths of its routes, such as `/users`. */
  prefix?: string | undefined;
  /** What documents group its routes by. */
  tags?: readonly string[] | undefined;
}

/** A group of routes. It has the methods of an application, for its own routes only. */
export class Group extends Verbs {
  readonly #outer: Verbs;
  readonly #options: RegisterOptions;

  /** @internal */
  constructor(outer: Verbs, options: RegisterOptions) {
    super();
    refuseGroupOptions(options);
    const { prefix = "" } = options;
    if (prefix !== "" && (!prefix.startsWith("/") || prefix.endsWith("/"))) {
      throw new RouteError(`a prefix begins with "/" and does not end with it: "${prefix}"`);
    }
    this.#outer = outer;
    this.#options = options;
  }

  override route<const Path extends string, const Options extends RouteOptions = {}>(
    methods: string | readonly string[],
    path: Path,
    ...rest: Rest<Path, Options>
  ): this {
    const { prefix = "", tags: _, ...shared } = this.#options;
    const [own, handler] = rest.length === 1 ? [{}, rest[0]] : rest;
    const options: RouteOptions = { ...shared, ...own };
    return super.route(methods, prefix + path, options, handler as (request: any) => unknown);
  }

  /** @internal */
  override _accept(route: Route): void {
    route._groups.unshift(this._hooks);
    const own = this.#options.tags ?? [];
    route.tags = [...own, ...route.tags.filter((tag) => !own.includes(tag))];
    this.#outer._accept(route);
  }

  /** Registers a group inside of this one, behind its prefix and hooks. */
  register(define: (group: Group) => void, options: RegisterOptions = {}): this {
    const { prefix = "", ...shared } = this.#options;
    const { tags: _, ...settings } = shared;
    define(new Group(this, { ...settings, ...options, prefix: prefix + (options.prefix ?? "") }));
    return this;
  }
}
