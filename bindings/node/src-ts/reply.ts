// Results to replies: `reply(...)` with status and headers, and what each kind of result becomes.
//
// Knows nothing of requests.

import { Headers, type HeaderInit } from "./headers.js";
import { asked, native } from "./native.js";
import type { SpikardRequest } from "./request.js";

/** What a reply has besides its value. */
export interface ReplyInit {
  /** 200 unless given. */
  statusCode?: number | undefined;
  /** An object, or pairs, which may repeat a name. */
  headers?: HeaderInit | undefined;
  /** Names this state of the content: a bare text, or true for a tag of the content's bytes. */
  etag?: string | boolean | undefined;
  /** Whether the tag promises the same meaning rather than the same bytes. */
  weakEtag?: boolean | undefined;
}

/** Whom a cookie is sent to, how long it is kept, and by whom it can be read. */
export interface CookieInit {
  /** Seconds from now, cut off to whole ones; wins over `expires`. */
  maxAge?: number | undefined;
  expires?: Date | number | undefined;
  /** "/" unless another is given; null leaves it to the browser, which takes the request's. */
  path?: string | null | undefined;
  domain?: string | undefined;
  secure?: boolean | undefined;
  httpOnly?: boolean | undefined;
  sameSite?: "strict" | "lax" | "none" | "Strict" | "Lax" | "None" | undefined;
  partitioned?: boolean | undefined;
}

/** What a handler returns to set status or headers, and what hooks on replies are given. */
export class Reply<T = unknown> {
  statusCode: number;
  headers: Headers;
  /** A string is sent as text, bytes as they are, undefined as no body, the rest as JSON. */
  value: T;
  /** In a hook: what it answers. */
  request: SpikardRequest | undefined = undefined;
  /** In a hook on errors: what made it, an `HttpProblem` or whatever was thrown. */
  error: any = undefined;
  #contentTag: "strong" | "weak" | undefined = undefined;

  constructor(value: T, init: ReplyInit = {}) {
    this.value = value;
    this.statusCode = init.statusCode ?? 200;
    this.headers = new Headers(init.headers);
    const { etag, weakEtag = false } = init;
    if (typeof etag === "string") {
      this.headers.set(
        "etag",
        asked(() => native.etag(etag, weakEtag)),
      );
    } else if (etag === true) {
      this.#contentTag = weakEtag ? "weak" : "strong";
    }
  }

  /** Sets a cookie; several may be set. Throws for one that browsers would drop. */
  setCookie(name: string, value: string, init: CookieInit = {}): this {
    return this.#addCookie({ name, value }, init);
  }

  /** Ends a cookie. Path and domain must be those that it was set with. */
  deleteCookie(name: string, init: CookieInit = {}): this {
    return this.#addCookie({ name, ends: true }, init);
  }

  #addCookie(document: object, init: CookieInit): this {
    const { maxAge, expires, path = "/", domain, secure, httpOnly, sameSite, partitioned } = init;
    const seconds = expires instanceof Date ? expires.getTime() / 1000 : expires;
    const field = native.setCookie(
      JSON.stringify({
        ...document,
        max_age: maxAge === undefined ? undefined : Math.trunc(maxAge),
        expires: seconds === undefined ? undefined : Math.max(0, Math.trunc(seconds)),
        path,
        domain,
        secure,
        http_only: httpOnly,
        same_site: sameSite,
        partitioned,
      }),
    );
    this.headers.append("set-cookie", field);
    return this;
  }

  /** @internal A copy for the hooks of one request: a handler may keep one for all of them. */
  _for(request: SpikardRequest, error?: unknown): Reply {
    const twin = new Reply<unknown>(this.value, { statusCode: this.statusCode });
    twin.headers = new Headers(this.headers);
    twin.request = request;
    twin.error = error;
    twin.#contentTag = this.#contentTag;
    return twin;
  }

  /** @internal Its media type, if its headers have none, and its body. */
  _content(): [string | undefined, string | Uint8Array | null] {
    const [media, body] = contentOf(this.value);
    if (this.#contentTag !== undefined && !this.headers.has("etag")) {
      const bytes = typeof body === "string" ? Buffer.from(body) : (body ?? new Uint8Array());
      this.headers.set("etag", native.etagOf(bytes, this.#contentTag === "weak"));
    }
    return [this.headers.has("content-type") ? undefined : media, body];
  }
}

/** A reply with a status or headers: `return reply({ id }, { statusCode: 201 })`. */
export function reply<T>(value: T, init?: ReplyInit): Reply<T> {
  return new Reply(value, init);
}

/**
 * Sends the client to another location, absolute or relative. 307 unless another status is given;
 * after a form, 303 makes browsers ask for the location with GET. Throws for what cannot be sent.
 */
export function redirect(location: string, init: ReplyInit = {}): Reply<undefined> {
  const statusCode = init.statusCode ?? 307;
  asked(() => native.checkRedirect(statusCode, location));
  const made = new Reply(undefined, { ...init, statusCode });
  made.headers.set("location", location);
  return made;
}

/** What a value is by itself: its media type and its body. */
function contentOf(value: unknown): [string | undefined, string | Uint8Array | null] {
  if (value === undefined) {
    return [undefined, null];
  }
  if (typeof value === "string") {
    return ["text/plain; charset=utf-8", value];
  }
  const bytes = bytesOf(value);
  return bytes === undefined
    ? ["application/json", JSON.stringify(value) ?? "null"]
    : ["application/octet-stream", bytes];
}

/** @internal The bytes of a value that is bytes. */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) {
    return value;
  }
  if (value instanceof ArrayBuffer) {
    return new Uint8Array(value);
  }
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : undefined;
}

/** @internal Whether a value is the platform's own response. */
export function isResponse(value: object): value is Response {
  // Asked for by name first: the class itself costs much to load.
  return value.constructor?.name === "Response" && value instanceof Response;
}

/** @internal The platform's response as ours; its body is read whole. */
export async function replyOf(response: Response): Promise<Reply> {
  const fields: [string, string][] = [];
  for (const [name, value] of response.headers) {
    fields.push([name, value]);
  }
  const body = response.body === null ? undefined : Buffer.from(await response.arrayBuffer());
  return new Reply(body, { statusCode: response.status, headers: fields });
}
