// Arrow data of several versions of apache-arrow, and data that is written piece by piece.
import assert from "node:assert/strict";
import { test } from "node:test";

import * as arrow21 from "apache-arrow";
import * as arrow17 from "apache-arrow-17";
import * as arrow19 from "apache-arrow-19";

import { connect, InvalidArgumentError } from "@spiral-table/node";
import { numbers, rejects, sleep } from "./common.mjs";

for (const [version, arrow] of /** @type {[string, any][]} */ ([["17", arrow17], ["19", arrow19], ["21", arrow21]])) {
  test(`apache-arrow ${version} writes streams and files and reads what is handed out`, async () => {
    const client = await connect("memory:");
    const table = await client.createTable("t", { id: "int32" });
    const data = arrow.tableFromArrays({ id: Int32Array.of(1, 2, 3), name: ["a", "b", null], score: Float64Array.of(0.5, 1.5, -0) });
    await table.write(arrow.tableToIPC(data, "stream"));
    await table.write(arrow.tableToIPC(arrow.tableFromArrays({ id: Int32Array.of(4), name: ["d"] }), "file"));
    await table.write([{ id: 4, list: [1n, null], bytes: new Uint8Array([1]), yes: true, group: { x: new Date(0) } }]);
    const plan = await table.scan();
    const read = arrow.tableFromIPC(await plan.toIpc());
    assert.deepEqual(read.toArray().map((row) => row.name), ["a", "b", null, "d"]);
    assert.deepEqual(read.toArray().map((row) => row.score), [0.5, 1.5, -0, null]);
    assert.deepEqual(read.schema.fields.map((field) => field.name), plan.schema.map((column) => column.path));
    for await (const batch of plan) assert.equal(arrow.tableFromIPC(batch.toIpc()).numRows, batch.numRows);
    const taken = await plan.take([[3], [1]]);
    assert.deepEqual([...arrow.tableFromIPC(taken.batch.toIpc()).getChild("id")], [3, 1]);
    // No rows are data too.
    assert.equal(arrow.tableFromIPC(await (await table.scan({ where: "id > 99" })).toIpc()).numRows, 0);
    client.close();
  });
}

test("bytes that are no Arrow data are refused", async () => {
  const client = await connect("memory:");
  const table = await client.createTable("t", { id: "int32" });
  const whole = arrow21.tableToIPC(arrow21.tableFromArrays({ id: Int32Array.of(1, 2, 3) }));
  await rejects(table.write(new Uint8Array([1, 2, 3])), InvalidArgumentError, "invalid_argument");
  await rejects(table.write(whole.slice(0, whole.length - 60)), InvalidArgumentError, "invalid_argument");
  await table.write(/** @type {any} */ (whole.slice().buffer));
  client.close();
});

test("data is written piece by piece, and an iteration is always ended", async () => {
  const client = await connect("memory:");
  const table = await client.createTable("t", { id: "int64" });
  let [made, cleaned] = [0, 0];
  async function* pieces(until, failure = undefined) {
    try {
      for (let id = 0; id < until; id += 1) {
        made += 1;
        yield [{ id, name: `n${id}` }];
      }
      if (failure) throw failure;
    } finally {
      cleaned += 1;
    }
  }
  await table.write(pieces(5));
  assert.equal((await (await table.scan()).toRows()).length, 5);
  await table.write(new Set([[{ id: 10 }], [{ id: 11 }]]));
  const failure = new RangeError("mine");
  assert.equal(await rejects(table.write(pieces(3, failure)), RangeError), failure);
  assert.equal((await table.snapshot()).version, 3);
  async function* wrong() {
    yield* pieces(1);
    yield [{ id: "no number" }];
    yield* pieces(1000);
  }
  [made, cleaned] = [0, 0];
  await rejects(table.write(wrong()), InvalidArgumentError, "type_mismatch");
  await sleep(10);
  assert.ok(made < 10, `${made} pieces were made for a write that had failed`);
  assert.ok(cleaned >= 1);
  async function* odd() {
    try {
      yield [{ id: 20 }];
      yield /** @type {any} */ ("rows");
    } finally {
      cleaned = 100;
    }
  }
  await rejects(table.write(odd()), InvalidArgumentError, "invalid_argument");
  await sleep(1);
  assert.equal(cleaned, 100);
  client.close();
});

test("data is asked for no faster than it is taken", async () => {
  const client = await connect("memory:", { partitionMaxBytes: 1 << 20 });
  const table = await client.createTable("t", { id: "int64" });
  let [asked, gone] = [0, false];
  const rows = 50_000;
  const source = {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        assert.ok(!gone, "asked for a piece while another one was under way");
        gone = true;
        await sleep(0);
        gone = false;
        const first = asked * rows;
        asked += 1;
        if (asked > 10) return { done: true, value: undefined };
        const ids = BigInt64Array.from({ length: rows }, (_, at) => BigInt(first + at));
        return { done: false, value: arrow21.tableToIPC(arrow21.tableFromArrays({ id: ids })) };
      },
    }),
  };
  const { version } = await table.write(source);
  assert.equal(version, 2);
  assert.equal((await table.history({ limit: 1 }))[0].rowsWritten, rows * 10);
  client.close();
});

test("streams read no further than their reader needs", async () => {
  const { client, table } = await numbers(2_000_000);
  const plan = await table.scan();
  let rows = 0;
  for await (const batch of plan) {
    rows += batch.numRows;
    await sleep(100);
    const ahead = plan.metrics().rowsReturned;
    await sleep(100);
    assert.equal(plan.metrics().rowsReturned, ahead);
    assert.ok(ahead < 1_500_000, `${ahead} rows were made for a reader of ${rows}`);
    break;
  }
  const all = [];
  for await (const row of (await table.scan({ limit: 200_000 })).rows()) if (row.id % 50_000n === 0n) all.push(row.id);
  assert.deepEqual(all, [0n, 50_000n, 100_000n, 150_000n]);
  const batches = plan.batches();
  const [one, two] = await Promise.all([batches.next(), batches.next()]);
  assert.ok(/** @type {any} */ (one.value).column("id")[0] < /** @type {any} */ (two.value).column("id")[0]);
  await batches.return();
  assert.equal((await batches.next()).done, true);
  client.close();
});
