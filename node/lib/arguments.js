"use strict";
// What users pass, checked and in the form in which the engine takes it.

const { invalid } = require("./errors.js");

const isWellFormed = String.prototype.isWellFormed
  ? (text) => text.isWellFormed()
  : (text) => !/\p{Surrogate}/u.test(text);

/** A text that UTF-8 can hold: half of a surrogate pair would otherwise be replaced silently. */
function text(value, what) {
  if (typeof value !== "string") throw invalid(`${what} is not a string`);
  if (!isWellFormed(value)) throw invalid(`${what} has half of a surrogate pair, which no UTF-8 text holds`);
  return value;
}

/** An object of options, none of which is unknown. */
function options(given, known, what) {
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

/** A value as the engine reads it: whatever is like a list as an array, objects as their names and values. */
function plain(value, depth = 0) {
  if (typeof value === "string") return text(value, "a value");
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (value instanceof Uint8Array) return value;
  if (depth > 64) throw invalid("values nest deeper than 64 levels");
  const nested = (item) => plain(item, depth + 1);
  if (Array.isArray(value)) return Array.from(value, nested);
  if (value instanceof Map) return Array.from(value, ([key, item]) => [nested(key), nested(item)]);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (value instanceof DataView) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (ArrayBuffer.isView(value)) return Array.from(value);
  const members = Object.entries(value).filter(([, item]) => item !== undefined);
  return {
    names: members.map(([name]) => text(name, "the name of a field")),
    values: members.map(([, item]) => nested(item)),
  };
}

/** Key columns as names and types in turns. */
function keyColumns(keys) {
  const columns = Array.isArray(keys) ? keys : Object.entries(keys ?? {}).map(([name, type]) => ({ name, type }));
  return columns.flatMap((column) => [
    text(column?.name, "the name of a key column"),
    text(column?.type, "the type of a key column"),
  ]);
}

/** Types of columns as names and types in turns. */
const columnTypes = (types) =>
  Object.entries(types ?? {}).flatMap(([name, type]) => [
    text(name, "the name of a column"),
    text(type, "the type of a column"),
  ]);

/** Columns of a result as pairs of names and expressions. */
function columns(given) {
  if (given === undefined) return undefined;
  if (typeof given !== "object" || given === null) throw invalid("columns are not an object of names and expressions");
  return Object.entries(given).map(([name, value]) => [text(name, "the name of a column"), text(value, "a column")]);
}

/** The parts of a key; a key of one part may be given without a list. */
function key(given) {
  if (given === undefined) return undefined;
  return Array.from(Array.isArray(given) ? given : [given], (part) => plain(part));
}

function keys(given) {
  if (!Array.isArray(given)) throw invalid("keys are not an array");
  return Array.from(given, (one) => key(one === undefined ? null : one));
}

/** A version or a time, as text. */
function asof(given) {
  if (given === undefined || given === null) return undefined;
  if (typeof given === "string") return text(given, "asof");
  if (typeof given === "bigint" || Number.isSafeInteger(given)) {
    if (given >= 0 && given < 2n ** 64n) return String(given);
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
      let column = places.get(name);
      if (!column) {
        places.set(text(name, "the name of a column"), (column = new Array(rows.length)));
        columns.push(column);
      }
      column[at] = plain(value);
    }
  });
  return [[...places.keys()], columns, rows.length];
}

/** Passes a piece of data on to the engine; resolves to whether it wants more. */
function pass(source, data) {
  if (data instanceof Uint8Array) return source.ipc(data);
  if (data instanceof ArrayBuffer) return source.ipc(new Uint8Array(data));
  if (Array.isArray(data)) return source.rows(...columnar(data));
  throw invalid("data to write are rows, bytes of Arrow IPC, or an iteration of such");
}

/** The iteration of data to write: users' own, or one of the single piece that they gave. */
function pieces(data) {
  const single = Array.isArray(data) || ArrayBuffer.isView(data) || typeof data === "string";
  const iterate = single ? undefined : (data?.[Symbol.asyncIterator] ?? data?.[Symbol.iterator]);
  return typeof iterate === "function" ? iterate.call(data) : [data].values();
}

module.exports = { text, options, plain, keyColumns, columnTypes, columns, key, keys, asof, pass, pieces };
