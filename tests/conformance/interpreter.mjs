// Runs the entries of list.json through a package for JavaScript, in a page or in Node: see README.md. `spiral` is the
// module of the package under test, `language` its name in the list.

export async function runEntry(spiral, entry, store, root) {
  const client = await spiral.connect(root);
  const run = new Run(spiral, client, store === "http");
  let at = 0;
  try {
    for (const step of entry.steps) {
      await run.step(step);
      at += 1;
    }
    return { entry: entry.name, store, outcome: "green" };
  } catch (error) {
    const detail = error instanceof Red ? error.message : `${error.stack ?? error}`;
    return { entry: entry.name, store, outcome: "red", step: at, detail };
  } finally {
    client.close();
  }
}

/** Runs a list on the stores that its entries name, and hands each line of the report to `report`. */
export async function runList(spiral, language, entries, roots, report) {
  const waiting = entries.flatMap((entry) =>
    Object.entries(roots)
      .filter(([store]) => !entry.stores || entry.stores.includes(store))
      .map(([store, rootOf]) => ({ entry, store, rootOf })),
  );
  // Several at once: private files are slow in some browsers, and entries know nothing of each other.
  const runner = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { entry, store, rootOf } = next;
      const skipped = entry.skip?.[language];
      if (skipped) report({ entry: entry.name, store, outcome: "skipped", detail: skipped });
      else report(await runEntry(spiral, entry, store, rootOf(entry)));
    }
  };
  await Promise.all(Array.from({ length: 8 }, runner));
}

class Red extends Error {}

const changing = ["create_table", "write", "delete", "delete_where", "transaction"];

class Run {
  /** @type {Map<string, number>} */
  versions = new Map();
  /** @type {Map<string, any>} */
  opened = new Map();

  constructor(spiral, client, readsOnly) {
    this.spiral = spiral;
    this.client = client;
    this.readsOnly = readsOnly;
  }

  async step(step, turn) {
    if (step.do === "repeat") {
      for (let n = 0; n < step.times; n += 1) for (const inner of step.steps) await this.step(inner, n);
      return;
    }
    if (this.readsOnly && changing.includes(step.do)) {
      if (step.do === "create_table" && !step.error) this.opened.set(nameOf(step), await this.client.table(nameOf(step)));
      this.#count(step);
      return;
    }
    let found;
    try {
      found = await this[step.do](step, turn);
    } catch (error) {
      if (!(error instanceof this.spiral.SpiralError)) throw error;
      if (!step.error) throw new Red(`${error.name} ${error.code}: ${error.message}`);
      judgeError(this.spiral, step.error, error);
      return;
    }
    if (step.error) throw new Red(`succeeded instead of failing with ${step.error.code}`);
    if (changing.includes(step.do)) this.#count(step);
    if (step.expect) judge(step.expect, found, turn);
  }

  /** Counts the version that a step makes. */
  #count(step) {
    const version = this.versions.get(nameOf(step)) ?? 0;
    const reopened = step.do === "create_table" && version > 0;
    const counts = !step.error && step.end !== "abort" && !step.no_version && !reopened;
    this.versions.set(nameOf(step), counts ? version + 1 : version);
  }

  async create_table(step) {
    const table = await this.client.createTable(nameOf(step), step.keys, { existOk: step.exist_ok });
    this.opened.set(nameOf(step), table);
    return {};
  }

  #table(step) {
    return this.opened.get(nameOf(step));
  }

  async open_table(step) {
    this.opened.set(step.name, await this.client.table(step.name));
    return {};
  }

  async rename_table(step) {
    await this.client.renameTable(nameOf(step), step.to);
    return {};
  }

  async drop_table(step) {
    await this.client.dropTable(nameOf(step));
    return {};
  }

  async tables() {
    return { names: await this.client.tables() };
  }

  async write(step, turn, to = this.#table(step)) {
    const rows = step.rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, read(value, turn)])));
    return to.write(rows, { types: step.types, pushDownNulls: step.push_down_nulls });
  }

  async delete(step, turn, from = this.#table(step)) {
    return from.delete(keys(step.keys, turn));
  }

  async delete_where(step, turn, from = this.#table(step)) {
    return from.deleteWhere(step.where);
  }

  async transaction(step, turn) {
    const transaction = this.#table(step).transaction();
    for (const inner of step.steps) await this[inner.do](inner, turn, transaction);
    return step.end === "commit" ? transaction.commit() : ((await transaction.abort()) ?? {});
  }

  #asof(step) {
    return step.asof ?? (this.readsOnly ? this.versions.get(nameOf(step)) : undefined);
  }

  async #plan(step, turn, signal) {
    const bound = (key) => key && key.map((part) => read(part, turn));
    const { select, where, limit, keys_only: keysOnly } = step;
    const columns = step.columns && Object.fromEntries(step.columns);
    const options = { select, columns, where, limit, keysOnly, begin: bound(step.begin), end: bound(step.end), signal };
    if (!step.tables) return this.#table(step).scan({ ...options, asof: this.#asof(step) });
    const tables = {};
    for (const source of step.tables) {
      const [table, asof] = [this.#table(source), this.#asof(source)];
      tables[source.name ?? nameOf(source)] = asof === undefined ? table : await table.snapshot({ asof });
    }
    return this.client.scan(tables, options);
  }

  async scan(step, turn, signal) {
    const plan = await this.#plan(step, turn, signal);
    const names = plan.schema.map((column) => column.path);
    const rows = [];
    for await (const batch of plan) {
      // Rows and columns have to agree.
      const columns = names.map((name) => batch.column(name));
      const found = batch.toRows().map((row) => names.map((name) => row[name]));
      for (const [at, row] of found.entries()) {
        columns.forEach((column, place) => {
          if (!agree(column[at], row[place])) throw new Red(`row ${at}: the column ${names[place]} and the row differ`);
        });
      }
      rows.push(...found);
    }
    return { columns: plan.schema, rows };
  }

  async cancelled_scan(step) {
    return this.scan(step, undefined, AbortSignal.abort());
  }

  async take(step, turn) {
    const plan = await this.#plan(step, turn);
    const taken = await plan.take(keys(step.keys, turn));
    const names = plan.schema.map((column) => column.path);
    const rows = taken.toRows().map((row) => names.map((name) => row[name]));
    return { columns: plan.schema, rows, positions: taken.positions };
  }

  async schema(step) {
    return { columns: await this.#table(step).schema({ asof: this.#asof(step) }), whole: true };
  }

  async history(step) {
    return { versions: (await this.#table(step).history({ limit: step.limit })).map((entry) => entry.version) };
  }
}

/** The table that a step is about. */
const nameOf = (step) => step.table ?? "t";

const keys = (list, turn) => list.map((key) => key.map((part) => read(part, turn)));

function text(of, turn) {
  const whole = typeof of === "string" ? of : of.repeat.repeat(of.times);
  return turn === undefined ? whole : whole.replaceAll("{n}", String(turn));
}

const millis = { s: 1000n, ms: 1n };
const floats = { nan: NaN, inf: Infinity, "-inf": -Infinity };

/** A value of the list as a user of JavaScript writes it. */
function read(json, turn) {
  if (json === null || typeof json === "boolean") return json;
  const [[form, of]] = Object.entries(json);
  switch (form) {
    case "int":
    case "uint":
      return BigInt(text(of, turn));
    case "float":
      return floats[of] ?? Number(text(of, turn));
    case "decimal":
    case "text":
      return text(of, turn);
    case "bytes":
      return Uint8Array.from(text(of, turn).match(/../g) ?? [], (digits) => parseInt(digits, 16));
    case "date":
      return new Date(Number(text(of, turn)) * 86_400_000);
    case "timestamp":
      return millis[of[1]] ? new Date(Number(BigInt(text(of[0], turn)) * millis[of[1]])) : BigInt(text(of[0], turn));
    case "time":
    case "duration":
      return BigInt(text(of[0], turn));
    case "interval":
      return { months: of[0], days: of[1], nanoseconds: BigInt(of[2]) };
    case "list":
      return of.map((item) => read(item, turn));
    case "struct":
      return Object.fromEntries(of.map(([name, value]) => [name, read(value, turn)]));
    case "map":
      return of.map(([key, value]) => [read(key, turn), read(value, turn)]);
    default:
      throw new Error(`${form} is no form of a value`);
  }
}

/** Whether a value that the package returned is the one of the list, in the type that its column has. */
function same(json, value, type, turn) {
  if (json === null || typeof json === "boolean") return value === json;
  if (value === null || value === undefined) return false;
  const [[form, of]] = Object.entries(json);
  const wide = type === undefined ? typeof value : /^u?int64$/.test(type) ? "bigint" : "number";
  switch (form) {
    case "int":
    case "uint":
      return typeof value === wide && wide !== "string" && String(value) === text(of, turn);
    case "float":
      return typeof value === "number" && Object.is(value, floats[of] ?? Number(text(of, turn)));
    case "bytes":
      return value instanceof Uint8Array && Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("") === text(of, turn);
    case "date":
    case "timestamp": {
      const wanted = read(json, turn);
      if (wanted instanceof Date) return value instanceof Date && value.getTime() === wanted.getTime();
      return typeof value === "bigint" && value === wanted;
    }
    case "interval":
      return value.months === of[0] && value.days === of[1] && value.nanoseconds === BigInt(of[2]);
    case "list":
      return Array.isArray(value) && value.length === of.length && of.every((item, at) => same(item, value[at], undefined, turn));
    case "struct": {
      const members = Object.entries(value);
      return members.length === of.length && of.every(([name, item], at) => members[at][0] === name && same(item, members[at][1], undefined, turn));
    }
    case "map":
      return (
        Array.isArray(value) &&
        value.length === of.length &&
        of.every(([key, item], at) => same(key, value[at][0], undefined, turn) && same(item, value[at][1], undefined, turn))
      );
    default:
      return value === read(json, turn);
  }
}

/** Equality of two values that the package returned. */
function agree(one, other) {
  const plain = (value) => JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? `${inner}n` : Object.is(inner, -0) ? "-0" : inner));
  return Object.is(one, other) || plain(one) === plain(other);
}

function judgeError(spiral, expected, error) {
  for (const part of ["code", "kind", "message"]) {
    if (expected[part] !== undefined && error[part] !== expected[part]) {
      throw new Red(`the error's ${part} is ${JSON.stringify(error[part])} instead of ${JSON.stringify(expected[part])}`);
    }
  }
  if (!(error instanceof spiral[`${expected.kind}Error`])) throw new Red(`the error is no ${expected.kind}Error`);
}

/** Strings are handed out plainly, whatever layout the column has. */
const plainType = (type) => type.replace(/^(utf8|binary)_view$/, "$1");

const show = (value) => JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? `${inner}n` : inner));

function judge(expected, found, turn) {
  for (const part of ["version", "names", "versions", "positions"]) {
    if (expected[part] !== undefined && show(found[part]) !== show(expected[part])) {
      throw new Red(`${part}: expected ${show(expected[part])}, found ${show(found[part])}`);
    }
  }
  if (expected.columns) {
    const wanted = found.whole
      ? expected.columns.map(({ path, type, key }) => ({ path, type, key }))
      : expected.columns.map(({ name, type }) => ({ path: name, type: plainType(type) }));
    if (show(found.columns) !== show(wanted)) throw new Red(`columns: expected ${show(wanted)}, found ${show(found.columns)}`);
  }
  if (expected.count !== undefined && found.rows?.length !== expected.count) {
    throw new Red(`count: expected ${expected.count}, found ${found.rows?.length}`);
  }
  if (!expected.rows) return;
  if (found.rows.length !== expected.rows.length) throw new Red(`${found.rows.length} rows instead of ${expected.rows.length}`);
  expected.rows.forEach((row, at) => {
    row.forEach((value, place) => {
      const column = found.columns[place];
      if (!column || !same(value, found.rows[at][place], column.type, turn)) {
        throw new Red(`row ${at}, column ${column?.path}: expected ${show(value)}, found ${show(found.rows[at][place])}`);
      }
    });
    if (found.rows[at].length !== row.length) throw new Red(`row ${at} has ${found.rows[at].length} columns`);
  });
}
