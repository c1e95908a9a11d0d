// A reply as it stands on the wire, read strictly (RFC 9112).
//
// A lenient reader would hide what a client in the field trips over, so anything out of shape is an
// error.
// Knows nothing of sockets or applications.

import { Headers } from "../headers.js";

/** The bytes are no reply of HTTP/1.1. */
export class ReplyError extends Error {
  override readonly name = "ReplyError";
}

/** One reply: status, headers and body. */
export class TestReply {
  readonly statusCode: number;
  /** The header fields; lookup ignores case, `getAll` finds repeats. */
  readonly headers: Headers;
  /** Statuses of the replies before the final one (100 Continue). */
  readonly interim: readonly number[];
  /** The body, whole. */
  readonly bodyBytes: Buffer;

  constructor(statusCode: number, headers: Headers, body: Buffer, interim: readonly number[] = []) {
    this.statusCode = statusCode;
    this.headers = headers;
    this.bodyBytes = body;
    this.interim = interim;
  }

  /** The body, whole. */
  bytes(): Buffer {
    return this.bodyBytes;
  }

  /** The body as UTF-8. Throws a TypeError if it is none. */
  text(): string {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.bodyBytes);
  }

  /** The body read as JSON. Throws a SyntaxError if it is none. */
  json(): any {
    return JSON.parse(this.text());
  }
}

/**
 * Reads one reply to a request of `method` from the start of `data`. Returns it with its length in
 * bytes, or undefined if more bytes have to come. With `whole`, `data` is everything there is: a
 * body without a declared length ends there. Throws ReplyError.
 */
export function readReply(
  data: Buffer,
  method: string,
  whole: boolean,
): [TestReply, number] | undefined {
  const interim: number[] = [];
  for (let start = 0; ;) {
    const end = data.indexOf("\r\n\r\n", start);
    if (end < 0) {
      if (whole) {
        const begin = data.toString("latin1", start, start + 80);
        throw new ReplyError(`no end of the head in "${begin}"`);
      }
      return undefined;
    }
    const [status, headers] = readHead(data.subarray(start, end));
    start = end + 4;
    if (status < 200) {
      interim.push(status);
      continue;
    }
    if (headers.has("transfer-encoding") && method !== "HEAD") {
      const chunks = readChunks(data, start, headers);
      if (chunks !== undefined) {
        return [new TestReply(status, headers, chunks[0], interim), chunks[1]];
      }
      if (whole) {
        throw new ReplyError(`no last chunk in ${data.length - start} bytes`);
      }
      return undefined;
    }
    const length = lengthOf(headers, method, status) ?? (whole ? data.length - start : undefined);
    if (length === undefined || data.length < start + length) {
      if (whole) {
        throw new ReplyError(`${data.length - start} bytes of a body of ${length}`);
      }
      return undefined;
    }
    const body = data.subarray(start, start + length);
    return [new TestReply(status, headers, body, interim), start + length];
  }
}

/** Reads a status line and header fields (RFC 9112 §4, RFC 9110 §5.5). */
function readHead(head: Buffer): [number, Headers] {
  const [first = "", ...lines] = head.toString("latin1").split("\r\n");
  const found = STATUS_LINE.exec(first);
  if (found === null) {
    throw new ReplyError(`"${first}" is no status line`);
  }
  const headers = new Headers();
  for (const line of lines) {
    const field = FIELD.exec(line);
    if (field === null) {
      throw new ReplyError(`"${line}" is no header field`);
    }
    headers.append(field[1] as string, (field[2] as string).replace(/^[ \t]+|[ \t]+$/g, ""));
  }
  return [Number(found[1]), headers];
}

/**
 * Undoes chunks from `start` (RFC 9112 §7.1), without extensions or trailers, as none is sent.
 * Returns the content and where its reply ends, or undefined if more bytes have to come.
 */
function readChunks(data: Buffer, start: number, headers: Headers): [Buffer, number] | undefined {
  const coding = headers.getAll("transfer-encoding").join(" and ");
  if (coding !== "chunked" || headers.has("content-length")) {
    throw new ReplyError(`transfer-encoding is ${coding}`);
  }
  const pieces: Buffer[] = [];
  for (let at = start; ;) {
    const end = data.indexOf("\r\n", at);
    if (end < 0) {
      return undefined;
    }
    const line = data.toString("latin1", at, end);
    if (!/^[0-9a-fA-F]{1,12}$/.test(line)) {
      throw new ReplyError(`"${line.slice(0, 80)}" is no size of a chunk`);
    }
    const begin = end + 2;
    const size = Number.parseInt(line, 16);
    at = begin + size + 2;
    if (data.length < at) {
      return undefined;
    }
    if (data.toString("latin1", at - 2, at) !== "\r\n") {
      throw new ReplyError(`a chunk of ${size} bytes has no end`);
    }
    pieces.push(data.subarray(begin, begin + size));
    if (size === 0) {
      return [Buffer.concat(pieces), at];
    }
  }
}

/** How long a body is; undefined if it ends with the data (RFC 9112 §6.3). */
function lengthOf(headers: Headers, method: string, status: number): number | undefined {
  const declared = headers.getAll("content-length");
  if (declared.length > 1 || declared.some((value) => !/^[0-9]+$/.test(value))) {
    throw new ReplyError(`content-length is ${declared.join(" and ")}`);
  }
  if (method === "HEAD" || status === 204 || status === 304) {
    return 0;
  }
  return declared[0] === undefined ? undefined : Number(declared[0]);
}

const STATUS_LINE = /^HTTP\/1\.[01] ([1-5][0-9]{2}) [\t\x20-\x7e\x80-\xff]*$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)$/;
