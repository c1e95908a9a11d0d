/** `@spikard/node`: an HTTP server engine in Rust, on Node's own event loop. */

export { Spikard, type Listening } from "./app.js";
export { AddressInUseError, ConfigError, RouteError } from "./errors.js";
export { Group, type RegisterOptions } from "./group.js";
export { Headers, type HeaderInit, type RequestHeaders } from "./headers.js";
export type { ErrorClass, ErrorHandler, ReplyHook, RequestHook } from "./hooks.js";
export type { LifeFunction } from "./life.js";
export { setLogger, type Logger } from "./logging.js";
export { HttpProblem, type ProblemInit } from "./problem.js";
export { redirect, reply, Reply, type CookieInit, type ReplyInit } from "./reply.js";
export type { Client, LooseQuery, SpikardRequest as Request } from "./request.js";
export {
  Route,
  type FileRule,
  type GroupOptions,
  type RouteDocument,
  type RouteOptions,
} from "./route.js";
export type { FromJsonSchema, Infer, JsonSchema, Schema } from "./schema.js";
export { TestClient, type RequestInit, type TestOptions } from "./testing/client.js";
export { ReplyError, TestReply } from "./testing/reply.js";
export type { Handler, PathParams, RequestOf, ResultOf } from "./types.js";
export { UploadFile } from "./upload.js";
export type { RouteMetadata } from "./verbs.js";
export type * from "./_generated/config.js";
