// Hooks: functions around the handlers, and how those of one crossing run as one.
//
// The engine stops where hooks are and calls once for all of them; what runs then is made here,
// when the application is built. Functions that return no promise run without one. Changes of the
// request reach the engine with the answer.
// Knows nothing of routing.

import { PHASES, type Phase } from "./_generated/hooks.js";
import { RouteError } from "./errors.js";
import { HttpProblem } from "./problem.js";
import { isResponse, Reply, replyOf } from "./reply.js";
import type { SpikardRequest } from "./request.js";

type Maybe<T> = T | PromiseLike<T>;

/** A hook before the handler: it may change the request, or answer in the handler's place. */
export type RequestHook = (
  request: SpikardRequest,
) => Maybe<SpikardRequest | Reply<any> | Response | undefined | void>;

/** A hook on replies: it may change the reply, or return another. */
export type ReplyHook = (reply: Reply<any>) => Maybe<Reply<any> | Response | undefined | void>;

/** Makes a reply, any result of a handler, of what was thrown. */
export type ErrorHandler<E = any> = (error: E, request: SpikardRequest) => unknown;

/** A class of what may be thrown. */
export type ErrorClass<E = any> = abstract new (...values: any[]) => E;

/** What runs in one crossing. It returns a result, or nothing, or a promise of one. */
export type Drive = (request: SpikardRequest) => unknown;

interface Hook {
  readonly call: (argument: any) => unknown;
  readonly name: string;
}

/** Carries what a hook threw, as its cause, to where it is logged. */
export class HookFailed extends Error {
  constructor(
    readonly hook: string,
    override readonly cause: unknown,
  ) {
    super(hook);
  }
}

/** Carries the reply that an error handler made, and what was thrown. */
export class Rescued extends Error {
  constructor(
    readonly reply: unknown,
    override readonly cause: unknown,
  ) {
    super("rescued");
  }
}

/** The functions of an application, or of a group of its routes, by phase. */
export class Hooks {
  readonly phases: Readonly<Record<Phase, Hook[]>>;
  readonly rescuers: [ErrorClass, Hook & { handle: ErrorHandler }][];

  constructor(phases?: Record<Phase, Hook[]>, rescuers: Hooks["rescuers"] = []) {
    this.phases = phases ?? {
      onRequest: [],
      preValidation: [],
      preHandler: [],
      onResponse: [],
      onError: [],
    };
    this.rescuers = rescuers;
  }

  /** Keeps a function. Throws RouteError for what cannot be a hook. */
  add(phase: Phase, call: RequestHook | ReplyHook): void {
    if (typeof call !== "function") {
      throw new RouteError(`${phase} takes a function, not ${typeof call}`);
    }
    this.phases[phase].push({ call, name: `the ${phase} hook${named(call)}` });
  }

  /** Keeps an error handler. Throws RouteError for what cannot be one. */
  rescue(kind: ErrorClass, handle: ErrorHandler): void {
    if (typeof handle !== "function" || typeof kind !== "function") {
      throw new RouteError("setErrorHandler takes a class of errors, or none, and a function");
    }
    if (this.rescuers.some(([known]) => known === kind)) {
      throw new RouteError(`${kind.name} has an error handler already`);
    }
    const name = `the error handler${named(handle)} for ${kind.name}`;
    this.rescuers.push([kind, { call: handle as Hook["call"], name, handle }]);
  }

  /** These, and behind them those of others, phase by phase. */
  joined(others: Hooks): Hooks {
    const phases = Object.fromEntries(
      PHASES.map((phase) => [phase, [...this.phases[phase], ...others.phases[phase]]]),
    ) as Record<Phase, Hook[]>;
    // The inner handler of a class wins, so it stands first.
    return new Hooks(phases, [...others.rescuers, ...this.rescuers]);
  }

  has(phase: Phase): boolean {
    return this.phases[phase].length > 0;
  }

  /** Hooks before a handler is known: they give a reply, or nothing. */
  asking(phase: "onRequest" | "preValidation"): Drive {
    const { [phase]: hooks, onResponse } = this.phases;
    return this.rescuing((request) =>
      then(ask(hooks, request, 0), (reply) =>
        reply === undefined || onResponse.length === 0
          ? reply
          : show(onResponse, reply._for(request), 0),
      ),
    );
  }

  /** A handler with the hooks before and behind it; undefined if there are none. */
  around(handler: (request: any) => unknown): Drive | undefined {
    const { preHandler, onResponse } = this.phases;
    if (preHandler.length + onResponse.length + this.rescuers.length === 0) {
      return undefined;
    }
    const handled = (request: SpikardRequest, reply: Reply | undefined): unknown => {
      if (reply !== undefined) {
        return reply;
      }
      request._close();
      return handler(request);
    };
    return this.rescuing((request) => {
      const result = then(ask(preHandler, request, 0), (reply) => handled(request, reply));
      if (onResponse.length === 0) {
        return result;
      }
      return then(then(result, asReply), (reply) => {
        if (reply instanceof HttpProblem) {
          throw reply;
        }
        return show(onResponse, reply._for(request), 0);
      });
    });
  }

  /** Hooks on a reply that a failure made: they give another one, or nothing. */
  telling(): (request: SpikardRequest, made: Reply) => unknown {
    const { onError } = this.phases;
    return (_, made) => {
      const before = JSON.stringify([made.statusCode, made.headers._flat]);
      const value = made.value;
      return then(show(onError, made, 0), (reply) => {
        const after = JSON.stringify([reply.statusCode, reply.headers._flat]);
        return reply.value === value && before === after ? undefined : reply;
      });
    };
  }

  /** The same, with error handlers around it, where there are any. */
  private rescuing(drive: Drive): Drive {
    if (this.rescuers.length === 0) {
      return drive;
    }
    const rescue = (request: SpikardRequest, error: unknown): unknown => {
      const cause = error instanceof HookFailed ? error.cause : error;
      const rescuer = this.nearest(cause);
      if (rescuer === undefined) {
        throw error;
      }
      request._close();
      const call = (): unknown => rescuer.handle(cause, request);
      const made = caught(call, (second) => {
        if (second instanceof HttpProblem) {
          return second;
        }
        throw new HookFailed(rescuer.name, second);
      });
      return then(made, (reply) => {
        throw new Rescued(reply, cause);
      });
    };
    return (request) =>
      caught(
        () => drive(request),
        (error) => rescue(request, error),
      );
  }

  /** The error handler of the nearest class of what was thrown. */
  private nearest(thrown: unknown): (Hook & { handle: ErrorHandler }) | undefined {
    const prototypes: unknown[] = [];
    for (let at: unknown = thrown; at !== null && typeof at === "object";) {
      at = Object.getPrototypeOf(at);
      prototypes.push(at);
    }
    let best: [number, Hook & { handle: ErrorHandler }] | undefined;
    for (const [kind, rescuer] of this.rescuers) {
      const found = prototypes.indexOf(kind.prototype);
      // One for all errors takes what is no error as well.
      const distance = found >= 0 ? found : kind === Error ? prototypes.length : -1;
      if (distance >= 0 && (best === undefined || distance < best[0])) {
        best = [distance, rescuer];
      }
    }
    return best?.[1];
  }
}

/** Shows the request to each hook, until one answers. */
function ask(hooks: Hook[], request: SpikardRequest, from: number): Maybe<Reply | undefined> {
  for (let at = from; at < hooks.length; at += 1) {
    const hook = hooks[at] as Hook;
    const reply = then(call(hook, request), (result) => {
      if (result === undefined || result === null || result === request) {
        return undefined;
      }
      return read(hook, result, "the request that it was given, a reply, or nothing");
    });
    if (isPromise(reply)) {
      return reply.then((found) => found ?? ask(hooks, request, at + 1));
    }
    if (reply !== undefined) {
      return reply;
    }
  }
  return undefined;
}

/** Shows a reply to each hook, and to the next what it makes of it. */
function show(hooks: Hook[], shown: Reply, from: number): Maybe<Reply> {
  let reply = shown;
  for (let at = from; at < hooks.length; at += 1) {
    const hook = hooks[at] as Hook;
    const before = reply;
    const next = then(call(hook, before), (result) => {
      if (result === undefined || result === null || result === before) {
        return before;
      }
      return then(read(hook, result, "a reply, or nothing"), (made) =>
        made._for(before.request as SpikardRequest, before.error),
      );
    });
    if (isPromise(next)) {
      return next.then((found) => show(hooks, found, at + 1));
    }
    reply = next;
  }
  return reply;
}

/** What a hook returned, as a reply. */
function read(hook: Hook, result: unknown, wanted: string): Maybe<Reply> {
  if (result instanceof Reply) {
    return result;
  }
  if (typeof result === "object" && result !== null && isResponse(result)) {
    return replyOf(result);
  }
  const kind = typeof result === "object" ? result?.constructor?.name : typeof result;
  const message = `${hook.name} returned ${kind}; it returns ${wanted}`;
  throw new HookFailed(hook.name, new TypeError(message));
}

/** Calls a hook. A problem that it throws is what the client gets. */
function call(hook: Hook, argument: unknown): unknown {
  return caught(
    () => hook.call(argument),
    (error) => {
      throw error instanceof HttpProblem ? error : new HookFailed(hook.name, error);
    },
  );
}

/** A handler's result as a reply, for hooks. */
function asReply(result: unknown): Maybe<Reply | HttpProblem> {
  if (result instanceof Reply || result instanceof HttpProblem) {
    return result;
  }
  if (typeof result === "object" && result !== null && isResponse(result)) {
    return replyOf(result);
  }
  return new Reply(result === undefined ? null : result);
}

/** Whether a value is to be awaited. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as PromiseLike<unknown>).then === "function"
  );
}

function then<T, R>(value: Maybe<T>, next: (value: T) => Maybe<R>): Maybe<R>;
function then(value: unknown, next: (value: unknown) => unknown): unknown {
  return isPromise(value) ? value.then(next) : next(value);
}

/** What a function returns or promises; what it throws or rejects with goes through `handle`. */
function caught(act: () => unknown, handle: (error: unknown) => unknown): unknown {
  let result;
  try {
    result = act();
  } catch (error) {
    return handle(error);
  }
  return isPromise(result) ? result.then(undefined, handle) : result;
}

function named(call: { name: string }): string {
  return call.name === "" ? "" : ` ${call.name}`;
}
