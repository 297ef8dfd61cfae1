// Columns from packed bytes, one crossing per column: the form is described in core/src/exchange/pack.rs.

import { invalid } from "./errors.js";

/** Last millisecond that a `Date` can hold, before and after 1970. */
const MAX_DATE_MILLIS = 8_640_000_000_000_000;

// Otherwise a text that begins with a byte order mark would lose it.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Sets a member of any name: assigning to this one would set the prototype. */
function setMember(object, name, value) {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
}

/** A `Date`, or where none reaches, the number itself. */
function date(number, unitMillis) {
  const millis = Number(number) * unitMillis;
  return Math.abs(millis) <= MAX_DATE_MILLIS ? new Date(millis) : number;
}

function exact(integer) {
  const number = Number(integer);
  if (Number.isSafeInteger(number)) return number;
  throw invalid(`${integer} is not exact as a number: read it with int64: "bigint"`);
}

class Bytes {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  /** The next numbers, in memory of their own. */
  numbers(of, count) {
    const begin = this.#bytes.byteOffset + this.#at;
    const size = count * of.BYTES_PER_ELEMENT;
    this.#at += size;
    return new of(this.#bytes.buffer.slice(begin, begin + size));
  }

  view(size) {
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  count() {
    return this.numbers(Uint32Array, 1)[0];
  }

  text(size) {
    return decoder.decode(this.view(size));
  }
}

/** Of numbers without nulls the typed array itself. */
const typed = (of) => (bytes, rows, each, nulls) => {
  const values = bytes.numbers(of, rows);
  return nulls ? each((at) => values[at]) : values;
};

/** 64-bit integers as users want them. */
const integers = (of) => (bytes, rows, each, nulls, asNumbers) => {
  const values = bytes.numbers(of, rows);
  if (asNumbers) return nulls ? each((at) => exact(values[at])) : Float64Array.from(values, exact);
  return nulls ? each((at) => values[at]) : values;
};

/** How the cells of each form are read, by the number of the form. */
const forms = [
  function nothing(bytes, rows, each) {
    return each(() => null);
  },
  function booleans(bytes, rows, each) {
    const values = bytes.view(rows);
    return each((at) => values[at] === 1);
  },
  typed(Int8Array),
  typed(Int16Array),
  typed(Int32Array),
  integers(BigInt64Array),
  typed(Uint8Array),
  typed(Uint16Array),
  typed(Uint32Array),
  integers(BigUint64Array),
  typed(Float32Array),
  typed(Float64Array),
  // Moments that are too fine for a `Date`.
  typed(BigInt64Array),
  function spans(bytes, rows, each) {
    const values = bytes.numbers(BigInt64Array, rows);
    return each((at) => values[at]);
  },
  function dates(bytes, rows, each) {
    const [unitMillis] = bytes.numbers(Int32Array, 1);
    const values = bytes.numbers(BigInt64Array, rows);
    return each((at) => date(values[at], unitMillis));
  },
  function texts(bytes, rows, each) {
    const offsets = bytes.numbers(Uint32Array, rows + 1);
    const all = bytes.text(bytes.count());
    return each((at) => all.slice(offsets[at], offsets[at + 1]));
  },
  function binaries(bytes, rows, each) {
    const offsets = bytes.numbers(Uint32Array, rows + 1);
    const all = bytes.view(offsets[rows]);
    return each((at) => all.slice(offsets[at], offsets[at + 1]));
  },
  function intervals(bytes, rows, each) {
    const parts = bytes.numbers(Int32Array, 4 * rows);
    const halves = new BigInt64Array(parts.buffer);
    return each((at) => ({ months: parts[4 * at], days: parts[4 * at + 1], nanoseconds: halves[2 * at + 1] }));
  },
  function lists(bytes, rows, each, nulls, asNumbers) {
    const offsets = bytes.numbers(Uint32Array, rows + 1);
    const items = cells(bytes, offsets[rows], asNumbers);
    return each((at) => Array.from(items.slice(offsets[at], offsets[at + 1])));
  },
  function structs(bytes, rows, each, nulls, asNumbers) {
    const field = () => [bytes.text(bytes.count()), cells(bytes, rows, asNumbers)];
    const fields = Array.from({ length: bytes.count() }, field);
    return each((at) => {
      const object = {};
      for (const [name, values] of fields) setMember(object, name, values[at]);
      return object;
    });
  },
  function maps(bytes, rows, each, nulls, asNumbers) {
    const offsets = bytes.numbers(Uint32Array, rows + 1);
    const keys = cells(bytes, offsets[rows], asNumbers);
    const values = cells(bytes, offsets[rows], asNumbers);
    const pairs = (begin, end) => Array.from({ length: end - begin }, (_, at) => [keys[begin + at], values[begin + at]]);
    return each((at) => pairs(offsets[at], offsets[at + 1]));
  },
];

/** The cells of so many rows: numbers without nulls as a typed array, all else as an array. */
function cells(bytes, rows, asNumbers) {
  const [form, hasNulls] = bytes.view(2);
  const nulls = hasNulls ? bytes.view(rows) : undefined;
  const each = (cell) => Array.from({ length: rows }, (_, at) => (nulls?.[at] ? null : cell(at)));
  return forms[form](bytes, rows, each, nulls, asNumbers);
}

/** The cells of a column. With `asNumbers`, 64-bit integers are numbers, and those that no number holds are errors. */
function unpackColumn(packed, asNumbers) {
  const bytes = new Bytes(packed);
  return cells(bytes, bytes.count(), asNumbers);
}

export { setMember, unpackColumn };
