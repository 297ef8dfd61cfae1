/**
 * Spiral: tables that live on object storage, sorted and unique by a primary key.
 *
 * ```js
 * import { connect } from "@spiral-table/browser";
 *
 * const client = await connect("https://example.com/tables");
 * const flights = await client.table("flights");
 * for await (const batch of await flights.scan({ where: "distance > 1000" })) console.log(batch.toRows());
 * ```
 */

import type { Client } from "./types.js";

export * from "./types.js";

/** Options of {@link connect}. */
export interface ConnectOptions {
  /** Headers of every request, such as `{ Authorization: "Bearer …" }`. They cost a preflight on other origins. */
  headers?: HeadersInit;
  /** Whether cookies are sent: `"omit"`, `"same-origin"` (the default) or `"include"`. */
  credentials?: RequestCredentials;
  /** How the browser's HTTP cache is used; `"no-store"` by default, since the engine has a cache of its own. */
  cache?: RequestCache;
  /** What is called instead of `fetch`. */
  fetch?: typeof fetch;
  /** Lets tables over HTTP be written, by `PUT` with `If-None-Match: *`, to servers that honour it. False by default. */
  writable?: boolean;
  /** A store of your own, used instead of what the URL names. */
  byteStore?: ByteStore;
  /** Bytes of memory for each cache of metadata and keys; 256 MiB by default. */
  cacheBytes?: number;
  /** Uncompressed bytes after which a write starts the next file. */
  partitionMaxBytes?: number;
  /** Batches that a scan prepares ahead of its reader. */
  batchReadahead?: number;
}

/** A byte store. Paths are relative. Errors tell what happened by a member `kind`. */
export interface ByteStore {
  /**
   * Reads an object, or its bytes from `begin` up to and without `end`. The answer tells which bytes it is, and the
   * object's size and when it was written, in milliseconds since 1970 by the store's clock, if they are known; each call of `pull` gives the next piece, `undefined` is the end. Rejects with
   * `kind: "NotFound"` or `"PermissionDenied"`; anything else is tried again.
   */
  get(path: string, begin: number | undefined, end: number | undefined, signal: AbortSignal): Promise<{
    begin: number;
    end: number;
    size?: number;
    modified?: number;
    pull(): Promise<Uint8Array | undefined>;
  }>;
  /**
   * Writes an object as a whole. With `ifAbsent`, of all writers of a path exactly one may succeed, for ever; the others
   * are rejected with `kind: "AlreadyExists"`. Stores that cannot promise that reject with `kind: "Unsupported"`.
   */
  put(path: string, bytes: Uint8Array, ifAbsent: boolean, signal: AbortSignal): Promise<void>;
  /** Removes an object; one that does not exist is no error. */
  remove(path: string, signal: AbortSignal): Promise<void>;
}

/**
 * Opens a root of tables.
 *
 * - `memory:` — tables in memory, gone with the client.
 * - `opfs:folder` — tables in the origin's private file system, which all tabs and workers share. Browsers only.
 * - `https://host/folder`, or a URL relative to the page — tables on any web server or object store. A query, such as
 *   a signature, is kept on every request. Servers of other origins have to allow the page by CORS.
 *
 * @throws {InvalidArgumentError} `invalid_store_url`
 */
export function connect(url: string | URL, options?: ConnectOptions): Promise<Client>;

/**
 * Loads the engine; `connect` does it when it is first called. Bundlers that lose the `.wasm` file need it: pass its
 * URL, bytes, response or compiled module.
 */
export function initialize(
  module?: string | URL | Request | Response | Promise<Response> | BufferSource | WebAssembly.Module,
): Promise<void>;
