// What the packages for Node and for browsers have in common.

// Only what says so is exported.
export {};

/** What cancels an operation: an operation cancelled before it starts never starts. */
export interface Cancellable {
  /** Aborting it rejects the operation with {@link CancelledError} and ends its requests. */
  signal?: AbortSignal;
}

/**
 * A single value of a cell.
 *
 * | type of column | value |
 * |---|---|
 * | `int64`, `uint64` | `bigint`, or `number` by the option `int64` |
 * | smaller integers, floats | `number` |
 * | `utf8` | `string`, without halves of surrogate pairs |
 * | `binary` | `Uint8Array` |
 * | `bool` | `boolean` |
 * | `date32`, `timestamp[s]`, `timestamp[ms]` | `Date`; a `bigint` in the column's unit where no `Date` reaches |
 * | `timestamp[us]`, `timestamp[ns]`, times, durations | `bigint` in the column's unit |
 * | decimals | `string` |
 * | lists | `Array` |
 * | structs (column groups) | `object` |
 * | maps | `Array` of pairs |
 * | intervals | `{ months, days, nanoseconds }` |
 *
 * Input may be the same, and also a `number` for any integer, a `Date` for any date or timestamp, a typed array for a
 * list, a `Map` for a map.
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Date
  | ArrayBufferView
  | Value[]
  | Map<Value, Value>
  | { [field: string]: Value | undefined };

/** The values of a row by the names of its columns. In input, a column that is `undefined` is not written. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Row = Record<string, any>;

/** A key: one value per key column, in their order. A key of one column may be given without an array. */
export type Key = Value | Value[];

/** A column. */
export interface ColumnInfo {
  /** Dotted path. */
  path: string;
  /** Name of its type, such as `int64`, `utf8` or `timestamp[us, UTC]`. */
  type: string;
  /** Whether it is part of the key. Columns of a plan's result do not tell. */
  key?: boolean;
}

/** A version: its number, or a time, as a `Date`, RFC 3339 text or exact microseconds since 1970. */
export type Asof = number | bigint | Date | string | { timestamp: bigint };

/** Something that holds memory until it is closed. What is forgotten is closed some time later. */
declare abstract class Handle {
  protected constructor();
  /** Frees it. Operations afterwards are errors. */
  close(): void;
  [Symbol.dispose](): void;
}

/** A root of tables. Closing it cancels what is under way and closes everything opened from it. */
export class Client extends Handle {
  private constructor();
  /** The URL without its query, which may be a signature. */
  readonly url: string;
  /**
   * Creates a table with the given key columns; value columns come into being when they are first written. A table is
   * named `project/dataset.table`, where project and dataset are `default` when left out: `dataset.table`, `table`.
   * @throws {AlreadyExistsError} unless `existOk` is set and the key columns are the same
   * @throws {InvalidArgumentError} `invalid_name`, `invalid_key_schema`
   */
  createTable(
    name: string,
    keys: { name: string; type: string }[] | Record<string, string>,
    options?: { existOk?: boolean } & Cancellable,
  ): Promise<Table>;
  /** Opens a table by its name. @throws {NotFoundError} */
  table(name: string, options?: Cancellable): Promise<Table>;
  /** Opens the table whose own folder the URL names: one that was copied, or is served, by itself. */
  tableAtRoot(options?: Cancellable): Promise<Table>;
  /**
   * Plans a scan over tables with the same key columns, by names that paths begin with:
   *
   * ```js
   * const plan = await client.scan({ flights, weather }, {
   *   columns: { id: "id", distance: "flights.distance", wind: "weather.wind" },
   *   where: "flights.distance > 1000 and weather.wind is not null",
   * });
   * ```
   *
   * The result has the key columns once, then a struct for each table, unless options choose. A row exists if any column
   * group that is referred to has its key, in whichever table; what a table lacks is null. `asof` a time holds for all
   * tables; where there are several, pass snapshots instead of the number of a version.
   * @throws {InvalidArgumentError} `key_schema_mismatch`, `unknown_column`, `invalid_name` where two columns of the result
   * have one name
   */
  scan(
    tables: Record<string, Table | Snapshot>,
    options?: ScanOptions & { asof?: Asof } & Cancellable,
  ): Promise<Plan>;
  /** The names of all tables: `dataset.table`, with `project/` before it unless that is the default. */
  tables(options?: Cancellable): Promise<string[]>;
  /**
   * Gives a table another name, in any dataset and project: parts that the new name leaves out stay as they are.
   * Handles that are open go on with the table.
   * @throws {NotFoundError} when no table has the name
   * @throws {AlreadyExistsError} when the new name is taken
   * @throws {ConflictError} when another writer renamed or dropped the table at the same time
   */
  renameTable(name: string, newName: string, options?: Cancellable): Promise<void>;
  /**
   * Takes a table's name away, which another table may be given then. Its data stays, and handles that are open go on
   * reading and writing it.
   * @throws {NotFoundError} when no table has the name
   * @throws {ConflictError} when another writer renamed or dropped the table at the same time
   */
  dropTable(name: string, options?: Cancellable): Promise<void>;
}

/** A commit. */
export interface Commit {
  version: number;
  /** Microseconds since 1970. */
  timestamp: bigint;
}

/** A commit as a table's history tells it. */
export interface HistoryEntry extends Commit {
  /** Identity of its transaction. */
  transaction: string;
  /** One word per operation: `create`, `write`, `delete`, `fold`. */
  operations: string[];
  rowsWritten: number;
  rowsDeleted: number;
  /** Bytes of new objects. */
  bytes: number;
}

/** Options of writes. */
export interface WriteOptions extends Cancellable {
  /** Types of new columns, by name. Others take those of their values: whole numbers `int64`, others `float64` … */
  types?: Record<string, string>;
  /** Turns a null struct into null fields; otherwise it is an error. */
  pushDownNulls?: boolean;
}

/** Rows, bytes of an Arrow IPC stream or file, or an iteration of such, which is read as it is written. */
export type Data = Row[] | Uint8Array | ArrayBuffer | AsyncIterable<Row[] | Uint8Array> | Iterable<Row[] | Uint8Array>;

/** How 64-bit integers are handed out: with `"number"`, one that is not exact as a number is an error. */
export interface IntegerOptions {
  int64?: "bigint" | "number";
}

/** What to read. */
export interface ScanOptions extends IntegerOptions {
  /**
   * Paths of columns and column groups, `a`, `group.a`, `group` or `group.*`, in the order of the result; everything by
   * default. In a scan over several tables they begin with the name of a table.
   */
  select?: string[];
  /**
   * More columns of the result by their names: expressions, or paths of what stands there under that name. The empty name
   * is the top of the result, for the columns of a group or a table.
   */
  columns?: Record<string, string>;
  /** Rows to keep: `distance > 1000 and origin in ('SFO', 'LAX')`. */
  where?: string;
  /** The first key, included. It may name only the first parts of a key. */
  begin?: Key;
  /** The end, excluded. */
  end?: Key;
  /** Rows after which to stop. */
  limit?: number;
  /** Lets batches come as they are ready instead of in key order. */
  unordered?: boolean;
  /** Only the keys, of rows that exist in any column group: of those selected, if any are. */
  keysOnly?: boolean;
}

/** A table. */
export class Table extends Handle {
  private constructor();
  /** The name by which it was opened. */
  readonly name: string;
  /** Its permanent id, whatever it is named: the name of its folder below the root's `tables`. */
  readonly id: string;
  readonly keySchema: ColumnInfo[];
  /** All columns, key columns first. */
  schema(options?: { asof?: Asof } & Cancellable): Promise<ColumnInfo[]>;
  /**
   * Upserts rows, in one transaction. Columns that do not exist are created; cells that are not written stay.
   * @throws {InvalidArgumentError} `type_mismatch`, `duplicate_key`, `null_key`, `missing_key_column` …
   */
  write(data: Data, options?: WriteOptions): Promise<Commit>;
  /** Deletes rows by key; keys without a row are fine. */
  delete(keys: Key[], options?: Cancellable): Promise<Commit>;
  /** Deletes the rows for which a filter is true. */
  deleteWhere(filter: string, options?: Cancellable): Promise<Commit>;
  /** The newest version, or an older one. */
  snapshot(options?: { asof?: Asof } & Cancellable): Promise<Snapshot>;
  /** Plans a scan of the newest version, or of an older one. */
  scan(options?: ScanOptions & { asof?: Asof } & Cancellable): Promise<Plan>;
  /** The rows of some keys, which may come in any order, repeatedly, or not exist. */
  take(keys: Key[], options?: { select?: string[]; asof?: Asof } & IntegerOptions & Cancellable): Promise<Taken>;
  /** The most recent commits, newest first; 100 by default. */
  history(options?: { limit?: number } & Cancellable): Promise<HistoryEntry[]>;
  /** Begins a transaction on the newest known version. */
  transaction(): Transaction;
}

/** A version of a table. It does not change, whatever is committed later. */
export class Snapshot extends Handle {
  private constructor();
  readonly version: number;
  /** When it was committed, in microseconds since 1970. */
  readonly timestamp: bigint;
  schema(options?: Cancellable): Promise<ColumnInfo[]>;
  scan(options?: ScanOptions & Cancellable): Promise<Plan>;
  take(keys: Key[], options?: { select?: string[] } & IntegerOptions & Cancellable): Promise<Taken>;
}

/** What a plan and its streams cost so far. Seconds are summed over parallel work. */
export interface Metrics {
  /** Read requests sent to the store. */
  requests: number;
  /** Bytes received. */
  bytes: number;
  /** Dependent rounds of requests: what a far client waits for. */
  rounds: number;
  runs: number;
  fragments: number;
  stripes: number;
  /** Stripes that statistics excluded. */
  stripesPruned: number;
  rowsRead: number;
  rowsReturned: number;
  rowsMerged: number;
  planSeconds: number;
  fetchSeconds: number;
  decodeSeconds: number;
  mergeSeconds: number;
  filterSeconds: number;
}

/** A planned scan, to stream any number of times: `for await (const batch of plan)`. */
export class Plan extends Handle {
  private constructor();
  /** The columns of the result. */
  readonly schema: ColumnInfo[];
  /** The plan in words. */
  explain(): string;
  metrics(): Metrics;
  /** Streams the rows, in batches that are read as they are asked for, with a bounded read-ahead. */
  batches(options?: Cancellable): AsyncGenerator<Batch, void, void>;
  [Symbol.asyncIterator](): AsyncGenerator<Batch, void, void>;
  /** Streams the rows one by one. */
  rows(options?: Cancellable): AsyncGenerator<Row, void, void>;
  /** All rows at once. */
  toRows(options?: Cancellable): Promise<Row[]>;
  /** All rows as one Arrow IPC stream. */
  toIpc(options?: Cancellable): Promise<Uint8Array>;
  /** The rows of some keys. The plan's filter and bounds apply, its limit does not. */
  take(keys: Key[], options?: Cancellable): Promise<Taken>;
}

/** Numbers without nulls as a typed array, anything else as a plain array with `null`. */
export type Column =
  | Int8Array | Int16Array | Int32Array | BigInt64Array
  | Uint8Array | Uint16Array | Uint32Array | BigUint64Array
  | Float32Array | Float64Array
  | (Value | null)[];

/** Rows. The garbage collector frees them. */
export class Batch {
  private constructor();
  readonly numRows: number;
  /** The names of the columns. */
  readonly columns: string[];
  /** One column, decoded anew by each call. @throws {InvalidArgumentError} `unknown_column` */
  column(name: string): Column;
  toRows(): Row[];
  /** A complete Arrow IPC stream, for `tableFromIPC` of apache-arrow 17 and newer. It may not be a copy: do not change it. */
  toIpc(): Uint8Array;
}

/** The rows of keys. */
export class Taken {
  private constructor();
  /** The rows, in the order of the keys. */
  readonly batch: Batch;
  /** For each row, the position of its key in the request. Keys without a row have none. */
  readonly positions: number[];
  toRows(): Row[];
}

/** Operations that become visible together, or not at all. Closing it abandons what was not committed. */
export class Transaction extends Handle {
  private constructor();
  /** Its identity, by which a commit of unknown outcome is found in the history. */
  readonly id: string;
  write(data: Data, options?: WriteOptions): Promise<void>;
  delete(keys: Key[], options?: Cancellable): Promise<void>;
  /** Deletes the rows that a filter selects in the version that the commit lands on. */
  deleteWhere(filter: string, options?: Cancellable): Promise<void>;
  /** @throws {ConflictError} nothing is visible @throws {OutcomeUnknownError} the history tells */
  commit(options?: Cancellable): Promise<Commit>;
  abort(options?: Cancellable): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The name of a kind of errors, which says what can be done. */
export type ErrorKind =
  | "InvalidArgument" | "NotFound" | "AlreadyExists" | "Conflict" | "Unavailable" | "PermissionDenied"
  | "Corrupt" | "Unsupported" | "OutcomeUnknown" | "Cancelled" | "LimitExceeded" | "Internal";

/** An error of Spiral's. Its class says what to do, its code what happened. */
export class SpiralError extends Error {
  /** Stable identity of the cause, the same in every language. */
  readonly code: string;
  readonly kind: ErrorKind;
  /** The table concerned, if known. */
  readonly table?: string;
  /** The object concerned, if known, relative to the table. */
  readonly path?: string;
  /** The version concerned, if known. */
  readonly version?: number;
  /** Whether the same call may succeed later without any change. */
  readonly retryable: boolean;
}
/** The call was wrong: change the argument that the message names. */
export class InvalidArgumentError extends SpiralError {}
/** The named object does not exist, or not any more. */
export class NotFoundError extends SpiralError {}
/** The name is taken. */
export class AlreadyExistsError extends SpiralError {}
/** Another writer committed first and the two changes contradict each other: read again and decide. */
export class ConflictError extends SpiralError {}
/** The store did not answer or refused for now: trying again later may succeed. */
export class UnavailableError extends SpiralError {}
/** The store refused access: check credentials, permissions, or its CORS rules. */
export class PermissionDeniedError extends SpiralError {}
/** Stored bytes are not what was written: report it and restore the object. */
export class CorruptError extends SpiralError {}
/** The table was written by a newer version, or the request is outside what this build can do. */
export class UnsupportedError extends SpiralError {}
/** It is not known whether the commit took effect; the history tells, by the transaction's id. */
export class OutcomeUnknownError extends SpiralError {}
/** The operation was cancelled. Its `name` is `AbortError`, its `cause` the signal's reason. */
export class CancelledError extends SpiralError {}
/** A limit that protects memory or the store was reached. */
export class LimitExceededError extends SpiralError {}
/** A defect of Spiral: please report it. */
export class InternalError extends SpiralError {}
