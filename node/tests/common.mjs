// What several tests need.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { connect } from "@spiral-table/node";
import { tableFromArrays, tableToIPC } from "apache-arrow";

export { sleep };

/** A table of two people in memory. */
export async function people() {
  const client = await connect("memory:");
  const table = await client.createTable("people", { id: "int64" });
  await table.write([{ id: 1, name: "Ada", born: 1815 }, { id: 2, name: "Grace", born: 1906 }]);
  return { client, table };
}

/** A table of many rows. */
export async function numbers(rows, root = "memory:", options = undefined) {
  const client = await connect(root, options);
  const table = await client.createTable("numbers", { id: "int64" });
  const ids = BigInt64Array.from({ length: rows }, (_, at) => BigInt(at));
  await table.write(tableToIPC(tableFromArrays({ id: ids, square: Float64Array.from(ids, (id) => Number(id) ** 2) })));
  return { client, table };
}

/** The error that a promise is rejected with, checked. */
export async function rejects(promise, of, code = undefined) {
  /** @type {any} */
  let error;
  await assert.rejects(promise, (found) => {
    error = found;
    return true;
  });
  assert.ok(error instanceof of, `${error?.stack}`);
  if (code) assert.equal(error.code, code, error.message);
  return error;
}

export function folder(test) {
  const path = mkdtempSync(join(tmpdir(), "spiral-node-"));
  test.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Serves a folder; `requests` tells what was asked for so far. */
export async function serve(test, path, ...options) {
  const log = join(folder(test), "requests");
  const script = join(process.env.SPIRAL_REPOSITORY, "tests/conformance/serve.mjs");
  const server = spawn(process.execPath, [script, path, "--log", log, ...options], { stdio: ["pipe", "pipe", "inherit"] });
  test.after(() => server.stdin.end());
  const [first] = await Promise.all([new Promise((found) => server.stdout.once("data", found))]);
  const requests = () => {
    try {
      return readFileSync(log, "utf8").trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
    } catch {
      return [];
    }
  };
  return { url: String(first).trim(), requests };
}

/** Fails when the server was asked for anything later than 50 ms after a moment, which was given as milliseconds since 1970. */
export async function startsNothingAfter(server, moment, delay) {
  // A request is logged once it is answered, or given up.
  await sleep(2 * delay + 100);
  const late = server.requests().filter(({ start }) => start > moment + 50);
  assert.deepEqual(late, [], "requests started more than 50 ms after the abort");
  assert.ok(server.requests().length > 0);
}

/** Runs a script of its own process to its end; fails when it takes longer than a while. */
export async function run(args, options = {}) {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], cwd: import.meta.dirname, ...options });
  let [output, errors] = ["", ""];
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (errors += chunk));
  const start = performance.now();
  const late = setTimeout(() => child.kill("SIGKILL"), 120_000);
  const [status, signal] = await new Promise((ended) => child.on("close", (...how) => ended(how)));
  clearTimeout(late);
  return { output, errors, status, signal, millis: performance.now() - start };
}
