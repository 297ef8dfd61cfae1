// The classes that users see.

import * as given from "./arguments.js";
import { call, native, run } from "./engine.js";
import { invalid } from "./errors.js";
import { text } from "./text.js";
import { setMember, unpackColumn } from "./unpack.js";

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

/** Passes the pieces of an iteration on, each when the engine has taken the one before it. */
async function feed(source, iterator, progress) {
  let whole = false;
  try {
    for (let wanted = true; wanted && !progress.stopped; ) {
      let next;
      try {
        next = await iterator.next();
      } catch (error) {
        progress.ended = true;
        throw error;
      }
      if (next.done) {
        progress.ended = true;
        whole = true;
        return;
      }
      if (!progress.stopped) wanted = await call(() => given.pass(source, next.value));
    }
  } catch (error) {
    progress.failure = { error };
  } finally {
    call(() => (whole ? source.end() : source.abandon()));
  }
}

async function write(handle, data, options) {
  const known = given.options(options, ["types", "pushDownNulls", "signal"], "options of a write");
  const { types, pushDownNulls = false, signal } = known;
  const declared = given.columnTypes(types);
  const progress = { ended: false, stopped: false, failure: undefined };
  let iterator;
  try {
    return await operate(handle, signal, (raw, cancel) => {
      iterator = given.pieces(data);
      const source = new native.Source();
      const writing = raw.write(source, declared, Boolean(pushDownNulls), cancel);
      // An engine that is dead by then is told by the write.
      feed(source, iterator, progress).catch(() => {});
      return writing;
    });
  } catch (error) {
    throw progress.failure && !signal?.aborted ? progress.failure.error : error;
  } finally {
    progress.stopped = true;
    // Lets the iteration clean up when the write ends before it.
    if (iterator && !progress.ended) Promise.resolve(iterator.return?.()).catch(() => {});
  }
}

async function deleteKeys(handle, keys, options) {
  const { signal } = given.options(options, ["signal"], "options of a deletion");
  const parts = given.keys(keys);
  return operate(handle, signal, (raw, cancel) => raw.delete(parts, cancel));
}

async function deleteWhere(handle, filter, options) {
  const { signal } = given.options(options, ["signal"], "options of a deletion");
  const where = text(filter, "a filter");
  return operate(handle, signal, (raw, cancel) => raw.deleteWhere(where, cancel));
}

/** What the engine tells as JSON, with the names of JavaScript. */
function told(json) {
  const camel = (name) => name.replace(/_./g, (pair) => pair[1].toUpperCase());
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [camel(name), value]));
}

const commitOf = (commit) => ({ ...told(commit), timestamp: BigInt(commit.timestamp) });

/** The client of the engine's side of one. */
const clientOf = (raw) => new Client(new Scope(), raw);

class Client extends Handle {
  get url() {
    return call(() => rawOf(this).url);
  }

  async createTable(name, keys, options) {
    const { existOk = false, signal } = given.options(options, ["existOk", "signal"], "options of createTable");
    const [label, columns] = [text(name, "the name of a table"), given.keyColumns(keys)];
    const raw = await operate(this, signal, (raw, cancel) => raw.createTable(label, columns, Boolean(existOk), cancel));
    return new Table(scopeOf(this), raw);
  }

  async table(name, options) {
    const { signal } = given.options(options, ["signal"], "options of table");
    const label = text(name, "the name of a table");
    return new Table(scopeOf(this), await operate(this, signal, (raw, cancel) => raw.table(label, cancel)));
  }

  async tableAtRoot(options) {
    const { signal } = given.options(options, ["signal"], "options of tableAtRoot");
    return new Table(scopeOf(this), await operate(this, signal, (raw, cancel) => raw.tableAtRoot(cancel)));
  }

  async scan(tables, options) {
    const { json, begin, end, numbers, signal } = scanOf(options, ["asof", "signal"], "options of a scan");
    const version = given.asof(options?.asof);
    const sources = call(() => new native.ScanTables(version));
    eachSource(tables, (kind, name, source) => sources[kind](name, source));
    const raw = await operate(this, signal, (raw, cancel) => raw.scan(sources, json, begin, end, cancel));
    return new Plan(scopeOf(this), raw, numbers);
  }

  async tables(options) {
    const { signal } = given.options(options, ["signal"], "options of tables");
    return operate(this, signal, (raw, cancel) => raw.tables(cancel));
  }

  async renameTable(name, newName, options) {
    const { signal } = given.options(options, ["signal"], "options of renameTable");
    const [from, to] = [text(name, "the name of a table"), text(newName, "the new name of a table")];
    await operate(this, signal, (raw, cancel) => raw.renameTable(from, to, cancel));
  }

  async dropTable(name, options) {
    const { signal } = given.options(options, ["signal"], "options of dropTable");
    const label = text(name, "the name of a table");
    await operate(this, signal, (raw, cancel) => raw.dropTable(label, cancel));
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
  const limit = known.limit === undefined ? undefined : Number(known.limit);
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0)) throw invalid("limit is not a number of rows");
  const engine = {
    select: known.select?.map((path) => text(path, "the path of a column")),
    columns: given.columns(known.columns),
    where: known.where === undefined ? undefined : text(known.where, "where"),
    limit,
    unordered: Boolean(known.unordered),
    keys_only: Boolean(known.keysOnly),
    // Not all versions of apache-arrow know views.
    strings: "plain",
  };
  const [begin, end] = [given.bound(known.begin), given.bound(known.end)];
  return { json: JSON.stringify(engine), begin, end, numbers: known.int64 === "number", signal: known.signal };
}

/** Calls for each of a scan's tables with what it is, its name there and its engine's side. */
function eachSource(tables, add) {
  if (typeof tables !== "object" || tables === null) throw invalid("the tables of a scan are not an object");
  for (const [name, source] of Object.entries(tables)) {
    const kind = source instanceof Table ? "table" : source instanceof Snapshot ? "snapshot" : undefined;
    if (!kind) throw invalid(`${JSON.stringify(name)} is neither a table nor a snapshot`);
    const [label, raw] = [text(name, "the name of a table"), rawOf(source)];
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

class Table extends Handle {
  get name() {
    return call(() => rawOf(this).name);
  }

  get id() {
    return call(() => rawOf(this).id);
  }

  get keySchema() {
    return JSON.parse(call(() => rawOf(this).keyColumns()));
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

  async write(data, options) {
    return commitOf(JSON.parse(await write(this, data, options)));
  }

  async delete(keys, options) {
    return commitOf(JSON.parse(await deleteKeys(this, keys, options)));
  }

  async deleteWhere(filter, options) {
    return commitOf(JSON.parse(await deleteWhere(this, filter, options)));
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
    return JSON.parse(entries).map(commitOf);
  }

  transaction() {
    return new Transaction(scopeOf(this), call(() => rawOf(this).transaction()));
  }
}

class Snapshot extends Handle {
  get version() {
    return Number(call(() => rawOf(this).version));
  }

  get timestamp() {
    return BigInt(call(() => rawOf(this).timestamp));
  }

  async schema(options) {
    const { signal } = given.options(options, ["signal"], "options of schema");
    return JSON.parse(await operate(this, signal, (raw, cancel) => raw.columns(cancel)));
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

class Plan extends Handle {
  #numbers;
  #names;

  constructor(scope, raw, numbers) {
    super(scope, raw);
    this.#numbers = numbers;
    this.#names = this.schema.map((column) => column.path);
  }

  get schema() {
    return JSON.parse(call(() => rawOf(this).columns())).map(({ path, type }) => ({ path, type }));
  }

  explain() {
    return call(() => rawOf(this).explain());
  }

  metrics() {
    return told(JSON.parse(call(() => rawOf(this).metrics())));
  }

  async *batches(options) {
    const { signal } = given.options(options, ["signal"], "options of batches");
    const scope = scopeOf(this);
    const stream = call(() => rawOf(this).batches());
    scope.handles.add(stream);
    try {
      for (;;) {
        const raw = await run(scope, signal, (cancel) => stream.next(cancel));
        if (raw === null) return;
        yield new Batch(raw, this.#names, this.#numbers);
      }
    } finally {
      if (scope.handles.delete(stream)) call(() => stream.free());
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
    const { batch, positions } = await operate(this, signal, (raw, cancel) => raw.take(parts, cancel));
    return new Taken(new Batch(batch, this.#names, this.#numbers), positions);
  }
}

/** Rows, which the garbage collector frees. */
class Batch {
  #raw;
  #numbers;

  constructor(raw, names, numbers) {
    this.#raw = raw;
    this.#numbers = numbers;
    this.columns = names;
  }

  get numRows() {
    return this.#raw.numRows;
  }

  column(name) {
    const at = this.columns.indexOf(name);
    if (at < 0) throw invalid(`there is no column '${name}'`, "unknown_column");
    return unpackColumn(call(() => this.#raw.column(at)), this.#numbers);
  }

  toRows() {
    const columns = call(() => this.#raw.columns()).map((packed) => unpackColumn(packed, this.#numbers));
    return Array.from({ length: this.numRows }, (_, at) => {
      const row = {};
      this.columns.forEach((name, column) => setMember(row, name, columns[column][at]));
      return row;
    });
  }

  toIpc() {
    return call(() => this.#raw.ipc());
  }
}

/** Rows of keys. */
class Taken {
  constructor(batch, positions) {
    this.batch = batch;
    this.positions = positions;
  }

  toRows() {
    return this.batch.toRows();
  }
}

class Transaction extends Handle {
  get id() {
    return call(() => rawOf(this).id);
  }

  async write(data, options) {
    await write(this, data, options);
  }

  async delete(keys, options) {
    await deleteKeys(this, keys, options);
  }

  async deleteWhere(filter, options) {
    await deleteWhere(this, filter, options);
  }

  async commit(options) {
    const { signal } = given.options(options, ["signal"], "options of commit");
    return commitOf(JSON.parse(await operate(this, signal, (raw, cancel) => raw.commit(cancel))));
  }

  async abort(options) {
    const { signal } = given.options(options, ["signal"], "options of abort");
    await operate(this, signal, (raw, cancel) => raw.abort(cancel));
  }
}
/** Abandons what was not committed. */
Transaction.prototype[asyncDispose] = async function () {
  this.close();
};

export { clientOf, Client, Table, Snapshot, Plan, Batch, Taken, Transaction };
