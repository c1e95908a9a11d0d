// One route: what the engine is told about it, and the function that answers.
//
// Knows nothing of applications or servers.

import type { CorsConfig, RateLimitConfig } from "./_generated/config.js";
import { toDocument } from "./_generated/config.js";
import { RouteError } from "./errors.js";
import { Hooks } from "./hooks.js";
import type { HeaderInit } from "./headers.js";
import { Headers } from "./headers.js";
import { refuseRouteOptions } from "./mistakes.js";
import type { Names } from "./request.js";
import { jsonSchema, properties, type JsonSchema, type Schema } from "./schema.js";

/** Settings of a route, or of all routes of a group. */
export interface GroupOptions {
  /** What becomes of a reply that does not satisfy `response`; else as the configuration says. */
  responseValidation?: "off" | "warn" | "error" | undefined;
  /** Most bytes of its bodies, in place of the server's; null for no limit. */
  maxBodySize?: number | null | undefined;
  /** Its handler's time in seconds, in place of the server's; null for no deadline. */
  requestTimeout?: number | null | undefined;
  /** Which pages of other origins may call it, in place of the server's; null for nobody. */
  cors?: CorsConfig | null | undefined;
  /** How often a client may ask for it, besides the server's limit. */
  rateLimit?: RateLimitConfig | null | undefined;
  /** What it asks of its clients, in place of all that the server has configured. */
  auth?: "required" | "optional" | "excluded" | "any" | "jwt" | "api_key" | undefined;
  /** Header fields of its replies with a status below 400, unless the handler sets them. */
  responseHeaders?: HeaderInit | undefined;
  /** False where a reply holds both a secret and what an attacker may choose. */
  compression?: boolean | undefined;
}

/** What files a form may have under one name. */
export interface FileRule {
  /** True unless given. */
  required?: boolean | undefined;
  /** Whether several may come under the name. */
  multiple?: boolean | undefined;
  /** Most bytes of each. */
  maxSize?: number | undefined;
  /** Media types it may say it is, such as `image/png` or `image/*`. */
  types?: readonly string[] | undefined;
  /** Whether its first bytes must fit the media type it says it is. */
  checkMagic?: boolean | undefined;
  /** Whether it may have no bytes. */
  allowEmpty?: boolean | undefined;
}

/** What a route takes besides its path and handler. Schemas are JSON Schema, TypeBox or zod 4. */
export interface RouteOptions extends GroupOptions {
  /** Name for logs and documents; the function's unless given. */
  name?: string | undefined;
  /** Of the path parameters: an object's schema. What it does not name is as the pattern says. */
  params?: Schema | undefined;
  /** Of the query: an object's schema. Without it `request.query` holds what was sent. */
  query?: Schema | undefined;
  /** Of header fields: an object's schema, whose `_` stands for `-`. */
  headers?: Schema | undefined;
  /** Of cookies: an object's schema. */
  cookies?: Schema | undefined;
  /** Of the body: JSON, unless `media` says otherwise. */
  body?: Schema | undefined;
  /** How the body is read. `bytes` takes any. */
  media?: "json" | "form" | "bytes" | undefined;
  /** Files of a multipart form, by name; `*` is for all names without a rule of their own. */
  files?: Readonly<Record<string, FileRule>> | undefined;
  /** Of JSON replies with a status of 2xx. */
  response?: Schema | undefined;
}

/** A route document without `handler`; its shape is that of `contract/src/route.rs`. */
export interface RouteDocument {
  methods: readonly string[];
  path: string;
  name?: string;
  parameters?: readonly { name: string; source: string; alias?: string | null }[];
  body?: { media: "json" | "form" | "bytes"; required?: boolean } | null;
  files?: readonly object[];
  [key: string]: unknown;
}

type Handler = (request: any) => unknown;

/** A route as it is registered. Methods make these; a program may make its own for `app.add`. */
export class Route {
  /** @internal Hooks of the groups it is in, outermost first. */
  _groups: Hooks[] = [];
  /** What documents group it by. */
  tags: readonly string[] = [];
  /** Whether nothing is said of its body: then it is read as its media type has it. */
  #readsAsSent = false;
  readonly document: RouteDocument & { name: string };

  constructor(
    document: RouteDocument,
    readonly handler: Handler,
  ) {
    this.document = { ...document, name: document.name ?? nameOf(handler) };
  }

  /** Makes the route of a method's arguments. Throws RouteError for what cannot be served. */
  static read(
    methods: readonly string[],
    path: string,
    options: RouteOptions,
    handler: Handler,
  ): Route {
    const what = `${methods.join(", ")} ${path}`;
    if (typeof handler !== "function") {
      throw new RouteError(`${what}: the handler is a function, not ${typeof handler}`);
    }
    refuseRouteOptions(options, what);
    const { response } = options;
    const document: RouteDocument = {
      methods,
      path,
      name: options.name ?? nameOf(handler),
      parameters: parameters(path, options, what),
      body: body(methods, options, what),
      files: files(options.files ?? {}),
      ...(response && { response_schema: jsonSchema(response, `${what}: response`) }),
      ...settings(options),
    };
    const route = new Route(document, handler);
    route.#readsAsSent = !declaresBody(options);
    return route;
  }

  /** @internal How requests find the engine's values. */
  _names(): Names {
    const { parameters = [], body, files = [] } = this.document;
    return {
      names: parameters.map(({ name }) => name),
      sources: parameters.map(({ source }) => source),
      media: this.#readsAsSent
        ? undefined
        : (body?.media ?? (files.length > 0 ? "form" : undefined)),
      readsQuery: parameters.some(({ source }) => source === "query"),
    };
  }
}

function nameOf(handler: Handler): string {
  return handler.name === "" ? "handler" : handler.name;
}

interface Parameter {
  name: string;
  source: string;
  schema?: JsonSchema;
  required?: boolean;
  default?: unknown;
}

/** The parameters of a route: those of the path, and what schemas name besides. */
function parameters(path: string, options: RouteOptions, what: string): Parameter[] {
  const found: Parameter[] = [];
  const own = options.params === undefined ? [] : read(options.params, "path", `${what}: params`);
  const inPath = namesIn(path);
  for (const name of inPath) {
    found.push(own.find((parameter) => parameter.name === name) ?? { name, source: "path" });
  }
  const unknown = own.find((parameter) => !inPath.includes(parameter.name));
  if (unknown !== undefined) {
    throw new RouteError(`${what}: params names ${unknown.name}, which is not in the path`);
  }
  const others = [
    [options.query, "query", "query"],
    [options.headers, "header", "headers"],
    [options.cookies, "cookie", "cookies"],
  ] as const;
  for (const [schema, source, option] of others) {
    if (schema !== undefined) {
      found.push(...read(schema, source, `${what}: ${option}`));
    }
  }
  return found;
}

function read(schema: Schema, source: string, what: string): Parameter[] {
  return properties(jsonSchema(schema, what), what).map(({ name, schema: own, required }) => ({
    name,
    source,
    schema: own,
    required: source === "path" || required,
    ...("default" in own && { default: own["default"] }),
  }));
}

/** The names of a pattern's parameters, in order. */
function namesIn(path: string): string[] {
  const names: string[] = [];
  for (const segment of path.split("/")) {
    const name = /^:([^:]+)$/.exec(segment)?.[1] ?? /^\{([^}:]+)(?::[^}]*)?\}$/.exec(segment)?.[1];
    if (name !== undefined) {
      names.push(name);
    }
  }
  return names;
}

function declaresBody({ body, media, files }: RouteOptions): boolean {
  return body !== undefined || media !== undefined || Object.keys(files ?? {}).length > 0;
}

function body(
  methods: readonly string[],
  options: RouteOptions,
  what: string,
): NonNullable<RouteDocument["body"]> | null {
  if (!declaresBody(options)) {
    const mayHaveOne = methods.some((method) => WITH_BODY.has(method));
    return mayHaveOne ? { media: "bytes", required: false } : null;
  }
  const hasFiles = Object.keys(options.files ?? {}).length > 0;
  const document: { media: "json" | "form" | "bytes"; schema?: JsonSchema; required?: boolean } = {
    media: options.media ?? (hasFiles ? "form" : "json"),
  };
  if (options.body !== undefined) {
    document.schema = jsonSchema(options.body, `${what}: body`);
  } else {
    document.required = false;
  }
  return document;
}

function files(rules: Readonly<Record<string, FileRule>>): object[] {
  return Object.entries(rules).map(([name, rule]) => ({
    name,
    required: rule.required,
    multiple: rule.multiple,
    max_size: rule.maxSize,
    types: rule.types,
    check_magic: rule.checkMagic,
    allow_empty: rule.allowEmpty,
  }));
}

/** What the route says of settings. One that it is silent on has no key. */
function settings(options: RouteOptions): Record<string, unknown> {
  const { cors, rateLimit, responseHeaders } = options;
  return defined({
    response_validation: options.responseValidation,
    max_body_size: options.maxBodySize,
    request_timeout: options.requestTimeout,
    cors: cors && toDocument(cors, "CorsConfig"),
    ...(cors === null && { cors }),
    rate_limit: rateLimit && toDocument(rateLimit, "RateLimitConfig"),
    auth: options.auth,
    response_headers: responseHeaders && [...new Headers(responseHeaders)],
    compression: options.compression,
  });
}

function defined(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** Methods whose requests are expected to have a body. */
const WITH_BODY = new Set(["POST", "PUT", "PATCH", "DELETE"]);
