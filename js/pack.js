// Rows and keys as packed bytes, one crossing per request: the form is described in core/src/exchange/unpack.rs.

import { invalid } from "./errors.js";
import { text } from "./text.js";

/** Deepest nesting that is followed: an object may contain itself. */
const MAX_DEPTH = 64;

const NULL = 0;
const FALSE = 1;
const TRUE = 2;
const INT = 3;
const UINT = 4;
const FLOAT = 5;
const TEXT = 6;
const BINARY = 7;
const MILLIS = 8;
const LIST = 9;
const STRUCT = 10;
const MAP = 11;

const encoder = new TextEncoder();

class Message {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #names = new Map();

  /** The place of so many more bytes. It may move all bytes: ask for it before naming where to write. */
  #room(size) {
    const at = this.#length;
    if (at + size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, at + size));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length += size;
    return at;
  }

  #form(form) {
    const at = this.#room(1);
    this.#bytes[at] = form;
  }

  #float(number) {
    const at = this.#room(8);
    this.#view.setFloat64(at, number, true);
  }

  #integer(integer) {
    const at = this.#room(8);
    this.#view.setBigInt64(at, integer, true);
  }

  #text(value) {
    const at = this.count(0);
    const most = 3 * value.length;
    const begin = this.#room(most);
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(begin, begin + most));
    this.#length = begin + written;
    this.#view.setUint32(at, written, true);
  }

  #binary(bytes) {
    this.count(bytes.length);
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  #name(name, what) {
    const known = this.#names.get(name);
    if (known !== undefined) return this.count(known);
    this.count(this.#names.size);
    this.#names.set(name, this.#names.size);
    return this.#text(text(name, what));
  }

  /** Writes a count; returns its place. */
  count(count) {
    const at = this.#room(4);
    this.#view.setUint32(at, count, true);
    return at;
  }

  list(items, depth) {
    this.count(items.length);
    for (let at = 0; at < items.length; at += 1) this.value(items[at], depth);
  }

  /** The members of an object that have a value. */
  members(object, depth, what) {
    const at = this.count(0);
    let count = 0;
    for (const name of Object.keys(object)) {
      const value = object[name];
      if (value === undefined) continue;
      this.#name(name, what);
      this.value(value, depth);
      count += 1;
    }
    this.#view.setUint32(at, count, true);
  }

  value(value, depth) {
    if (depth > MAX_DEPTH) throw invalid(`values nest deeper than ${MAX_DEPTH} levels`);
    switch (typeof value) {
      case "undefined":
        return this.#form(NULL);
      case "boolean":
        return this.#form(value ? TRUE : FALSE);
      case "number":
        return this.#number(value);
      case "bigint":
        return this.#bigint(value);
      case "string":
        this.#form(TEXT);
        return this.#text(text(value, "a value"));
      case "object":
        return value === null ? this.#form(NULL) : this.#object(value, depth + 1);
      default:
        throw invalid("a value is neither data nor an object of data");
    }
  }

  /** An integer, if the number surely is one: negative zero is none. */
  #number(value) {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      this.#form(INT);
      this.#integer(BigInt(value));
    } else {
      this.#form(FLOAT);
      this.#float(value);
    }
  }

  #bigint(value) {
    if (BigInt.asIntN(64, value) === value) this.#form(INT);
    else if (BigInt.asUintN(64, value) === value) this.#form(UINT);
    else throw invalid("a BigInt has more than 64 bits");
    this.#integer(BigInt.asIntN(64, value));
  }

  #object(value, depth) {
    if (value instanceof Date) {
      const millis = value.getTime();
      if (Number.isNaN(millis)) throw invalid("a Date is not a valid time");
      this.#form(MILLIS);
      this.#integer(BigInt(millis));
    } else if (value instanceof Uint8Array) {
      this.#form(BINARY);
      this.#binary(value);
    } else if (value instanceof ArrayBuffer) {
      this.#form(BINARY);
      this.#binary(new Uint8Array(value));
    } else if (value instanceof DataView) {
      this.#form(BINARY);
      this.#binary(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    } else if (Array.isArray(value) || ArrayBuffer.isView(value)) {
      this.#form(LIST);
      this.list(value, depth);
    } else if (value instanceof Map) {
      this.#form(MAP);
      this.count(value.size);
      for (const [key, item] of value) {
        this.value(key, depth);
        this.value(item, depth);
      }
    } else {
      this.#form(STRUCT);
      this.members(value, depth, "the name of a field");
    }
  }

  bytes() {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Rows, each an object. */
function packRows(rows) {
  const message = new Message();
  message.count(rows.length);
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at];
    if (typeof row !== "object" || row === null || Array.isArray(row)) throw invalid(`row ${at} is not an object`);
    message.members(row, 0, "the name of a column");
  }
  return message.bytes();
}

/** Keys, each a list of its parts. */
function packKeys(keys) {
  const message = new Message();
  message.count(keys.length);
  for (const key of keys) message.list(key, 0);
  return message.bytes();
}

export { packRows, packKeys };
