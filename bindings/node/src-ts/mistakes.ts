// Options that there are none of: refused, as a misspelt one would be a setting that does not hold.
//
// Knows nothing of what the options mean.

import { RouteError } from "./errors.js";
import type { RegisterOptions } from "./group.js";
import type { GroupOptions, RouteOptions } from "./route.js";

const SHARED: Readonly<Record<keyof GroupOptions, true>> = {
  responseValidation: true,
  maxBodySize: true,
  requestTimeout: true,
  cors: true,
  rateLimit: true,
  auth: true,
  responseHeaders: true,
  compression: true,
};
const OF_GROUPS: Readonly<Record<keyof RegisterOptions, true>> = {
  ...SHARED,
  prefix: true,
  tags: true,
};
const OF_ROUTES: Readonly<Record<keyof RouteOptions, true>> = {
  ...SHARED,
  name: true,
  params: true,
  query: true,
  headers: true,
  cookies: true,
  body: true,
  media: true,
  files: true,
  response: true,
};

/** Throws RouteError for options of a group that there are none of. */
export function refuseGroupOptions(options: object): void {
  refuse(options, Object.keys(OF_GROUPS), "a group");
}

/** Throws RouteError for options that there are none of; `what` is the route, for the message. */
export function refuseRouteOptions(options: object, what: string): void {
  refuse(options, Object.keys(OF_ROUTES), `${what}: a route`);
}

function refuse(options: object, known: readonly string[], who: string): void {
  const name = Object.keys(options).find((given) => !known.includes(given));
  if (name === undefined) {
    return;
  }
  const meant = nearest(name, known);
  const hint =
    meant === undefined ? `there are ${[...known].sort().join(", ")}` : `did you mean "${meant}"?`;
  throw new RouteError(`${who} has no option "${name}"; ${hint}`);
}

/** The known name that least of must change to have this one, if that is little. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, count: edits(candidate, name) }))
    .sort((left, right) => left.count - right.count);
  const best = ranked[0];
  return best !== undefined && best.count <= Math.max(2, best.candidate.length / 3)
    ? best.candidate
    : undefined;
}

/** How many letters must change to turn one name into the other. Their case counts for nothing. */
function edits(left: string, right: string): number {
  const [a, b] = [plain(left), plain(right)];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** So that `request_timeout` is near to `requestTimeout`. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll("_", "");
}
