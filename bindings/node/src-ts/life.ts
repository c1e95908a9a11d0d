// A worker's life around its requests: what runs before it accepts, and after it has drained.
//
// Knows nothing of requests or of processes.

import { RouteError } from "./errors.js";
import { LEVEL, log, trace } from "./logging.js";

/** A function of a worker's start or end. */
export type LifeFunction = () => void | PromiseLike<void>;

/** What an application wants done once per worker. */
export class Life {
  readonly #ready: LifeFunction[] = [];
  readonly #close: LifeFunction[] = [];

  /** Keeps a function of the start. Throws RouteError for what is none. */
  onReady(call: LifeFunction): void {
    this.#ready.push(checked("onReady", call));
  }

  /** Keeps a function of the end. Throws RouteError for what is none. */
  onClose(call: LifeFunction): void {
    this.#close.push(checked("onClose", call));
  }

  /** Runs the functions of the start, in order; throws what one of them throws. */
  async begin(): Promise<void> {
    for (const call of this.#ready) {
      await call();
    }
  }

  /** Runs those of the end, in order. What fails is logged, and what is late is left behind. */
  async end(seconds: number): Promise<void> {
    const late = deadline(seconds);
    for (const call of this.#close) {
      try {
        if ((await Promise.race([call(), late.passed])) === LATE) {
          log(LEVEL.error, `${title(call)} had not ended within shutdownTimeout`);
          break;
        }
      } catch (error) {
        log(LEVEL.error, `${title(call)} failed: ${trace(error)}`);
      }
    }
    late.cancel();
  }
}

function checked(kind: string, call: LifeFunction): LifeFunction {
  if (typeof call !== "function") {
    throw new RouteError(`${kind} takes a function, not ${typeof call}`);
  }
  return call;
}

function title(call: LifeFunction): string {
  return call.name === "" ? "an onClose function" : `the onClose function ${call.name}`;
}

function deadline(seconds: number): { passed: Promise<typeof LATE>; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(() => resolve(LATE), seconds * 1000);
  });
  return { passed, cancel: () => clearTimeout(timer) };
}

const LATE: unique symbol = Symbol("late");
