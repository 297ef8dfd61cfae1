// The classes that users see.

import * as given from "./arguments.js";
import { call, initialize, run, wasm } from "./engine.js";
import { invalid } from "./errors.js";
import { HttpStore } from "./http-store.js";
import { MemoryStore } from "./memory-store.js";
import { OpfsStore } from "./opfs-store.js";

export * from "./errors.js";
export { initialize };

const dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");
const asyncDispose = Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

/** What belongs to one client: its handles, and what is under way. */
class Scope {
  handles = new Set();
  running = new Set();

  close() {
    for (const stop of this.running) stop();
    for (const handle of this.handles) call(() => handle.free());
    this.handles.clear();
  }
}

/** Frees the engine's side of handles that nobody holds any more. */
const forgotten = new FinalizationRegistry(({ scope, raw }) => {
  if (scope.handles.delete(raw)) call(() => raw.free());
});

/** A handle of an object of the engine's. */
class Handle {
  #scope;
  #raw;

  constructor(scope, raw) {
    this.#scope = scope;
    this.#raw = raw;
    scope.handles.add(raw);
    forgotten.register(this, { scope, raw }, this);
  }

  static {
    // Shared by the classes of this module alone.
    Handle.scope = (handle) => handle.#scope;
    Handle.raw = (handle) => {
      if (!handle.#scope.handles.has(handle.#raw)) throw invalid("it was closed: open it again");
      return handle.#raw;
    };
    Handle.free = (handle) => {
      forgotten.unregister(handle);
      if (handle.#scope.handles.delete(handle.#raw)) call(() => handle.#raw.free());
    };
  }

  close() {
    free(this);
  }
}
Handle.prototype[dispose] = function () {
  this.close();
};

const { scope: scopeOf, raw: rawOf, free } = Handle;
for (const name of ["scope", "raw", "free"]) delete Handle[name];

/** An operation on a handle. Mistakes in its arguments reject its promise, as everything else does. */
async function operate(handle, signal, start) {
  const raw = rawOf(handle);
  return run(scopeOf(handle), signal, (cancel) => start(raw, cancel));
}

async function write(handle, data, options) {
  const known = given.options(options, ["types", "pushDownNulls", "signal"], "options of a write");
  const types = given.columnTypes(known.types);
  const source = given.data(data);
  try {
    return await operate(handle, known.signal, (raw, cancel) => raw.write(source.data, types, known.pushDownNulls ?? false, cancel));
  } catch (error) {
    throw source.failed ? source.error : error;
  } finally {
    source.end();
  }
}

async function deleteKeys(handle, keys, options) {
  const { signal } = given.options(options, ["signal"], "options of a deletion");
  const parts = given.keys(keys);
  return operate(handle, signal, (raw, cancel) => raw.delete(parts, cancel));
}

async function deleteWhere(handle, filter, options) {
  const { signal } = given.options(options, ["signal"], "options of a deletion");
  const where = given.text(filter, "a filter");
  return operate(handle, signal, (raw, cancel) => raw.delete_where(where, cancel));
}

const commitOf = ({ version, timestamp }) => ({ version: Number(version), timestamp });

/** Opens a root of tables. */
export async function connect(url, options) {
  const known = given.options(
    options,
    ["headers", "credentials", "cache", "fetch", "writable", "byteStore", "cacheBytes", "partitionMaxBytes", "batchReadahead"],
    "options of connect",
  );
  const address = url instanceof URL ? url.href : given.text(url, "the URL");
  const { store, folder, medium } = storeOf(address, known);
  const engine = {
    cache_bytes: known.cacheBytes,
    partition_max_bytes: known.partitionMaxBytes,
    batch_readahead: known.batchReadahead,
  };
  await initialize();
  const raw = call(() => wasm.connect(address, store, folder, medium, JSON.stringify(engine)));
  return new Client(new Scope(), raw);
}

/** The byte store of a URL, and the name of the folder that the URL names. */
function storeOf(address, options) {
  const wrong = (message) => invalid(message, "invalid_store_url");
  if (options.byteStore) return { store: options.byteStore, folder: "", medium: "cloud" };
  if (/^memory:(\/\/)?$/.test(address)) return { store: new MemoryStore(), folder: "", medium: "memory" };
  let url;
  try {
    url = new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch {
    throw wrong("the URL is not one: use memory:, opfs:folder, https://host/folder");
  }
  const folder = decodeURIComponent(url.pathname).split("/").filter(Boolean).at(-1) ?? "";
  if (url.protocol === "opfs:") {
    if (!globalThis.navigator?.storage?.getDirectory) throw wrong("there is no private file system here: use memory: or https:");
    return { store: new OpfsStore(decodeURIComponent(url.pathname)), folder, medium: "local" };
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw wrong(`no store is known by the scheme ${JSON.stringify(url.protocol.slice(0, -1))}`);
  }
  if (url.username || url.password) throw wrong("a URL with a password cannot be fetched: use the option headers");
  return { store: new HttpStore(url, options), folder, medium: "http" };
}

export class Client extends Handle {
  get url() {
    return call(() => rawOf(this).url);
  }

  async createTable(name, keys, options) {
    const { existOk, signal } = given.options(options, ["existOk", "signal"], "options of createTable");
    const [label, columns] = [given.text(name, "the name of a table"), given.keyColumns(keys)];
    const raw = await operate(this, signal, (raw, cancel) => raw.create_table(label, columns, existOk ?? false, cancel));
    return new Table(scopeOf(this), raw);
  }

  async table(name, options) {
    const { signal } = given.options(options, ["signal"], "options of table");
    const label = given.text(name, "the name of a table");
    return new Table(scopeOf(this), await operate(this, signal, (raw, cancel) => raw.table(label, cancel)));
  }

  async tableAtRoot(options) {
    const { signal } = given.options(options, ["signal"], "options of tableAtRoot");
    return new Table(scopeOf(this), await operate(this, signal, (raw, cancel) => raw.table_at_root(cancel)));
  }

  async scan(tables, options) {
    const { json, begin, end, numbers, signal } = scanOf(options, ["asof", "signal"], "options of a scan");
    const version = given.asof(options?.asof);
    const sources = call(() => new wasm.ScanTables());
    try {
      eachSource(tables, (kind, name, source) => sources[kind](name, source));
      const raw = await operate(this, signal, (raw, cancel) => raw.scan(sources, json, begin, end, version, cancel));
      return new Plan(scopeOf(this), raw, numbers);
    } finally {
      call(() => sources.free());
    }
  }

  async tables(options) {
    const { signal } = given.options(options, ["signal"], "options of tables");
    return operate(this, signal, (raw, cancel) => raw.tables(cancel));
  }

  async renameTable(name, newName, options) {
    const { signal } = given.options(options, ["signal"], "options of renameTable");
    const [from, to] = [given.text(name, "the name of a table"), given.text(newName, "the new name of a table")];
    await operate(this, signal, (raw, cancel) => raw.rename_table(from, to, cancel));
  }

  async dropTable(name, options) {
    const { signal } = given.options(options, ["signal"], "options of dropTable");
    const label = given.text(name, "the name of a table");
    await operate(this, signal, (raw, cancel) => raw.drop_table(label, cancel));
  }

  /** Cancels what is under way and frees everything that was opened from it. */
  close() {
    scopeOf(this).close();
    free(this);
  }
}

const scanNames = ["select", "columns", "where", "begin", "end", "limit", "unordered", "keysOnly", "int64"];

/** Options of a scan in the engine's form, and how its integers are handed out. */
function scanOf(options, more, what) {
  const known = given.options(options, [...scanNames, ...more], what);
  if (![undefined, "bigint", "number"].includes(known.int64)) throw invalid('int64 is neither "bigint" nor "number"');
  if (known.select !== undefined && !Array.isArray(known.select)) throw invalid("select is not an array of columns");
  if (known.limit !== undefined && !(Number(known.limit) >= 0 && Number.isSafeInteger(Number(known.limit)))) {
    throw invalid("limit is not a number of rows");
  }
  const engine = {
    select: known.select?.map((path) => given.text(path, "the path of a column")),
    columns: given.columns(known.columns),
    where: known.where === undefined ? undefined : given.text(known.where, "where"),
    limit: known.limit === undefined ? undefined : Number(known.limit),
    unordered: known.unordered ?? false,
    keys_only: known.keysOnly ?? false,
  };
  const [begin, end] = [given.key(known.begin), given.key(known.end)];
  return { json: JSON.stringify(engine), begin, end, numbers: known.int64 === "number", signal: known.signal };
}

/** Calls for each of a scan's tables with what it is, its name there and its engine's side. */
function eachSource(tables, add) {
  if (typeof tables !== "object" || tables === null) throw invalid("the tables of a scan are not an object");
  for (const [name, source] of Object.entries(tables)) {
    const kind = source instanceof Table ? "table" : source instanceof Snapshot ? "snapshot" : undefined;
    if (!kind) throw invalid(`${JSON.stringify(name)} is neither a table nor a snapshot`);
    const [label, raw] = [given.text(name, "the name of a table"), rawOf(source)];
    call(() => add(kind, label, raw));
  }
}

async function takeFrom(planned, keys, signal) {
  const plan = await planned;
  try {
    return await plan.take(keys, { signal });
  } finally {
    plan.close();
  }
}

export class Table extends Handle {
  get name() {
    return call(() => rawOf(this).name);
  }

  get id() {
    return call(() => rawOf(this).id);
  }

  get keySchema() {
    return call(() => rawOf(this).key_schema());
  }

  async snapshot(options) {
    const { asof, signal } = given.options(options, ["asof", "signal"], "options of snapshot");
    const version = given.asof(asof);
    return new Snapshot(scopeOf(this), await operate(this, signal, (raw, cancel) => raw.snapshot(version, cancel)));
  }

  async schema(options) {
    const snapshot = await this.snapshot(options);
    try {
      return await snapshot.schema({ signal: options?.signal });
    } finally {
      snapshot.close();
    }
  }

  write(data, options) {
    return write(this, data, options).then(commitOf);
  }

  delete(keys, options) {
    return deleteKeys(this, keys, options).then(commitOf);
  }

  deleteWhere(filter, options) {
    return deleteWhere(this, filter, options).then(commitOf);
  }

  async scan(options) {
    const { json, begin, end, numbers, signal } = scanOf(options, ["asof", "signal"], "options of a scan");
    const version = given.asof(options?.asof);
    const raw = await operate(this, signal, (raw, cancel) => raw.scan(json, begin, end, version, cancel));
    return new Plan(scopeOf(this), raw, numbers);
  }

  async take(keys, options) {
    const known = given.options(options, ["select", "int64", "asof", "signal"], "options of take");
    return takeFrom(this.scan(known), keys, known.signal);
  }

  async history(options) {
    const { limit = 100, signal } = given.options(options, ["limit", "signal"], "options of history");
    if (!Number.isSafeInteger(limit) || limit < 0) throw invalid("limit is not a number of commits");
    const entries = await operate(this, signal, (raw, cancel) => raw.history(Math.min(limit, 0xffffffff), cancel));
    return entries.map((entry) => ({
      ...entry,
      ...commitOf(entry),
      rowsWritten: Number(entry.rowsWritten),
      rowsDeleted: Number(entry.rowsDeleted),
      bytes: Number(entry.bytes),
    }));
  }

  transaction() {
    return new Transaction(scopeOf(this), call(() => rawOf(this).transaction()));
  }
}

export class Snapshot extends Handle {
  get version() {
    return Number(call(() => rawOf(this).version));
  }

  get timestamp() {
    return call(() => rawOf(this).timestamp);
  }

  async schema(options) {
    const { signal } = given.options(options, ["signal"], "options of schema");
    return operate(this, signal, (raw, cancel) => raw.columns(cancel));
  }

  async scan(options) {
    const { json, begin, end, numbers, signal } = scanOf(options, ["signal"], "options of a scan");
    const raw = await operate(this, signal, (raw, cancel) => raw.scan(json, begin, end, cancel));
    return new Plan(scopeOf(this), raw, numbers);
  }

  async take(keys, options) {
    const known = given.options(options, ["select", "int64", "signal"], "options of take");
    return takeFrom(this.scan(known), keys, known.signal);
  }
}

export class Plan extends Handle {
  #numbers;
  #names;

  constructor(scope, raw, numbers) {
    super(scope, raw);
    this.#numbers = numbers;
    this.#names = this.schema.map((column) => column.path);
  }

  get schema() {
    return call(() => rawOf(this).schema()).map(({ path, type }) => ({ path, type }));
  }

  explain() {
    return call(() => rawOf(this).explain());
  }

  metrics() {
    const metrics = JSON.parse(call(() => rawOf(this).metrics()));
    const camel = (name) => name.replace(/_./g, (pair) => pair[1].toUpperCase());
    return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [camel(name), value]));
  }

  async *batches(options) {
    const { signal } = given.options(options, ["signal"], "options of batches");
    const stream = call(() => rawOf(this).batches());
    scopeOf(this).handles.add(stream);
    try {
      for (;;) {
        const found = await run(scopeOf(this), signal, (cancel) => stream.next(cancel));
        if (found === undefined) return;
        yield new Batch(...found, this.#names, this.#numbers);
      }
    } finally {
      if (scopeOf(this).handles.delete(stream)) {
        call(() => stream.close());
        call(() => stream.free());
      }
    }
  }

  [Symbol.asyncIterator]() {
    return this.batches();
  }

  async *rows(options) {
    for await (const batch of this.batches(options)) yield* batch.toRows();
  }

  async toRows(options) {
    const rows = [];
    for await (const batch of this.batches(options)) for (const row of batch.toRows()) rows.push(row);
    return rows;
  }

  async toIpc(options) {
    const { signal } = given.options(options, ["signal"], "options of toIpc");
    return operate(this, signal, (raw, cancel) => raw.ipc(cancel));
  }

  async take(keys, options) {
    const { signal } = given.options(options, ["signal"], "options of take");
    const parts = given.keys(keys);
    const [batch, positions] = await operate(this, signal, (raw, cancel) => raw.take(parts, cancel));
    return new Taken(new Batch(...batch, this.#names, this.#numbers), positions);
  }
}

/** Rows in JavaScript's own memory: nothing has to be freed. */
export class Batch {
  #ipc;
  #numbers;

  constructor(numRows, ipc, names, numbers) {
    this.numRows = numRows;
    this.columns = names;
    this.#ipc = ipc;
    this.#numbers = numbers;
  }

  column(name) {
    const at = this.columns.indexOf(name);
    if (at < 0) throw invalid(`there is no column '${name}'`, "unknown_column");
    return call(() => wasm.read_columns(this.#ipc, at, this.#numbers))[0];
  }

  toRows() {
    const columns = call(() => wasm.read_columns(this.#ipc, undefined, this.#numbers));
    return Array.from({ length: this.numRows }, (_, at) => {
      const row = {};
      this.columns.forEach((name, column) => {
        // An assignment to this one name would set the prototype.
        if (name === "__proto__") Object.defineProperty(row, name, { value: columns[column][at], enumerable: true, writable: true, configurable: true });
        else row[name] = columns[column][at];
      });
      return row;
    });
  }

  toIpc() {
    return this.#ipc;
  }
}

/** Rows of keys. */
export class Taken {
  constructor(batch, positions) {
    this.batch = batch;
    this.positions = positions;
  }

  toRows() {
    return this.batch.toRows();
  }
}

export class Transaction extends Handle {
  get id() {
    return call(() => rawOf(this).id);
  }

  write(data, options) {
    return write(this, data, options);
  }

  delete(keys, options) {
    return deleteKeys(this, keys, options);
  }

  deleteWhere(filter, options) {
    return deleteWhere(this, filter, options);
  }

  async commit(options) {
    const { signal } = given.options(options, ["signal"], "options of commit");
    return commitOf(await operate(this, signal, (raw, cancel) => raw.commit(cancel)));
  }

  async abort(options) {
    const { signal } = given.options(options, ["signal"], "options of abort");
    return operate(this, signal, (raw, cancel) => raw.abort(cancel));
  }
}
/** Abandons what was not committed. */
Transaction.prototype[asyncDispose] = async function () {
  this.close();
};
