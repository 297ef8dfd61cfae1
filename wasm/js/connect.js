// Where a root of tables is: the byte stores that a page has.

import { options as optionsOf } from "./arguments.js";
import { call, initialize, native } from "./engine.js";
import { invalid } from "./errors.js";
import { HttpStore } from "./http-store.js";
import { MemoryStore } from "./memory-store.js";
import { OpfsStore } from "./opfs-store.js";
import { clientOf } from "./spiral.js";
import { text } from "./text.js";

/** Opens a root of tables. */
export async function connect(url, options) {
  const known = optionsOf(
    options,
    ["headers", "credentials", "cache", "fetch", "writable", "byteStore", "cacheBytes", "partitionMaxBytes", "batchReadahead"],
    "options of connect",
  );
  const address = url instanceof URL ? url.href : text(url, "the URL");
  const { store, folder, medium } = storeOf(address, known);
  const engine = {
    cache_bytes: known.cacheBytes,
    partition_max_bytes: known.partitionMaxBytes,
    batch_readahead: known.batchReadahead,
  };
  await initialize();
  const raw = call(() => native.connect(address, store, folder, medium, JSON.stringify(engine)));
  return clientOf(raw);
}

/** The byte store of a URL, and the name of the folder that the URL names. */
function storeOf(address, options) {
  const wrong = (message) => invalid(message, "invalid_store_url");
  if (options.byteStore) return { store: options.byteStore, folder: "", medium: "cloud" };
  if (/^memory:(\/\/)?$/.test(address)) return { store: new MemoryStore(), folder: "", medium: "memory" };
  let url;
  try {
    url = new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch {
    throw wrong("the URL is not one: use memory:, opfs:folder, https://host/folder");
  }
  const folder = decodeURIComponent(url.pathname).split("/").filter(Boolean).at(-1) ?? "";
  if (url.protocol === "opfs:") {
    if (!globalThis.navigator?.storage?.getDirectory) throw wrong("there is no private file system here: use memory: or https:");
    return { store: new OpfsStore(decodeURIComponent(url.pathname)), folder, medium: "local" };
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw wrong(`no store is known by the scheme ${JSON.stringify(url.protocol.slice(0, -1))}`);
  }
  if (url.username || url.password) throw wrong("a URL with a password cannot be fetched: use the option headers");
  return { store: new HttpStore(url, options), folder, medium: "http" };
}
