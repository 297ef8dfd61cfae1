// What only the web has: servers of all habits, private files, workers. `window.odd` is the address of odd-server.mjs.
/* global describe, it */

import * as spiral from "@spiral-table/browser";
import { assert, equal, rejects, sleep } from "./assert.js";

const { connect } = spiral;
const { odd } = globalThis;
const authorized = { headers: { Authorization: "Bearer token" }, writable: true };

describe("tables over HTTP", () => {
  const expected = Array.from({ length: 3000 }, (_, id) => ({ id, text: `text ${id}`.repeat(20) }));

  it("are written with a token", async () => {
    const client = await connect(`${odd}/put/tables`, authorized);
    const table = await client.createTable("t", { id: "int64" });
    equal((await table.write(expected)).version, 2);
    await rejects(client.createTable("t", { id: "int64" }), spiral.AlreadyExistsError, "table_exists");
    await table.delete([0]);
    await table.write([expected[0]]);
    client.close();
  });

  it("are not written by a clock that is ahead of the server's", async () => {
    const client = await connect(`${odd}/late/elsewhere`, authorized);
    await rejects(client.createTable("t", { id: "int64" }), spiral.InvalidArgumentError, "clock_ahead");
    client.close();
  });

  it("are read only unless asked for", async () => {
    const client = await connect(`${odd}/put/tables`, { headers: authorized.headers });
    const table = await client.table("t");
    await rejects(table.write([{ id: 1 }]), spiral.UnsupportedError, "read_only");
    await rejects(client.createTable("other", { id: "int64" }), spiral.UnsupportedError, "read_only");
    await rejects(client.renameTable("t", "u"), spiral.UnsupportedError, "read_only");
    await rejects(client.dropTable("t"), spiral.UnsupportedError, "read_only");
    equal(await client.tables(), ["default.t"]);
    client.close();
    await rejects((await connect(`${odd}/put/tables`)).table("t"), spiral.PermissionDeniedError, "permission_denied");
  });

  for (const [habit, query] of [["open", ""], ["hidden", ""], ["whole", ""], ["missing", ""], ["signed", "?signature=valid"]]) {
    it(`are read from servers whose habit is ${habit}`, async () => {
      const client = await connect(`${odd}/${habit}/tables${query}`);
      equal(client.url, `${odd}/${habit}/tables`);
      const table = await client.table("t");
      const { id } = table;
      equal(await (await table.scan({ int64: "number" })).toRows(), expected);
      equal((await table.take([7, 5000, 2], { int64: "number" })).toRows(), [expected[7], expected[2]]);
      client.close();
      const alone = await connect(`${odd}/${habit}/tables/tables/${id}${query}`);
      const root = await alone.tableAtRoot();
      equal([root.name, root.id, (await root.take([1])).toRows().length], [id, id, 1]);
      alone.close();
    });
  }

  it("tell what keeps a page from reading them", async () => {
    const closed = await connect(`${odd}/closed/tables`);
    const error = await rejects(closed.table("t"), spiral.PermissionDeniedError, "permission_denied");
    assert(error.message.includes("Access-Control-Allow-Origin"), error.message);
    const unsigned = await connect(`${odd}/signed/tables?signature=SECRET`);
    const refused = await rejects(unsigned.table("t"), spiral.PermissionDeniedError, "permission_denied");
    assert(!`${refused.stack}${refused.message}`.includes("SECRET"), refused.message);
    const absent = await connect(`${odd}/open/tables`);
    await rejects(absent.table("absent"), spiral.NotFoundError, "table_not_found");
  });

  it("give up requests that are cancelled", async () => {
    const client = await connect(`${odd}/stuck/tables`);
    const controller = new AbortController();
    const opening = client.table("t", { signal: controller.signal });
    await sleep(200);
    const start = performance.now();
    controller.abort();
    await rejects(opening, spiral.CancelledError, "cancelled");
    assert(performance.now() - start < 50, `took ${performance.now() - start} ms`);
    await sleep(200);
    const { asked, abandoned } = await (await fetch(`${odd}/stuck-count`)).json();
    assert(asked > 0);
    equal(abandoned, asked);
    client.close();
  });
});

describe("tables in private files", () => {
  const root = `opfs:test-${crypto.randomUUID()}`;

  it("stay, and are listed", async () => {
    const writing = await connect(root);
    const table = await writing.createTable("t", { id: "int64" });
    await table.write([{ id: 1, name: "a" }]);
    writing.close();
    const reading = await connect(root);
    equal(await reading.tables(), ["default.t"]);
    equal(await (await (await reading.table("t")).scan({ int64: "number" })).toRows(), [{ id: 1, name: "a" }]);
    reading.close();
  });

  it("lose no commit of several workers that write at once", async () => {
    const client = await connect(root);
    await client.createTable("race", { id: "int64" });
    const workers = [0, 1, 2].map((number) => {
      const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
      const { promise, resolve, reject } = Promise.withResolvers?.() ?? deferred();
      worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data));
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage({ module: globalThis.moduleUrl, root, from: number * 100, commits: 5 });
      return { worker, promise };
    });
    const versions = (await Promise.all(workers.map(({ promise }) => promise))).flat();
    for (const { worker } of workers) worker.terminate();
    equal([...new Set(versions)].length, 15);
    const table = await client.table("race");
    equal((await (await table.scan()).toRows()).length, 15);
    equal((await table.snapshot()).version, 16);
    client.close();
  });
});

function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
