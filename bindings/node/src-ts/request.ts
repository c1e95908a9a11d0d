// `Request`: what handlers and hooks see of a request.
//
// Everything is read from the engine when it is asked for, so a handler pays for what it looks at.
// After the answer only what was looked at before is there; the rest throws.

import type { Spikard } from "./app.js";
import { requestHeaders, closeHeaders, type RequestHeaders } from "./headers.js";
import { native, TEXT, type NativeCalls, type NativeEngine } from "./native.js";
import { HttpProblem } from "./problem.js";
import { Spool, UploadFile } from "./upload.js";

/** @internal What a request knows of its route: how the engine's values are called. */
export interface Names {
  readonly names: readonly string[];
  readonly sources: readonly string[];
  /** How the body arrives; undefined if the route declares none. */
  readonly media: "json" | "form" | "bytes" | undefined;
  readonly readsQuery: boolean;
}

/** @internal Where requests of one worker are read. */
export interface Source {
  readonly calls: NativeCalls;
  readonly engine: NativeEngine;
  readonly isDev: boolean;
  readonly app: Spikard;
}

/** The other end of a connection. */
export interface Client {
  readonly address: string;
  readonly port: number;
}

/** Values of a query that no schema names: as sent, repeats as lists. */
export type LooseQuery = Record<string, string | string[]>;

/** One request. */
export class SpikardRequest<Params = Record<string, any>, Query = Record<string, any>, Body = any> {
  /** @internal */ _source: Source;
  /** @internal */ _token: number;
  /** @internal */ _route: Names | undefined;
  /** @internal */ _edits: string[] | undefined = undefined;
  /** @internal */ _spool: Spool | undefined = undefined;
  /** @internal What a failure threw, for hooks on errors. */ _error: unknown = undefined;
  /** @internal */ _abort: AbortController | undefined = undefined;
  #texts: (string | undefined)[] | undefined = undefined;
  #headers: RequestHeaders | undefined = undefined;
  #values: Record<string, unknown> | undefined = undefined;
  #params: Record<string, unknown> | undefined = undefined;
  #query: Record<string, unknown> | undefined = undefined;
  #body: unknown = UNREAD;
  #rawBody: Buffer | undefined = undefined;
  #files: UploadFile[] | undefined = undefined;
  #form: Record<string, unknown> | undefined = undefined;
  #state: Record<string, any> | undefined = undefined;
  #claims: unknown = UNREAD;

  /** @internal */
  constructor(source: Source, token: number, route: Names | undefined) {
    this._source = source;
    this._token = token;
    this._route = route;
  }

  /** @internal A later call of the same exchange: what it says besides is read from it. */
  _continue(token: number, route: Names | undefined): void {
    this._token = token;
    this._route = route;
    this.#texts = undefined;
    this.#body = UNREAD;
    this.#claims = UNREAD;
    if (this._edits === undefined || this._edits.length === 0) {
      this.#headers = undefined;
    }
    this._edits = [];
    if (this.#state !== undefined && this.claims !== null) {
      this.#state["claims"] = this.claims;
    }
  }

  /** @internal The handler has it: no further change is for the engine. */
  _close(): void {
    if (this.#headers !== undefined) {
      closeHeaders(this.#headers);
    }
  }

  #text(which: number): string {
    const texts = (this.#texts ??= []);
    return (texts[which] ??= this._source.calls.text(this._token, which));
  }

  /** The method, in upper case. */
  get method(): string {
    return this.#text(TEXT.method);
  }

  /** The path, as sent. */
  get path(): string {
    return this.#text(TEXT.path);
  }

  /** The query without its `?`, as sent; empty if there is none. */
  get queryString(): string {
    return this.#text(TEXT.query);
  }

  /** The whole URL, as the client has it. */
  get url(): string {
    const query = this.queryString === "" ? "" : `?${this.queryString}`;
    return `${this.scheme}://${this.headers.get("host") ?? ""}${this.path}${query}`;
  }

  /** `http`, or `https` where a trusted proxy says that the client came so. */
  get scheme(): string {
    return this._source.calls.connection(this._token)[1];
  }

  /** `1.0` or `1.1`. */
  get httpVersion(): string {
    return `1.${this._source.calls.connection(this._token)[0]}`;
  }

  /**
   * The client, as trusted proxies say, else the other end of the connection; null in process.
   */
  get client(): Client | null {
    const [, , address, port] = this._source.calls.connection(this._token);
    return address === undefined ? null : { address, port: port as number };
  }

  /** The pattern of the route; empty in hooks before routing. */
  get route(): string {
    return this.#text(TEXT.route);
  }

  /** The id of the exchange; empty if ids are off. */
  get requestId(): string {
    const own = this._edits && renamed(this._edits);
    return own ?? this.#text(TEXT.requestId);
  }

  /** The header fields, by lower-case names. */
  get headers(): RequestHeaders {
    if (this.#headers === undefined) {
      const joined = this._source.calls.fields(this._token);
      this.#headers = requestHeaders(joined === "" ? [] : joined.split("\0"), this._edits);
    }
    return this.#headers;
  }

  /** The value of one header field, repeats joined; undefined if there is none. */
  header(name: string): string | undefined {
    if (this.#headers !== undefined) {
      return this.#headers.get(name) ?? undefined;
    }
    return this._source.calls.field(this._token, name)?.replaceAll("\0", ", ");
  }

  /** The cookies by name; the first of a name wins. */
  get cookies(): Record<string, string> {
    const found: Record<string, string> = Object.create(null);
    for (const field of this.headers.getAll("cookie")) {
      const pairs = native.cookies(field);
      for (let at = 0; at < pairs.length; at += 2) {
        found[pairs[at] as string] ??= pairs[at + 1] as string;
      }
    }
    return found;
  }

  /** Every converted parameter by its name, wherever it was read; absent ones are left out. */
  get values(): Record<string, any> {
    if (this.#values === undefined) {
      const route = this._route;
      const values: Record<string, unknown> = {};
      if (route !== undefined && route.names.length > 0) {
        const given = this._source.calls.values(this._token);
        for (let at = 0; at < route.names.length; at += 1) {
          if (given[at] !== undefined) {
            define(values, route.names[at] as string, plain(given[at]));
          }
        }
      }
      this.#values = values;
    }
    return this.#values;
  }

  #of(source: string): Record<string, unknown> {
    const { names, sources } = this._route ?? NOTHING;
    const values = this.values;
    const found: Record<string, unknown> = {};
    for (let at = 0; at < names.length; at += 1) {
      const name = names[at] as string;
      if (sources[at] === source && Object.hasOwn(values, name)) {
        define(found, name, values[name]);
      }
    }
    return found;
  }

  /** The converted path parameters by name. */
  get params(): Params {
    return (this.#params ??= this.#of("path")) as Params;
  }

  /** The converted query parameters by name; without a schema, the query's values as sent. */
  get query(): Query {
    this.#query ??= this._route?.readsQuery === true ? this.#of("query") : loose(this.queryString);
    return this.#query as Query;
  }

  /**
   * The body. Where the route declares one, as it was validated: a JSON value, a form's fields, or
   * bytes. Elsewhere as its media type has it: JSON, a form, a text, else a `Buffer`. Undefined
   * if there is none.
   */
  get body(): Body {
    if (this.#body === UNREAD) {
      this.#body = this.#readBody();
    }
    return this.#body as Body;
  }

  #readBody(): unknown {
    const { calls } = this._source;
    if (!calls.hasBody(this._token)) {
      return undefined;
    }
    switch (this._route?.media) {
      case "json":
      case "form": {
        const text = calls.text(this._token, TEXT.body);
        return text === "" ? undefined : JSON.parse(text);
      }
      case "bytes":
        return this.rawBody;
      default:
        return this.#readAsSent();
    }
  }

  #readAsSent(): unknown {
    const media = (this.header("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
    if (media === "application/json" || media.endsWith("+json")) {
      return this.json();
    }
    if (media === "application/x-www-form-urlencoded" || media === "multipart/form-data") {
      return this.form();
    }
    return media.startsWith("text/") ? this.text() : this.rawBody;
  }

  /** The body's bytes; empty if there is none. Not there in `onRequest` hooks. */
  get rawBody(): Buffer {
    this.#rawBody ??= this._source.calls.body(this._token) ?? Buffer.alloc(0);
    return this.#rawBody;
  }

  /** The body as text. */
  text(): string {
    return this.rawBody.toString("utf8");
  }

  /** The body, read as JSON. Throws a problem of status 400 if it is none. */
  json(): any {
    try {
      return JSON.parse(this._source.calls.text(this._token, TEXT.body));
    } catch (error) {
      if (error instanceof SyntaxError) {
        throw new HttpProblem(400, { detail: "Invalid request format" });
      }
      throw error;
    }
  }

  /** The body, read as a form: its fields, with files under their names. Throws its problem. */
  form(): Record<string, any> {
    return (this.#form ??= this.#readForm());
  }

  #readForm(): Record<string, unknown> {
    let fields: Record<string, unknown>;
    let files = this.files;
    if (this._route?.media === "form") {
      fields = { ...(this.body as object) };
    } else {
      const body = this.rawBody;
      const media = this.header("content-type") ?? null;
      const read = JSON.parse(this._source.engine.readForm(media, body));
      if (read.problem !== undefined) {
        const { status, extensions, ...members } = read.problem;
        throw new HttpProblem(status, { ...extensions, ...members });
      }
      fields = read.fields;
      files = read.files.map((file: any) => {
        const { name, filename, content_type, headers, start, size } = file;
        const told = [name, filename, content_type ?? "", headers, size, body] as const;
        return new UploadFile([...told], body.subarray(start, start + size));
      });
    }
    for (const file of files) {
      const known = fields[file.name];
      define(fields, file.name, known === undefined ? file : [known, file].flat());
    }
    return fields;
  }

  /** The files of a form, in order, where the route takes files. */
  get files(): UploadFile[] {
    if (this.#files === undefined) {
      this.#files = this._source.calls.uploads(this._token).map((told) => {
        const content = told[5];
        if (typeof content !== "number") {
          return new UploadFile(told, content);
        }
        this._spool ??= new Spool(content);
        return new UploadFile(told, this._spool);
      });
    }
    return this.#files;
  }

  /** The last file of a name; undefined if there is none. */
  file(name: string): UploadFile | undefined {
    return this.files.findLast((file) => file.name === name);
  }

  /** An object of the application's own, for this request. The claims of its token are in it. */
  get state(): Record<string, any> {
    if (this.#state === undefined) {
      this.#state = {};
      if (this.claims !== null) {
        this.#state["claims"] = this.claims;
      }
    }
    return this.#state;
  }

  /** The application. */
  get app(): Spikard {
    return this._source.app;
  }

  /** What the functions of a worker share: the application's `state`. */
  get appState(): Record<string, any> {
    return this._source.app.state;
  }

  /** The claims of the token that let the request in. Null without one. */
  get claims(): Record<string, any> | null {
    if (this.#claims === UNREAD) {
      const text = this._source.calls.text(this._token, TEXT.claims);
      this.#claims = text === "" ? null : JSON.parse(text);
    }
    return this.#claims as Record<string, any> | null;
  }

  /** Aborted when nobody waits for the answer any more: the client has left, or it is late. */
  get signal(): AbortSignal {
    if (this._abort === undefined) {
      this._abort = new AbortController();
      WATCHED.set(this._source.calls, watched(this._source.calls).set(this._token, this._abort));
    }
    return this._abort.signal;
  }
}

/** Whose handler wants to know, by worker and call. */
const WATCHED = new WeakMap<NativeCalls, Map<number, AbortController>>();

function watched(calls: NativeCalls): Map<number, AbortController> {
  return WATCHED.get(calls) ?? new Map<number, AbortController>();
}

/** @internal Nobody waits for the answer of a call. */
export function cancel(calls: NativeCalls, token: number): void {
  watched(calls).get(token)?.abort();
}

/** @internal What ends with the answer. */
export function release(request: SpikardRequest): void {
  if (request._spool !== undefined) {
    request._spool.close();
  }
  if (request._abort !== undefined) {
    watched(request._source.calls).delete(request._token);
  }
}

/** A value of the engine's: JSON documents come as texts. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) {
    return value;
  }
  return Array.isArray(value) ? value.map(plain) : JSON.parse((value as { json: string }).json);
}

/** Sets a property, whatever it is called. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(object, name, { value, enumerable: true, writable: true });
  } else {
    object[name] = value;
  }
}

function loose(query: string): LooseQuery {
  const found: LooseQuery = {};
  for (const [name, value] of new URLSearchParams(query)) {
    const known = Object.hasOwn(found, name) ? found[name] : undefined;
    define(found, name, known === undefined ? value : [known, value].flat());
  }
  return found;
}

/** The id that hooks have named an exchange by, if they have. */
function renamed(edits: readonly string[]): string | undefined {
  for (let at = edits.length - 3; at >= 0; at -= 3) {
    const [kind, name, value] = edits.slice(at, at + 3) as [string, string, string];
    if (name.toLowerCase() === "x-request-id") {
      return kind !== "remove" && native.isRequestId(value) ? value : undefined;
    }
  }
  return undefined;
}

const UNREAD: unique symbol = Symbol("unread");
const NOTHING: Names = { names: [], sources: [], media: undefined, readsQuery: false };
