// Tables, values and errors as users meet them.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { test } from "node:test";

import * as spiral from "@spiral-table/node";
import { folder, people, rejects, sleep } from "./common.mjs";

const { connect } = spiral;
const require = createRequire(import.meta.url);

test("tables are written, scanned, taken from, deleted from", async () => {
  const { client, table } = await people();
  const plan = await table.scan({ where: "born > 1900", select: ["name"] });
  assert.deepEqual(await plan.toRows(), [{ name: "Grace" }]);
  assert.deepEqual(plan.schema, [{ path: "name", type: "utf8" }]);
  assert.match(plan.explain(), /version 2/);
  assert.equal(plan.metrics().rowsReturned, 1);
  const taken = await table.take([2, 9, 1], { select: ["name"] });
  assert.deepEqual([taken.toRows(), taken.positions], [[{ name: "Grace" }, { name: "Ada" }], [0, 2]]);
  assert.deepEqual(await (await table.scan({ keysOnly: true, begin: 2 })).toRows(), [{ id: 2n }]);
  assert.equal((await table.delete([1])).version, 3);
  assert.equal((await table.deleteWhere("born = 1906")).version, 4);
  assert.deepEqual(await (await table.scan()).toRows(), []);
  assert.equal((await (await table.scan({ asof: 2 })).toRows()).length, 2);
  assert.deepEqual((await table.history({ limit: 2 })).map((entry) => entry.version), [4, 3]);
  assert.deepEqual(await table.schema(), [
    { path: "id", type: "int64", key: true },
    { path: "born", type: "int64", key: false },
    { path: "name", type: "utf8", key: false },
  ]);
  assert.deepEqual(table.keySchema, [{ path: "id", type: "int64", key: true }]);
  assert.deepEqual([table.name, client.url, await client.tables()], ["people", "memory:", ["default.people"]]);
  client.close();
});

test("tables with the same key are scanned as one", async () => {
  const client = await spiral.connect("memory:");
  const people = await client.createTable("people", { id: "int64" });
  const orders = await client.createTable("orders", { id: "int64" });
  await people.write([{ id: 1, name: "ann" }, { id: 2, name: "bob" }]);
  await orders.write([{ id: 2, total: 20 }]);
  const before = await people.snapshot();
  await people.delete([[2]]);
  const plan = await client.scan({ people: before, orders }, { int64: "number" });
  assert.deepEqual(await plan.toRows(), [
    { id: 1, people: { name: "ann" }, orders: { total: null } },
    { id: 2, people: { name: "bob" }, orders: { total: 20 } },
  ]);
  const columns = { who: "p.name", twice: "o.total * 2" };
  const now = await client.scan({ p: people, o: orders }, { columns, where: "id = 2", int64: "number" });
  assert.deepEqual(await now.toRows(), [{ who: null, twice: 40 }]);
  assert.deepEqual((await now.take([1, 2])).toRows(), [{ who: null, twice: 40 }]);
  const stranger = await (await spiral.connect("memory:")).createTable("t", { id: "int64" });
  await assert.rejects(client.scan({ people, stranger }), { code: "invalid_argument" });
  const wrong = [[{ people: "people" }], [undefined], [{ people }, { columns: { x: 1 } }]];
  for (const [tables, options] of /** @type {any[][]} */ (wrong)) {
    await assert.rejects(client.scan(tables, options), { code: "invalid_argument" });
  }
  await assert.rejects(client.scan({ people, orders }, { asof: 1 }), { code: "invalid_argument" });
});

test("a folder keeps tables, named by path, by URL and by its own", async (context) => {
  const path = folder(context);
  const first = await connect(path);
  const table = await first.createTable("a.b", { id: "int64" });
  await table.write([{ id: 1 }]);
  const { id } = table;
  first.close();
  const second = await connect(pathToFileURL(path));
  assert.equal((await (await (await second.table("a.b")).scan()).toRows()).length, 1);
  const alone = await connect(`${path}/tables/${id}`);
  assert.equal((await (await alone.tableAtRoot()).snapshot()).version, 2);
  second.close();
  alone.close();
});

test("tables are read as of a commit's exact time", async () => {
  const { client, table } = await people();
  const [newest] = await table.history({ limit: 1 });
  await sleep(5);
  await table.delete([1, 2]);
  const snapshot = await table.snapshot({ asof: { timestamp: newest.timestamp } });
  assert.deepEqual([snapshot.version, snapshot.timestamp], [newest.version, newest.timestamp]);
  assert.equal((await table.snapshot({ asof: new Date(Number(newest.timestamp / 1000n) + 1) })).version, newest.version);
  assert.equal((await table.snapshot({ asof: BigInt(newest.version) })).version, newest.version);
  assert.equal((await snapshot.take([2])).toRows()[0].name, "Grace");
  assert.equal((await (await snapshot.scan({ limit: 1 })).toRows()).length, 1);
  assert.equal((await snapshot.schema()).length, 3);
  client.close();
});

test("transactions commit together or not at all", async () => {
  const { client, table } = await people();
  const kept = table.transaction();
  await kept.write([{ id: 3, name: "Alan" }]);
  await kept.delete([1]);
  const commit = await kept.commit();
  assert.equal(commit.version, 3);
  assert.equal((await table.history({ limit: 1 }))[0].transaction, kept.id);
  const dropped = table.transaction();
  await dropped.deleteWhere("id > 0");
  assert.equal(await dropped.abort(), undefined);
  const disposed = table.transaction();
  await disposed.write([{ id: 4 }]);
  await disposed[Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]();
  await rejects(disposed.commit(), spiral.InvalidArgumentError, "invalid_argument");
  assert.deepEqual((await (await table.scan()).toRows()).map((row) => row.id), [2n, 3n]);
  await rejects(kept.commit(), spiral.InvalidArgumentError, "invalid_argument");
  client.close();
});

test("values of every type come back as they were given", async () => {
  const client = await connect("memory:");
  const table = await client.createTable("values", { id: "uint64" });
  const types = {
    small: "int8", wide: "int64", half: "float16", single: "float32", exact: "decimal128(10, 2)", day: "date32",
    second: "timestamp[s, UTC]", micro: "timestamp[us]", time: "time64[ns]", span: "duration[ms]",
  };
  const row = {
    id: 2n ** 64n - 1n, small: -128, wide: -(2n ** 63n), half: 1.5, single: 0.5, exact: "12.50",
    day: new Date(86_400_000 * 3), second: new Date(-1000), micro: 1n, time: 86_399_999_999_999n, span: -5n,
    text: "ä\u{1F600}\0", bytes: new Uint8Array([0, 255]), yes: true, list: [[1n], [], null], group: { x: "y", a: { b: 1n } },
    nothing: null, deep: [{ a: 1n, b: [null, "x"] }],
  };
  await table.write([row], { types: { ...types, nothing: "utf8" } });
  const [found] = await (await table.scan()).toRows();
  for (const [name, value] of Object.entries(row)) assert.deepEqual(found[name], value, name);
  client.close();
});

test("values are taken in the forms that JavaScript has for them", async () => {
  const client = await connect("memory:");
  const table = await client.createTable("values", { id: "int64" });
  const types = { day: "date32", milli: "timestamp[ms, UTC]", micro: "timestamp[us, UTC]", vector: "List(Float32)" };
  const moment = new Date(86_400_000);
  const given = {
    id: 1, day: moment, milli: moment, micro: moment, vector: new Float32Array([1, -0]), bytes: Buffer.from("ab"), buffer: new Uint8Array([7]).buffer,
    view: new DataView(new Uint8Array([1, 2, 3]).buffer, 1), whole: 7, part: 7.5, skipped: undefined,
  };
  await table.write([given], { types });
  const [found] = await (await table.scan()).toRows();
  assert.deepEqual([found.day, found.milli, found.micro], [moment, moment, 86_400_000_000n]);
  assert.deepEqual([found.vector, found.bytes, found.buffer, found.view], [[1, -0], new Uint8Array([97, 98]), new Uint8Array([7]), new Uint8Array([2, 3])]);
  assert.deepEqual([found.whole, found.part, "skipped" in found], [7n, 7.5, false]);
  client.close();
});

test("texts that no UTF-8 holds are refused, not replaced", async () => {
  const { client, table } = await people();
  const lone = "\ud800";
  for (const wrong of [
    () => table.write([{ id: 3, name: lone }]),
    () => table.write([{ id: 3, [lone]: 1 }]),
    () => table.write([{ id: 3, deep: { list: [lone] } }]),
    () => table.scan({ where: `name = '${lone}'` }),
    () => table.scan({ select: [lone] }),
    () => table.scan({ begin: lone }),
    () => table.take([lone]),
    () => table.delete([[lone]]),
    () => table.deleteWhere(lone),
    () => client.table(lone),
    () => client.createTable("t", { [lone]: "int64" }),
    () => connect(lone),
  ]) {
    await rejects(wrong(), spiral.InvalidArgumentError, "invalid_argument");
  }
  client.close();
});

test("integers of 64 bits are numbers on request, if they are exact", async () => {
  const { client, table } = await people();
  assert.deepEqual(await (await table.scan({ int64: "number", limit: 1 })).toRows(), [{ id: 1, born: 1815, name: "Ada" }]);
  assert.deepEqual((await table.take([2], { int64: "number", select: ["born"] })).toRows(), [{ born: 1906 }]);
  await table.write([{ id: 2n ** 53n }]);
  const error = await rejects((await table.scan({ int64: "number" })).toRows(), spiral.InvalidArgumentError, "invalid_argument");
  assert.match(error.message, /^9007199254740992 is not exact/);
  client.close();
});

test("names like those of parts of objects, or with a zero, are data", async () => {
  const client = await connect("memory:");
  const table = await client.createTable("t", { id: "int64" });
  const row = JSON.parse('{"id": 1, "__proto__": "p", "constructor": "c", "toString": "s", "deep": [{"__proto__": "q", "a\\u0000b": 1}]}');
  await table.write([row]);
  const [found] = await (await table.scan({ int64: "number" })).toRows();
  assert.deepEqual(Object.entries(found).filter(([name]) => name !== "deep").sort(), Object.entries(row).filter(([name]) => name !== "deep").sort());
  assert.deepEqual(Object.entries(found.deep[0]), [["__proto__", "q"], ["a\0b", 1]]);
  assert.equal(Object.getPrototypeOf(found), Object.prototype);
  assert.equal(Object.getPrototypeOf(found.deep[0]), Object.prototype);
  client.close();
});

test("columns are typed arrays, or plain ones with null", async () => {
  const { client, table } = await people();
  await table.write([1, 2, 3].map((id) => ({ id, name: ["Ada", "Grace", null][id - 1], born: id < 3 ? 1900 : null })));
  const { value: batch } = await (await table.scan()).batches().next();
  assert.ok(batch);
  assert.deepEqual(batch.column("id"), BigInt64Array.of(1n, 2n, 3n));
  assert.deepEqual(batch.column("born"), [1900n, 1900n, null]);
  assert.deepEqual(batch.column("name"), ["Ada", "Grace", null]);
  assert.deepEqual([batch.numRows, batch.columns], [3, ["id", "born", "name"]]);
  // A write to a typed array changes nobody else's data.
  /** @type {any} */ (batch.column("id"))[0] = 9n;
  assert.deepEqual(batch.column("id"), BigInt64Array.of(1n, 2n, 3n));
  assert.throws(() => batch.column("nam"), { code: "unknown_column" });
  client.close();
});

test("errors have a class for each kind", async () => {
  const { client, table } = await people();
  const error = await rejects(table.scan({ where: "nam = 1" }), spiral.InvalidArgumentError, "unknown_column");
  assert.ok(error instanceof spiral.SpiralError && error instanceof Error);
  assert.deepEqual([error.name, error.kind, error.table, error.retryable], ["InvalidArgumentError", "InvalidArgument", "people", false]);
  assert.equal(error.message, "there is no column 'nam'; did you mean 'name'?");
  await rejects(client.table("absent"), spiral.NotFoundError, "table_not_found");
  await rejects(client.createTable("people", { id: "int64" }), spiral.AlreadyExistsError, "table_exists");
  await rejects(connect("ftp://host/a"), spiral.InvalidArgumentError, "invalid_store_url");
  const secret = await rejects(connect("s3://bucket", { store: { nothing: "topsecret" } }), spiral.InvalidArgumentError);
  assert.doesNotMatch(secret.message, /topsecret/);
  // Every code of the engine is of a kind that has a class.
  const native = require(require.resolve("@spiral-table/node").replace(/index\.js$/, "lib/native.js"));
  const codes = JSON.parse(native.codes());
  assert.ok(codes.length > 30);
  for (const [code, kind] of codes) {
    const of = spiral[`${kind}Error`];
    assert.equal(of?.kind, kind, code);
    assert.equal(of.className, `${kind}Error`);
  }
  client.close();
});

test("options that do not exist, and wrong arguments, are errors", async () => {
  const { client, table } = await people();
  const any = (/** @type {any} */ value) => value;
  const loop = { id: 1 };
  any(loop).self = loop;
  for (const wrong of [
    () => table.scan(any({ filter: "id = 1" })),
    () => table.scan({ limit: -1 }),
    () => table.scan(any({ int64: "string" })),
    () => table.scan(any({ signal: {} })),
    () => table.scan(any({ select: "id" })),
    () => table.scan({ asof: "yesterday" }),
    () => table.scan({ asof: -1 }),
    () => table.write(any("rows")),
    () => table.write(any(1)),
    () => table.write(any([1])),
    () => table.write([{ id: Symbol("s") }]),
    () => table.write([{ id: 2n ** 70n }]),
    () => table.write([{ id: 1, f: () => 1 }]),
    () => table.write([{ id: 1, d: new Date(NaN) }]),
    () => table.write([loop]),
    () => table.take(any(1)),
    () => table.take([[1, 2]]),
    () => table.history({ limit: 1.5 }),
    () => client.table(any(1)),
    () => connect(any(1)),
    () => connect("memory:", any({ nothing: 1 })),
    () => connect("memory:", any({ threads: "two" })),
  ]) {
    await rejects(wrong(), spiral.InvalidArgumentError, "invalid_argument");
  }
  client.close();
});

test("import and require give the same classes", () => {
  assert.equal(require("@spiral-table/node").SpiralError, spiral.SpiralError);
  assert.deepEqual(Object.keys(require("@spiral-table/node")).sort(), Object.keys(spiral).filter((name) => name !== "default" && name !== "module.exports").sort());
});
