// A request as the bytes that go on the wire.
//
// Knows nothing of how they get there.

import { randomBytes } from "node:crypto";

import { Headers, type HeaderInit } from "../headers.js";

/** Values by name, or pairs; a list is a repeated name. */
export type Params = Readonly<Record<string, unknown>> | Iterable<readonly [string, unknown]>;

/** A file of a form: its content, or what else is said of it. */
export type FileInit =
  string | Uint8Array | { content: string | Uint8Array; filename?: string; contentType?: string };

/** What a request has besides method and path. */
export interface RequestInit {
  /** The body, as any value. */
  json?: unknown;
  /** The body as it is, text as UTF-8; or the fields of a form. */
  data?: string | Uint8Array | Params | undefined;
  /** Files of a multipart form by name; a list for several. */
  files?: Readonly<Record<string, FileInit | readonly FileInit[]>> | undefined;
  /** The query; lists become repeated names. */
  params?: Params | undefined;
  headers?: HeaderInit | undefined;
  /** Cookies by name. */
  cookies?: Readonly<Record<string, string>> | undefined;
}

/**
 * A request as bytes. Adds `host`, and with a body its length and type, unless `headers` has them.
 * Throws a TypeError for a line break where it would end a line, and for two bodies.
 */
export function writeRequest(method: string, path: string, init: RequestInit = {}): Buffer {
  const headers = new Headers(init.headers);
  const body = bodyOf(init, headers);
  if (init.cookies !== undefined) {
    const pairs = Object.entries(init.cookies).map(([name, value]) => `${name}=${value}`);
    headers.append("cookie", pairs.join("; "));
  }
  if (!headers.has("host")) {
    headers.set("host", "localhost");
  }
  if (body !== undefined && !headers.has("content-length") && !headers.has("transfer-encoding")) {
    headers.set("content-length", String(body.length));
  }
  const query = init.params === undefined ? "" : queryOf(init.params);
  const mark = path.includes("?") ? "&" : "?";
  const target = encoded(query === "" ? path : path + mark + query);
  const lines = [`${method} ${target} HTTP/1.1`];
  for (const [name, value] of headers) {
    lines.push(`${name}: ${value}`);
  }
  const broken = lines.find((line) => /[\r\n]/.test(line));
  if (broken !== undefined) {
    throw new TypeError(`a line break in ${JSON.stringify(broken)}`);
  }
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
  return body === undefined ? head : Buffer.concat([head, body]);
}

function bodyOf(init: RequestInit, headers: Headers): Buffer | undefined {
  const { json, data, files } = init;
  if ("json" in init && (data !== undefined || files !== undefined)) {
    throw new TypeError("give json or data, not both");
  }
  const media = (type: string): void => {
    if (!headers.has("content-type")) {
      headers.set("content-type", type);
    }
  };
  if ("json" in init) {
    media("application/json");
    return Buffer.from(JSON.stringify(json) ?? "null");
  }
  if (files !== undefined) {
    if (typeof data === "string" || data instanceof Uint8Array) {
      throw new TypeError("files come with the fields of a form, given as an object or pairs");
    }
    const boundary = randomBytes(16).toString("hex");
    media(`multipart/form-data; boundary=${boundary}`);
    return multipart(boundary, data ?? {}, files);
  }
  if (data === undefined) {
    return undefined;
  }
  if (typeof data === "string" || data instanceof Uint8Array) {
    return Buffer.from(data as string);
  }
  media("application/x-www-form-urlencoded");
  return Buffer.from(queryOf(data));
}

function* pairs(params: Params): Iterable<[string, string]> {
  const entries =
    Symbol.iterator in params
      ? (params as Iterable<readonly [string, unknown]>)
      : Object.entries(params);
  for (const [name, value] of entries) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined) {
        yield [name, String(each)];
      }
    }
  }
}

function queryOf(params: Params): string {
  return new URLSearchParams([...pairs(params)]).toString();
}

/** A target with all that is not visible ASCII percent-encoded. */
function encoded(target: string): string {
  return target.replace(/[^\x21-\x7e\r\n]+/g, (text) =>
    Buffer.from(text).toString("hex").toUpperCase().replace(/../g, "%$&"),
  );
}

/** A multipart form as clients write it (RFC 7578). */
function multipart(
  boundary: string,
  fields: Params,
  files: NonNullable<RequestInit["files"]>,
): Buffer {
  const parts: Buffer[] = [];
  const add = (head: string, content: Uint8Array): void => {
    const line = `--${boundary}\r\ncontent-disposition: form-data; ${head}\r\n\r\n`;
    parts.push(Buffer.from(line), Buffer.from(content), Buffer.from("\r\n"));
  };
  for (const [name, value] of pairs(fields)) {
    add(`name="${quoted(name)}"`, Buffer.from(value));
  }
  for (const [name, given] of Object.entries(files)) {
    for (const each of Array.isArray(given) ? (given as FileInit[]) : [given as FileInit]) {
      const file =
        typeof each === "string" || each instanceof Uint8Array ? { content: each } : each;
      const { filename = "upload", contentType = "application/octet-stream" } = file as {
        filename?: string;
        contentType?: string;
      };
      const head = `name="${quoted(name)}"; filename="${quoted(filename)}"`;
      add(`${head}\r\ncontent-type: ${contentType}`, Buffer.from(file.content as string));
    }
  }
  return Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);
}

/** A name as browsers write it (WHATWG HTML, multipart form data). */
function quoted(name: string): string {
  return name.replaceAll('"', "%22").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}
