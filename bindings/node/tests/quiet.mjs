// Takes the log away from stderr while a test provokes failures, and gives its lines to the test.

import { setLogger } from "@spikard/node";

/** Runs a function, and returns what was logged as errors meanwhile. */
export async function quiet(act) {
  const lines = [];
  const ignore = () => {};
  setLogger({ error: (line) => lines.push(line), warn: ignore, info: ignore, debug: ignore });
  try {
    await act();
  } finally {
    setLogger(undefined);
  }
  return lines;
}
