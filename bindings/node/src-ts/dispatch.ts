// What the engine's numbers stand for: functions that make one call and answer it.
//
// A function returns a text, which is the JSON reply; true if it has answered; null if hooks ran
// and nothing follows from it; undefined if the answer comes later. A result that is plain JSON
// takes the shortest way: one call from the engine, and its text back.

import type { Enter } from "./context.js";
import { HookFailed, isPromise, Rescued, type Drive } from "./hooks.js";
import { Headers } from "./headers.js";
import { handlerFailed, trace } from "./logging.js";
import type { Parts, Run } from "./native.js";
import { HttpProblem, problemOf } from "./problem.js";
import { bytesOf, isResponse, Reply, replyOf } from "./reply.js";
import { release, SpikardRequest, type Names, type Source } from "./request.js";

type Handler = (request: any) => unknown;

/** Exchanges that are not over, by their numbers. */
export type Visits = Map<number, SpikardRequest>;

/** A handler without hooks around it, in an application where no request is kept. */
export function plainRun(source: Source, names: Names, handler: Handler, enter: Enter): Run {
  return (token) => {
    const request = new SpikardRequest(source, token, names);
    let result: unknown;
    try {
      result = enter(handler, request);
    } catch (error) {
      return refuse(request, error);
    }
    if (isPromise(result)) {
      later(request, result, false);
      return undefined;
    }
    return give(request, result, false);
  };
}

/** A handler with hooks around it, or one whose request earlier hooks have seen. */
export function handlerRun(
  source: Source,
  names: Names,
  drive: Drive,
  enter: Enter,
  visits: Visits,
): Run {
  return (token) => {
    const request = visit(source, token, names, visits);
    return run(request, drive, enter, false);
  };
}

/** Hooks before a handler is known. */
export function hookRun(
  source: Source,
  names: Names | undefined,
  drive: Drive,
  enter: Enter,
  visits: Visits,
): Run {
  return (token) => run(visit(source, token, names, visits), drive, enter, true);
}

/** Hooks on a reply that a failure made. */
export function errorRun(
  source: Source,
  names: Names | undefined,
  telling: (request: SpikardRequest, made: Reply) => unknown,
  enter: Enter,
  visits: Visits,
): Run {
  return (token) => {
    const request = visit(source, token, names, visits);
    request._close();
    const [status, fields, body] = source.calls.made(token);
    const made = new Reply<Buffer | undefined>(body, { statusCode: status });
    made.headers = new Headers();
    made.headers._flat = fields === "" ? [] : fields.split("\0");
    const error = request._error ?? problemOf(status, body);
    const shown = made._for(request, error);
    return run(request, () => telling(request, shown), enter, true);
  };
}

/** The request of a call's exchange: one for all of its calls. */
function visit(
  source: Source,
  token: number,
  names: Names | undefined,
  visits: Visits,
): SpikardRequest {
  const exchange = source.calls.exchange(token);
  const known = visits.get(exchange);
  if (known !== undefined) {
    known._continue(token, names);
    return known;
  }
  const request = new SpikardRequest(source, token, names);
  request._edits = [];
  if (exchange !== 0) {
    visits.set(exchange, request);
  }
  return request;
}

function run(
  request: SpikardRequest,
  drive: Drive,
  enter: Enter,
  mayGoOn: boolean,
): ReturnType<Run> {
  let result: unknown;
  try {
    result = enter(drive, request);
  } catch (error) {
    return refuse(request, error);
  }
  if (isPromise(result)) {
    later(request, result, mayGoOn);
    return undefined;
  }
  return give(request, result, mayGoOn);
}

/** Answers with what a promise comes to. */
function later(request: SpikardRequest, promise: PromiseLike<unknown>, mayGoOn: boolean): void {
  promise.then(
    (result) => {
      const said = give(request, result, mayGoOn);
      if (typeof said === "string") {
        request._source.calls.json(request._token, said);
      } else if (said === null) {
        request._source.calls.goOn(request._token);
      }
    },
    (error: unknown) => refuse(request, error),
  );
}

/** Answers with a result, or returns what is to be answered; see above. */
function give(request: SpikardRequest, result: unknown, mayGoOn: boolean): ReturnType<Run> {
  try {
    if (mayGoOn && (result === undefined || result === null)) {
      return goOn(request);
    }
    if (request._edits === undefined || request._edits.length === 0) {
      const text = textOf(result);
      if (text !== undefined) {
        release(request);
        return text;
      }
    }
    return send(request, result, false);
  } catch (error) {
    return refuse(request, error);
  }
}

/** The JSON of a result that is nothing but JSON. */
function textOf(result: unknown): string | undefined {
  switch (typeof result) {
    case "object": {
      if (result === null) {
        return "null";
      }
      const prototype: unknown = Object.getPrototypeOf(result);
      return prototype === Object.prototype || prototype === null || Array.isArray(result)
        ? JSON.stringify(result)
        : undefined;
    }
    case "undefined":
      return "null";
    case "number":
    case "boolean":
      return JSON.stringify(result);
    default:
      return undefined;
  }
}

/** Answers with any result. */
function send(request: SpikardRequest, result: unknown, isFailure: boolean): true | undefined {
  const { calls } = request._source;
  if (result instanceof HttpProblem) {
    calls.problem(request._token, result.toDocument(), editsOf(request));
    release(request);
    return true;
  }
  if (typeof result === "object" && result !== null && isResponse(result)) {
    replyOf(result).then(
      (reply) => send(request, reply, isFailure),
      (error: unknown) => refuse(request, error),
    );
    return undefined;
  }
  if (!isFailure && request._edits === undefined) {
    if (typeof result === "string") {
      calls.plain(request._token, result);
      release(request);
      return true;
    }
    const bytes = bytesOf(result);
    if (bytes !== undefined) {
      calls.bytes(request._token, bytes);
      release(request);
      return true;
    }
  }
  const made = result instanceof Reply ? result : new Reply(result === undefined ? null : result);
  reply(request, made, isFailure);
  return true;
}

function reply(request: SpikardRequest, made: Reply, isFailure: boolean): void {
  const [contentType, body] = made._content();
  const parts: Parts = {
    status: status(made.statusCode),
    contentType,
    fields: made.headers._flat,
    isFailure,
    edits: editsOf(request),
  };
  const { calls } = request._source;
  if (typeof body === "string") {
    calls.reply(request._token, parts, body, null);
  } else {
    calls.reply(request._token, parts, null, body);
  }
  release(request);
}

/** A status as the engine takes it, which refuses what is none. */
function status(code: number): number {
  return Number.isInteger(code) && code >= 0 && code <= 0xffff ? code : 0;
}

function goOn(request: SpikardRequest): null | true {
  const edits = editsOf(request);
  if (edits === undefined || edits.length === 0) {
    return null;
  }
  request._source.calls.goOn(request._token, edits);
  return true;
}

/** What hooks changed of the request, once. */
function editsOf(request: SpikardRequest): string[] | undefined {
  const edits = request._edits;
  if (edits === undefined) {
    return undefined;
  }
  return edits.splice(0);
}

/** Answers with what was thrown: its problem, what an error handler made of it, or a 500. */
function refuse(request: SpikardRequest, error: unknown): true | undefined {
  try {
    if (error instanceof Rescued) {
      request._error = error.cause;
      return send(request, error.reply, true);
    }
    request._error = error instanceof HookFailed ? error.cause : error;
    if (error instanceof HttpProblem) {
      return send(request, error, true);
    }
    fail(request, error);
  } catch (second) {
    fail(request, second);
  }
  return true;
}

/** Answers 500. The trace goes to the log, and to the client only in development mode. */
function fail(request: SpikardRequest, error: unknown): void {
  const { calls, isDev } = request._source;
  const isHook = error instanceof HookFailed;
  const cause = isHook ? error.cause : error;
  let what = "a request failed";
  let requestId = "";
  try {
    const route = [isHook ? error.hook : "", request.route].filter((word) => word !== "");
    what = `${request.method} ${request.path} failed in ${route.join(" of ")}`;
    requestId = request.requestId;
  } catch {
    // It has its answer, so nothing can be read of it.
  }
  handlerFailed(what, requestId, cause);
  calls.fail(request._token, isDev ? trace(cause) : "", isHook, editsOf(request));
  release(request);
}
