// A program that tests start: routes that end it, keep it waiting, or tell which process it is.

import { HttpProblem, Spikard } from "@spikard/node";

const app = new Spikard({ port: Number(process.env.TEST_PORT ?? 0) });
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

app.get("/pid", () => ({ pid: process.pid, parent: process.ppid }));
app.get("/exit", () => process.exit(7));
app.get("/exit-later", async () => {
  await wait(1);
  process.exit(8);
});
app.get("/slow", async () => {
  await wait(300);
  return "slow";
});
app.get("/never", () => new Promise(() => {}));
app.get("/throws-late", () => {
  setTimeout(() => {
    throw new Error("outside of any request");
  });
  return "fine";
});
app.get("/problem", () => {
  throw new HttpProblem(418, { detail: "short and stout" });
});
app.onReady(() => {
  if (process.env.TEST_FAILS === "1") {
    throw new Error("it cannot start");
  }
});
app.onClose(async () => {
  await wait(1);
  console.log("closed");
});

if (process.env.TEST_ROLE === "run") {
  await app.run({ workers: Number(process.env.TEST_WORKERS ?? 1) });
  console.log("drained");
} else {
  const { port } = await app.listen();
  console.log(`port ${port}`);
  process.on("SIGTERM", () => app.close());
}
