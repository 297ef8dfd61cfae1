// Cancellation, and what closing does to work under way.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";

import { CancelledError, connect, InvalidArgumentError } from "@spiral-table/node";
import { folder, numbers, people, rejects, serve, sleep, startsNothingAfter } from "./common.mjs";

test("what is cancelled before it starts never starts", async (context) => {
  const path = folder(context);
  (await numbers(10, path)).client.close();
  const server = await serve(context, path);
  const client = await connect(server.url);
  const table = await client.table("numbers");
  const plan = await table.scan();
  await sleep(20);
  const before = server.requests().length;
  const signal = AbortSignal.abort("mine");
  let iterated = false;
  async function* pieces() {
    iterated = true;
    yield [{ id: 1 }];
  }
  for (const start of [
    () => table.scan({ signal }),
    () => table.take([1], { signal }),
    () => table.write(pieces(), { signal }),
    () => table.delete([1], { signal }),
    () => table.deleteWhere("id = 1", { signal }),
    () => table.history({ signal }),
    () => table.schema({ signal }),
    () => table.snapshot({ signal }),
    () => client.table("numbers", { signal }),
    () => client.tables({ signal }),
    () => client.createTable("t", { id: "int64" }, { signal }),
    () => plan.toRows({ signal }),
    () => plan.toIpc({ signal }),
    () => plan.batches({ signal }).next(),
    () => table.transaction().commit({ signal }),
  ]) {
    const error = await rejects(start(), CancelledError, "cancelled");
    assert.deepEqual([error.name, error.kind, error.cause, error.message], ["AbortError", "Cancelled", "mine", "the operation was cancelled"]);
  }
  await sleep(20);
  assert.equal(server.requests().length, before);
  assert.equal(iterated, false);
  client.close();
});

test("what is cancelled while it waits ends within 50 ms and sends no further request", async (context) => {
  const path = folder(context);
  (await numbers(10, path)).client.close();
  const server = await serve(context, path, "--delay", "200");
  const client = await connect(server.url);
  for (const start of [
    (signal) => client.table("numbers", { signal }),
    async (signal) => (await client.tableAtRoot({ signal })).scan({ signal }),
  ]) {
    const controller = new AbortController();
    const opening = start(controller.signal);
    opening.catch(() => {});
    await sleep(40);
    const begin = Date.now();
    controller.abort();
    await rejects(opening, CancelledError, "cancelled");
    const millis = Date.now() - begin;
    assert.ok(millis < 50, `took ${millis} ms`);
    assert.equal(getEventListeners(controller.signal, "abort").length, 0);
    await startsNothingAfter(server, begin, 200);
  }
  client.close();
});

test("a stream that is cancelled while it waits ends at once", async (context) => {
  const path = folder(context);
  (await numbers(1_000_000, path)).client.close();
  const server = await serve(context, path, "--delay", "200");
  const client = await connect(server.url);
  const table = await client.table("numbers");
  const opened = server.requests().length;
  const controller = new AbortController();
  const plan = await table.scan({ signal: controller.signal });
  const batches = plan.batches({ signal: controller.signal });
  const first = /** @type {IteratorYieldResult<any>} */ (await batches.next());
  assert.ok(first.value.numRows > 0);
  const reading = (async () => {
    while (!(await batches.next()).done);
  })();
  reading.catch(() => {});
  await sleep(60);
  const begin = Date.now();
  controller.abort(new Error("enough"));
  const error = await rejects(reading, CancelledError, "cancelled");
  assert.ok(Date.now() - begin < 50);
  assert.equal(error.cause.message, "enough");
  await startsNothingAfter(server, begin, 200);
  assert.ok(server.requests().length > opened);
  client.close();
});

test("what is cancelled while it computes ends within 50 ms, and the event loop goes on meanwhile", async () => {
  const { client, table } = await numbers(1_500_000);
  const plan = await table.scan({ where: "square * 3.0 + 1.0 > 5.0 and square % 7.0 < 6.0" });
  let [last, gap, turns] = [performance.now(), 0, 0];
  const timer = setInterval(() => {
    const now = performance.now();
    [gap, last, turns] = [Math.max(gap, now - last), now, turns + 1];
  }, 1);
  assert.ok((await plan.toIpc()).length > 1000);
  clearInterval(timer);
  assert.ok(turns > 5 && gap < 200, `${turns} turns, the longest of ${gap} ms`);
  const controller = new AbortController();
  const scan = plan.toIpc({ signal: controller.signal });
  scan.catch(() => {});
  await sleep(5);
  const begin = performance.now();
  controller.abort();
  await rejects(scan, CancelledError, "cancelled");
  const millis = performance.now() - begin;
  assert.ok(millis < 50, `took ${millis} ms`);
  client.close();
});

test("a write that is cancelled while its data does not come ends at once and commits nothing", async () => {
  const { client, table } = await people();
  const controller = new AbortController();
  let ended = false;
  const source = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: async () => {
        ended = true;
        return { done: true, value: undefined };
      },
    }),
  };
  const writing = table.write(/** @type {any} */ (source), { signal: controller.signal });
  writing.catch(() => {});
  await sleep(20);
  const begin = performance.now();
  controller.abort();
  await rejects(writing, CancelledError, "cancelled");
  assert.ok(performance.now() - begin < 50);
  assert.equal(ended, true);
  assert.equal((await table.snapshot()).version, 2);
  client.close();
});

test("a signal that outlives its operations holds nothing of them", async () => {
  const { client, table } = await people();
  const { signal } = new AbortController();
  for (let turn = 0; turn < 20; turn += 1) {
    const plan = await table.scan({ signal });
    for await (const batch of plan.batches({ signal })) assert.equal(batch.numRows, 2);
    await rejects(table.scan({ signal, where: "x" }), InvalidArgumentError);
  }
  assert.equal(getEventListeners(signal, "abort").length, 0);
  client.close();
});

test("closing a client cancels its work and closes what was opened from it", async (context) => {
  const path = folder(context);
  (await numbers(10, path)).client.close();
  const server = await serve(context, path, "--delay", "300");
  const client = await connect(server.url);
  const opening = client.table("numbers");
  opening.catch(() => {});
  await sleep(20);
  client.close();
  await rejects(opening, CancelledError, "cancelled");
  await rejects(client.table("numbers"), InvalidArgumentError, "invalid_argument");
  const { client: other, table } = await people();
  const [plan, snapshot, transaction] = [await table.scan(), await table.snapshot(), table.transaction()];
  other.close();
  other.close();
  for (const closed of [() => table.name, () => plan.schema, () => plan.explain(), () => snapshot.version, () => transaction.id, () => other.url]) {
    assert.throws(closed, { code: "invalid_argument", message: "it was closed: open it again" });
  }
  const disposed = await connect("memory:");
  disposed[Symbol.dispose ?? Symbol.for("Symbol.dispose")]();
  await rejects(disposed.tables(), InvalidArgumentError);
});
