// Uploaded files: what a client sent as files of a multipart form.
//
// A small file is in memory; a large one in a temporary file without a name, which all large files
// of a request share and which is closed with the answer. Both are read alike.

import { closeSync, read, readSync } from "node:fs";
import { Readable } from "node:stream";

import type { NativeUpload } from "./native.js";

/** A file as a client sent it. */
export class UploadFile {
  /** The name of the form's field. */
  readonly name: string;
  /** The file's name as the client sent it, which may be any path: never open it. */
  readonly filename: string;
  /** The media type that the client says it is; undefined if it says nothing. */
  readonly contentType: string | undefined;
  /** How many bytes it has. */
  readonly size: number;
  /** The header fields of its part, by lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly #content: Buffer | Spool;
  readonly #start: number;

  /** @internal */
  constructor(told: NativeUpload, content: Buffer | Spool) {
    const [name, filename, contentType, headers, size, , start] = told;
    this.name = name;
    this.filename = filename;
    this.contentType = contentType === "" ? undefined : contentType;
    this.size = size;
    this.headers = Object.fromEntries(
      headers
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => {
          const at = line.indexOf(": ");
          return [line.slice(0, at), line.slice(at + 2)];
        }),
    );
    this.#content = content;
    this.#start = start ?? 0;
  }

  /** Whether its content is in a temporary file rather than in memory. */
  get isSpooled(): boolean {
    return this.#content instanceof Spool;
  }

  /** The whole content, at once. A large file is read from disk meanwhile. */
  bytes(): Buffer {
    return this.#content instanceof Spool
      ? this.#content.readSync(this.#start, this.size)
      : this.#content;
  }

  /** The whole content as text. */
  text(): string {
    return this.bytes().toString("utf8");
  }

  /** The whole content; a disk does not hold the event loop. */
  async arrayBuffer(): Promise<ArrayBuffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.chunks()) {
      pieces.push(piece);
    }
    const whole = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
    return whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.byteLength) as ArrayBuffer;
  }

  /** The content in pieces; a disk does not hold the event loop. */
  async *chunks(size: number = CHUNK_BYTES): AsyncGenerator<Buffer> {
    for (let at = 0; at < this.size; at += size) {
      const length = Math.min(size, this.size - at);
      yield this.#content instanceof Spool
        ? await this.#content.read(this.#start + at, length)
        : this.#content.subarray(at, at + length);
    }
  }

  /** The content as a stream of Node's. */
  stream(): Readable {
    return Readable.from(this.chunks(), { objectMode: false });
  }
}

/** @internal The temporary file of one request's large uploads. */
export class Spool {
  #descriptor: number | undefined;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    // For requests that are never answered; the others close it themselves.
    FORGOTTEN.register(this, descriptor, this);
  }

  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) {
      FORGOTTEN.unregister(this);
      closeSync(descriptor);
    }
  }

  readSync(start: number, size: number): Buffer {
    const buffer = Buffer.allocUnsafe(size);
    let at = 0;
    while (at < size) {
      const length = readSync(this.#open(), buffer, at, size - at, start + at);
      if (length === 0) {
        throw new Error("the temporary file of an upload is shorter than it was");
      }
      at += length;
    }
    return buffer;
  }

  read(start: number, size: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const buffer = Buffer.allocUnsafe(size);
      read(this.#open(), buffer, 0, size, start, (error, length) => {
        if (error !== null) {
          reject(error);
        } else if (length < size) {
          reject(new Error("the temporary file of an upload is shorter than it was"));
        } else {
          resolve(buffer);
        }
      });
    });
  }

  #open(): number {
    if (this.#descriptor === undefined) {
      throw new Error("the request is answered, and the temporary file of its uploads is gone");
    }
    return this.#descriptor;
  }
}

const FORGOTTEN = new FinalizationRegistry<number>(closeSync);
const CHUNK_BYTES = 64 * 1024;
