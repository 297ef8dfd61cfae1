// What users pass, checked and in the form in which the engine takes it.

import { invalid } from "./errors.js";
import { packKeys, packRows } from "./pack.js";
import { text } from "./text.js";

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

/** Columns and their types as the engine reads them: as JSON. */
function typed(columns, what) {
  const column = ({ name, type } = {}) => ({ name: text(name, `the name of ${what}`), type: text(type, `the type of ${what}`) });
  return JSON.stringify(columns.map((one) => column(one ?? undefined)));
}

const entries = (types) => Object.entries(types ?? {}).map(([name, type]) => ({ name, type }));

/** Key columns, in one of the two ways in which users write them. */
const keyColumns = (keys) => typed(Array.isArray(keys) ? keys : entries(keys), "a key column");

/** Types of columns. */
const columnTypes = (types) => typed(entries(types), "a column");

/** Columns of a result as pairs of names and expressions. */
function columns(given) {
  if (given === undefined) return undefined;
  if (typeof given !== "object" || given === null) throw invalid("columns are not an object of names and expressions");
  return Object.entries(given).map(([name, value]) => [text(name, "the name of a column"), text(value, "a column")]);
}

/** The parts of a key; a key of one part may be given without a list. */
const parts = (given) => (Array.isArray(given) ? given : [given]);

/** A bound of a scan, if there is one, as the engine reads it. */
const bound = (given) => (given === undefined ? undefined : packKeys([parts(given)]));

/** Keys as the engine reads them. */
function keys(given) {
  if (!Array.isArray(given)) throw invalid("keys are not an array");
  return packKeys(Array.from(given, parts));
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

/** Passes a piece of data on to the engine; resolves to whether it wants more. */
function pass(source, data) {
  if (data instanceof Uint8Array) return source.ipc(data);
  if (data instanceof ArrayBuffer) return source.ipc(new Uint8Array(data));
  if (Array.isArray(data)) return source.rows(packRows(data));
  throw invalid("data to write are rows, bytes of Arrow IPC, or an iteration of such");
}

/** The iteration of data to write: users' own, or one of the single piece that they gave. */
function pieces(data) {
  const single = Array.isArray(data) || ArrayBuffer.isView(data) || typeof data === "string";
  const iterate = single ? undefined : (data?.[Symbol.asyncIterator] ?? data?.[Symbol.iterator]);
  return typeof iterate === "function" ? iterate.call(data) : [data].values();
}

export { options, keyColumns, columnTypes, columns, bound, keys, asof, pass, pieces };
