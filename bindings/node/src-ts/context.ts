// In which async context handlers run: what start-up left in each `AsyncLocalStorage`, and nothing
// that another request has put there.
//
// All calls of a turn share one callback scope, and `enterWith` stays with the resource that runs.
// So each call gets a resource of its own, where Node keeps contexts in resources; where it keeps
// them in frames (24 and later), one that goes back to the frame of start-up is enough.

import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";

import type { SpikardRequest } from "./request.js";

/** Calls a function with a request, in a context of its own. */
export type Enter = <T>(call: (request: any) => T, request: SpikardRequest) => T;

/** What calls of one worker are made with. Made in the context of start-up. */
export function enter(): Enter {
  if (hasFrames()) {
    const base = new AsyncResource(TYPE);
    return (call, request) => base.runInAsyncScope(call, undefined, request);
  }
  return (call, request) => new AsyncResource(TYPE).runInAsyncScope(call, undefined, request);
}

const EXCHANGES = new WeakMap<SpikardRequest, AsyncResource>();

/** As `enter`, and what a call leaves in its context the next call of its exchange finds there. */
export function enterExchange(): Enter {
  const base = hasFrames() ? new AsyncResource(TYPE) : undefined;
  return (call, request) => {
    const resource = EXCHANGES.get(request) ?? base ?? new AsyncResource(TYPE);
    return resource.runInAsyncScope(() => {
      try {
        return call(request);
      } finally {
        EXCHANGES.set(request, new AsyncResource(TYPE));
      }
    });
  };
}

let known: boolean | undefined;

/** Whether contexts are frames: then what is entered in a resource does not stay there. */
function hasFrames(): boolean {
  if (known === undefined) {
    const storage = new AsyncLocalStorage<true>();
    const resource = new AsyncResource(TYPE);
    resource.runInAsyncScope(() => storage.enterWith(true));
    known = resource.runInAsyncScope(() => storage.getStore()) === undefined;
    storage.disable();
  }
  return known;
}

const TYPE = "SPIKARD";
