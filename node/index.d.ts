/**
 * Spiral: tables that live on object storage, sorted and unique by a primary key.
 *
 * ```js
 * import { connect } from "@spiral-table/node";
 *
 * const client = await connect("s3://bucket/tables");
 * const flights = await client.table("flights");
 * for await (const batch of await flights.scan({ where: "distance > 1000" })) console.log(batch.toRows());
 * ```
 */

import type { Client } from "./lib/types.js";

export * from "./lib/types.js";

/** Options of {@link connect}. */
export interface ConnectOptions {
  /**
   * Options of the store by the names of its vendor's own variables, such as `aws_access_key_id`, `aws_region`,
   * `google_service_account`, `azure_storage_account_key`; `allow_http: "true"` for stores without encryption. What is
   * not given comes from the environment.
   */
  store?: Record<string, string>;
  /** Threads for decoding, filtering and merging; as many as the machine has processors by default. */
  threads?: number;
  /** Bytes of memory for each cache of metadata and keys. */
  cacheBytes?: number;
  /** Uncompressed bytes after which a write starts the next file. */
  partitionMaxBytes?: number;
  /** Batches that a scan prepares ahead of its reader. */
  batchReadahead?: number;
}

/**
 * Opens a root of tables.
 *
 * - `memory:` — tables in memory, gone with the client.
 * - a path, or `file:///path` — tables in a folder of this machine, which is created if it is missing.
 * - `s3://bucket/folder`, `gs://bucket/folder`, `az://container/folder` — tables in an object store.
 * - `https://host/folder` — tables on any web server, to read.
 *
 * @throws {InvalidArgumentError} `invalid_store_url`
 */
export function connect(url: string | URL, options?: ConnectOptions): Promise<Client>;
