/** Types of handlers, inferred from a path's pattern and a route's schemas. */

import type { Reply } from "./reply.js";
import type { LooseQuery, SpikardRequest } from "./request.js";
import type { RouteOptions } from "./route.js";
import type { Infer } from "./schema.js";

type Hinted<Hint extends string> = Hint extends "int" | "integer" | "float" | "number"
  ? number
  : Hint extends "bool" | "boolean"
    ? boolean
    : string;

type OfSegment<Segment extends string> = Segment extends `{${infer Name}:${infer Hint}}`
  ? { [Key in Name]: Hinted<Hint> }
  : Segment extends `{${infer Name}}`
    ? { [Key in Name]: string }
    : Segment extends `:${infer Name}`
      ? { [Key in Name]: string }
      : {};

/** The parameters of a pattern such as `/users/{id:int}` or `/users/:id`. */
export type PathParams<Path extends string> = string extends Path
  ? Record<string, any>
  : Path extends `${infer Segment}/${infer Rest}`
    ? OfSegment<Segment> & PathParams<Rest>
    : OfSegment<Path>;

type Given<Options, Key extends string, Else> = Options extends { readonly [K in Key]: infer S }
  ? S extends undefined
    ? Else
    : Infer<S>
  : Else;

type Flat<T> = { [Key in keyof T]: T[Key] } & {};
type Refined<Path extends string, Options> = Flat<
  Omit<PathParams<Path>, keyof Given<Options, "params", {}>> & Given<Options, "params", {}>
>;

type BodyOf<Options> = Options extends { readonly media: "bytes" }
  ? Buffer
  : Given<Options, "body", any>;

/** The request that a handler gets, as its route's pattern and schemas have it. */
export type RequestOf<Path extends string, Options> = SpikardRequest<
  Refined<Path, Options>,
  Given<Options, "query", LooseQuery>,
  BodyOf<Options>
>;

type Maybe<T> = T | PromiseLike<T>;

/** What a handler may return: what satisfies the response's schema, if the route has one. */
export type ResultOf<Options> = Maybe<Given<Options, "response", any> | Reply<any> | Response>;

/** A handler of a route. */
export type Handler<Path extends string = string, Options = RouteOptions> = (
  request: RequestOf<Path, Options>,
) => ResultOf<Options>;
