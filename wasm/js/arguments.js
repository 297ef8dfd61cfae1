// What users pass, checked and in the form in which the engine takes it.

import { invalid } from "./errors.js";

const isWellFormed = String.prototype.isWellFormed
  ? (text) => text.isWellFormed()
  : (text) => !/\p{Surrogate}/u.test(text);

/** A text that UTF-8 can hold: half of a surrogate pair would otherwise be replaced silently. */
export function text(value, what) {
  if (typeof value !== "string") throw invalid(`${what} is not a string`);
  if (!isWellFormed(value)) throw invalid(`${what} has half of a surrogate pair, which no UTF-8 text holds`);
  return value;
}

/** An object of options, none of which is unknown. */
export function options(given, known, what) {
  if (given === undefined || given === null) return {};
  if (typeof given !== "object") throw invalid(`${what} are not an object`);
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw invalid(`${what} have no ${JSON.stringify(name)}, they are: ${known.join(", ")}`);
  }
  const { signal } = given;
  if (signal !== undefined && signal !== null && typeof signal.addEventListener !== "function") {
    throw invalid("signal is not an AbortSignal");
  }
  return given;
}

/** Refuses texts that UTF-8 cannot hold, however deep in a value. */
function check(value, depth = 0) {
  if (typeof value === "string") text(value, "a value");
  if (typeof value !== "object" || value === null || depth > 64 || ArrayBuffer.isView(value)) return;
  if (Array.isArray(value)) for (const item of value) check(item, depth + 1);
  else if (value instanceof Map) for (const [key, item] of value) check(key, depth + 1), check(item, depth + 1);
  else if (!(value instanceof Date)) {
    for (const name of Object.keys(value)) text(name, "the name of a field"), check(value[name], depth + 1);
  }
}

/** Key columns as names and types in turns. */
export function keyColumns(keys) {
  const columns = Array.isArray(keys) ? keys : Object.entries(keys ?? {}).map(([name, type]) => ({ name, type }));
  return columns.flatMap((column) => [text(column?.name, "the name of a key column"), text(column?.type, "the type of a key column")]);
}

/** Types of columns as names and types in turns. */
export const columnTypes = (types) =>
  Object.entries(types ?? {}).flatMap(([name, type]) => [text(name, "the name of a column"), text(type, "the type of a column")]);

/** Columns of a result as pairs of names and expressions. */
export function columns(given) {
  if (given === undefined) return undefined;
  if (typeof given !== "object" || given === null) throw invalid("columns are not an object of names and expressions");
  return Object.entries(given).map(([name, value]) => [text(name, "the name of a column"), text(value, "a column")]);
}

/** The parts of a key; a key of one part may be given without a list. */
export function key(given) {
  if (given === undefined) return undefined;
  const parts = Array.isArray(given) ? given : [given];
  for (const part of parts) check(part);
  return parts;
}

export function keys(given) {
  if (!Array.isArray(given)) throw invalid("keys are not an array");
  return given.map((one) => key(one === undefined ? null : one));
}

/** A version as a bigint, a time as text. */
export function asof(given) {
  if (given === undefined || given === null) return undefined;
  if (typeof given === "string") return text(given, "asof");
  if (typeof given === "bigint" || Number.isSafeInteger(given)) {
    if (given >= 0 && given < 2n ** 64n) return BigInt(given);
  } else if (given instanceof Date && !Number.isNaN(given.getTime())) {
    return given.toISOString();
  } else if (typeof given.timestamp === "bigint") {
    const [millis, micros] = [given.timestamp / 1000n, given.timestamp % 1000n];
    if (micros >= 0n && millis <= 8_640_000_000_000_000n) {
      return `${new Date(Number(millis)).toISOString().slice(0, -1)}${String(micros).padStart(3, "0")}Z`;
    }
  }
  throw invalid("asof is neither a version nor a time");
}

/** Rows as names, columns and their number: one crossing for each column instead of one for each row. */
function columnar(rows) {
  const places = new Map();
  const columns = [];
  rows.forEach((row, at) => {
    if (typeof row !== "object" || row === null || Array.isArray(row)) throw invalid(`row ${at} is not an object`);
    for (const name of Object.keys(row)) {
      const value = row[name];
      if (value === undefined) continue;
      check(value);
      let column = places.get(name);
      if (!column) {
        places.set(text(name, "the name of a column"), (column = new Array(rows.length)));
        columns.push(column);
      }
      column[at] = value;
    }
  });
  return [[...places.keys()], columns, rows.length];
}

function piece(data) {
  if (data instanceof Uint8Array) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (Array.isArray(data)) return columnar(data);
  throw invalid("data to write are rows, bytes of Arrow IPC, or an iteration of such");
}

/** Data to write, and the error of the user's own iteration, if that fails. */
export function data(given) {
  const iterate = given?.[Symbol.asyncIterator] ?? (Array.isArray(given) || ArrayBuffer.isView(given) ? undefined : given?.[Symbol.iterator]);
  if (typeof iterate !== "function" || typeof given === "string") return { data: piece(given), end() {} };
  const iterator = iterate.call(given);
  const source = { failed: false, ended: false, error: undefined };
  source.data = async () => {
    try {
      const { done, value } = await iterator.next();
      if (done) source.ended = true;
      return done ? undefined : piece(value);
    } catch (error) {
      Object.assign(source, { failed: true, error });
      throw error;
    }
  };
  /** Lets the iteration clean up when the write ends before it. */
  source.end = () => {
    if (!source.ended && !source.failed) Promise.resolve(iterator.return?.()).catch(() => {});
  };
  return source;
}
