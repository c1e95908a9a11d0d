// The native addon: its shape, and the errors that it throws as those users know.
//
// Nothing but this file loads it.

import { join } from "node:path";

import { AddressInUseError, ConfigError, RouteError } from "./errors.js";

/** An application under construction. */
export interface NativeEngine {
  configure(document: string): void;
  route(document: string): void;
  hooks(document: string): void;
  readForm(media: string | null, body: Uint8Array): string;
}

/** What a call to a number of the engine's answers with; see `dispatch.ts`. */
export type Run = (token: number) => string | true | null | undefined;

/** A reply's parts. */
export interface Parts {
  status: number;
  contentType?: string | undefined;
  fields: string[];
  isFailure: boolean;
  edits?: string[] | undefined;
}

/** The calls of one worker, by their numbers. */
export interface NativeCalls {
  setFunctions(runs: Run[]): void;
  text(token: number, which: number): string;
  fields(token: number): string;
  field(token: number, name: string): string | null;
  values(token: number): unknown[];
  body(token: number): Buffer | null;
  hasBody(token: number): boolean;
  connection(token: number): [version: number, scheme: string, address?: string, port?: number];
  exchange(token: number): number;
  purpose(token: number): number;
  made(token: number): [number, string, Buffer];
  uploads(token: number): NativeUpload[];
  json(token: number, body: string): void;
  plain(token: number, body: string): void;
  bytes(token: number, body: Uint8Array): void;
  reply(token: number, parts: Parts, text: string | null, bytes: Uint8Array | null): void;
  problem(token: number, document: string, edits?: string[]): void;
  fail(token: number, trace: string, isFinal: boolean, edits?: string[]): void;
  goOn(token: number, edits?: string[]): void;
}

/** Name, filename, content type, part header, size, content or descriptor, offset. */
export type NativeUpload = [string, string, string, string, number, Buffer | number, number?];

/** Numbers of `NativeCalls.text`. */
export const TEXT = {
  method: 0,
  path: 1,
  query: 2,
  requestId: 3,
  route: 4,
  body: 5,
  claims: 6,
  target: 7,
} as const;

/** One worker over sockets. */
export interface NativeServer {
  readonly engineName: string;
  stop(force: boolean): void;
  follow(inherited: NativeInherited): void;
  stats(): [number, number, number];
  close(): void;
}

/** One worker without sockets. */
export interface NativeInProcess {
  inject(request: Uint8Array, callback: (reply: Buffer) => void): void;
  close(): void;
}

/** What this process got from its parent. */
export interface NativeInherited {
  readonly worker: number;
  readonly controlFd: number;
  listenerFd(): number;
}

export type Log = (level: number, message: string) => void;
type Tell = (number: number) => void;

interface Native {
  Engine: new () => NativeEngine;
  Calls: new (log: Log, cancelled: Tell, ended: Tell) => NativeCalls;
  Server: new (
    engine: NativeEngine,
    calls: NativeCalls,
    listenerFd: number,
    onDrained: () => void,
  ) => NativeServer;
  InProcess: new (engine: NativeEngine, calls: NativeCalls) => NativeInProcess;
  listen(config: string, count: number): number[];
  supervise(command: string[], config: string, log: Log): number;
  inherited(): NativeInherited | null | undefined;
  setCookie(document: string): string;
  etag(opaque: string, isWeak: boolean): string;
  etagOf(content: Uint8Array, isWeak: boolean): string;
  checkRedirect(status: number, location: string): void;
  isRequestId(id: string): boolean;
  cookies(field: string): string[];
}

// eslint-disable-next-line -- an addon is loaded by `require`
export const native = require(join(__dirname, "..", "spikard.node")) as Native;

/** Calls into the addon, and throws what it throws as an error of this package. */
export function asked<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw translated(error);
  }
}

function translated(error: unknown): unknown {
  if (!(error instanceof Error)) {
    return error;
  }
  switch ((error as NodeJS.ErrnoException).code) {
    case "SPIKARD_CONFIG":
      return new ConfigError(error.message);
    case "SPIKARD_ROUTE":
      return new RouteError(error.message);
    case "EADDRINUSE":
      return new AddressInUseError(error.message);
    default:
      return error;
  }
}
