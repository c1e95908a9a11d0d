// Where the engine's sentences go: to stderr, or to the logger that a program sets.
//
// Knows nothing of what is logged.

import { inspect } from "node:util";

/** Takes sentences. Of `console`, pino, winston and their like each is one. */
export interface Logger {
  error(message: string): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
  /** Takes lines of the access log whose target is "log"; they go to stderr without it. */
  access?(line: string): void;
}

/** The engine's levels. */
export const LEVEL = { error: 1, warn: 2, info: 3, debug: 4, access: 5 } as const;

let logger: Logger | undefined;

/** Has all sentences go to a logger, in place of stderr; undefined takes it away again. */
export function setLogger(taker: Logger | undefined): void {
  logger = taker;
}

/** Logs one sentence of the engine. */
export function log(level: number, message: string): void {
  try {
    if (level === LEVEL.access) {
      if (logger?.access) {
        logger.access(message);
      } else {
        process.stderr.write(`${message}\n`);
      }
      return;
    }
    const word = WORDS[level] ?? "info";
    if (logger !== undefined) {
      logger[word](message);
    } else if (level < LEVEL.debug) {
      print(level, word, message);
    }
  } catch {
    // A line that nobody takes is no reason to end a server, nor a request.
  }
}

/** Logs what a handler threw, which the client never sees. */
export function handlerFailed(what: string, requestId: string, error: unknown): void {
  const id = requestId === "" ? "" : ` [${requestId}]`;
  log(LEVEL.error, `${what}${id}: ${trace(error)}`);
}

/** An error with its stack, its causes and its properties, as Node prints it. */
export function trace(error: unknown): string {
  return inspect(error, { colors: false });
}

function print(level: number, word: string, message: string): void {
  const stream = process.stderr;
  const colour = stream.isTTY && !("NO_COLOR" in process.env) ? COLOURS[level] : undefined;
  const label = (word === "warn" ? "WARNING" : word.toUpperCase()).padEnd(7);
  const shown = colour === undefined ? label : `\x1b[${colour}m${label}\x1b[0m`;
  const time = new Date().toTimeString().slice(0, 8);
  stream.write(`${time} ${shown} ${message}\n`);
}

const WORDS: Record<number, "error" | "warn" | "info" | "debug"> = {
  1: "error",
  2: "warn",
  3: "info",
  4: "debug",
};
const COLOURS: Record<number, string> = { 1: "31", 2: "33", 3: "32" };
