// Processes end, worker threads come and go, and nothing is left behind.
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import { folder, run } from "./common.mjs";

const require = createRequire(import.meta.url);
const module = (body) => ["--input-type=module", "--eval", `import { connect } from "@spiral-table/node";\n${body}`];

test("a process ends when its work is done, closed or not", async () => {
  const work = `
    const client = await connect("memory:");
    const table = await client.createTable("t", { id: "int64" });
    await table.write([{ id: 1 }]);
    const batches = (await table.scan()).batches();
    console.log((await batches.next()).value.numRows);`;
  for (const body of [work, `${work}\nclient.close();`]) {
    const { output, errors, status, millis } = await run(module(body));
    assert.deepEqual([output.trim(), errors, status], ["1", "", 0]);
    assert.ok(millis < 10_000, `${millis} ms`);
  }
});

test("a process ends while work is under way", async () => {
  const { status, errors } = await run(module(`
    const client = await connect("memory:");
    const table = await client.createTable("t", { id: "int64" });
    for (let at = 0; at < 20; at += 1) table.write([{ id: at }]).catch(() => {});
    process.exit(3);`));
  assert.deepEqual([status, errors], [3, ""]);
});

test("worker threads have clients of their own, and end at any time", async () => {
  const script = new URL("worker.mjs", import.meta.url);
  const worker = () => new Worker(script, { workerData: { rows: 200_000 } });
  const whole = await Promise.all([worker(), worker()].map((one) => new Promise((found, failed) => one.on("message", found).on("error", failed))));
  assert.deepEqual(whole, [200_000, 200_000]);
  for (const millis of [0, 20, 60, 120, 200]) {
    const cut = worker();
    await new Promise((later) => setTimeout(later, millis));
    await cut.terminate();
  }
  // This thread's own engine goes on.
  const { connect } = await import("@spiral-table/node");
  const client = await connect("memory:");
  await client.createTable("t", { id: "int64" });
  client.close();
});

test("handles, memory and threads stay the same over 200 turns", async (context) => {
  const { output, errors, status } = await run(["--expose-gc", "leaks.mjs"], { env: { ...process.env, MALLOC_ARENA_MAX: "2" } });
  assert.equal(status, 0, errors + output);
  context.diagnostic(output.trim());
});

test("a platform without a library is told so", async (context) => {
  const home = dirname(require.resolve("@spiral-table/node/package.json"));
  const copy = join(folder(context), "copy");
  cpSync(home, copy, { recursive: true });
  const { errors, status } = await run(["--eval", `require(${JSON.stringify(copy)})`], { cwd: copy });
  assert.equal(status, 1);
  assert.match(errors, /Spiral has no native library for .+: package @spiral-table\/node-.+ is not installed/);
});
