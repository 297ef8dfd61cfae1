"use strict";
// Calls of the native library, and operations that signals cancel.

const { cancelled, errorOf } = require("./errors.js");
const native = require("./native.js");

/** Calls the engine; what it throws becomes an error of the right class. */
function call(operation) {
  try {
    return operation();
  } catch (thrown) {
    throw errorOf(thrown);
  }
}

/** Runs an operation that a signal cancels, or the closing of the client that it belongs to. */
async function run(scope, signal, start) {
  if (signal?.aborted) throw cancelled(signal);
  const cancel = new native.Cancel();
  const stop = () => cancel.cancel();
  signal?.addEventListener("abort", stop);
  scope.running.add(stop);
  try {
    return await start(cancel);
  } catch (thrown) {
    const error = errorOf(thrown);
    throw error.code === "cancelled" && signal?.aborted ? cancelled(signal) : error;
  } finally {
    signal?.removeEventListener("abort", stop);
    scope.running.delete(stop);
  }
}

module.exports = { call, run, native };
