"use strict";
// Where a root of tables is, and how the engine works on it.

const { options: optionsOf } = require("./arguments.js");
const { call, native } = require("./engine.js");
const { clientOf } = require("./spiral.js");
const { text } = require("./text.js");

/** Opens a root of tables. */
async function connect(url, options) {
  const known = optionsOf(
    options,
    ["store", "threads", "cacheBytes", "partitionMaxBytes", "batchReadahead"],
    "options of connect",
  );
  const address = url instanceof URL ? url.href : text(url, "the URL");
  const engine = {
    store: known.store,
    threads: known.threads,
    cache_bytes: known.cacheBytes,
    partition_max_bytes: known.partitionMaxBytes,
    batch_readahead: known.batchReadahead,
  };
  const raw = call(() => native.connect(address, JSON.stringify(engine)));
  return clientOf(raw);
}

module.exports = { connect };
