// Opens, scans and closes again and again, and measures what stays. Run with --expose-gc.
//
// Threads and handles may not grow between turns 50 and 200. Memory may, by what the allocator of a busy machine keeps:
// then it is measured over the next 150 turns, and the next, where a leak would go on and an allocator does not.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { connect } from "@spiral-table/node";
import { numbers, sleep } from "./common.mjs";

const path = mkdtempSync(join(tmpdir(), "spiral-node-"));
const measure = async () => {
  for (let turn = 0; turn < 5; turn += 1) {
    /** @type {any} */ (globalThis).gc();
    await sleep(20);
  }
  const status = readFileSync("/proc/self/status", "utf8");
  const of = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  return { rssKib: of("VmRSS"), threads: of("Threads"), handles: readdirSync("/proc/self/fd").length };
};

async function turn(of) {
  const client = await connect(path);
  const table = await client.table("numbers");
  const plan = await table.scan({ where: "square > 100.0", limit: 20_000 });
  let rows = 0;
  for await (const batch of plan) {
    if (batch.column("id").length === 0 || batch.toIpc().length === 0) throw new Error("an empty batch");
    rows += batch.numRows;
  }
  if (rows !== 20_000) throw new Error(`${rows} rows`);
  // Every other turn leaves it to the garbage collector.
  if (of % 2) client.close();
  if (of % 10 === 0) await measure();
}

const seen = [];
const grew = (name) => (seen.at(-1)[name] - seen.at(-2)[name]) / seen.at(-2)[name];
try {
  (await numbers(50_000, path)).client.close();
  for (let of = 1; of <= 50; of += 1) await turn(of);
  seen.push(await measure());
  for (let window = 0; window < 3 && (window === 0 || grew("rssKib") > 0.02); window += 1) {
    for (let of = 1; of <= 150; of += 1) await turn(of);
    seen.push(await measure());
    for (const name of ["threads", "handles"]) if (grew(name) > 0.02) throw new Error(`${name} grew: ${JSON.stringify(seen)}`);
  }
  console.log(JSON.stringify(seen));
  if (grew("rssKib") > 0.02) throw new Error("memory grew by more than 2 % again and again");
} finally {
  rmSync(path, { recursive: true, force: true });
}
