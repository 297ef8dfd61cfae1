// The compiled engine: loading it, and running its operations.

import { cancelled, errorOf, InternalError, SpiralError, UnsupportedError } from "./errors.js";
import { cause, underWay } from "./host.js";
import load, * as native from "./spiral_wasm.js";

export { native };

/** Where an engine that only reads has nothing, it says so. */
const writing = {
  Client: ["createTable", "renameTable", "dropTable"],
  Table: ["write", "delete", "deleteWhere", "transaction"],
};
for (const [name, methods] of Object.entries(writing)) {
  for (const method of methods) native[name].prototype[method] ??= onlyReads;
}

function onlyReads() {
  const message = "this entry of the package only reads: import @spiral-table/browser instead of its /reader to write";
  throw new UnsupportedError(message, { code: "unsupported_operation" });
}

let source = () => {
  throw new InternalError("this entry of the package names no source of its WebAssembly");
};
let loading;

/** What the entries for browsers, Node and others differ in: where the WebAssembly comes from. */
export function loadFrom(of) {
  source = of;
}

/** Loads the engine, once. */
export function initialize(module) {
  loading ??= Promise.resolve(module ?? source())
    .then((module_or_path) => load({ module_or_path }))
    .catch((error) => {
      // Another attempt may succeed: the network may be back.
      loading = undefined;
      throw new SpiralError(`the WebAssembly of Spiral could not be loaded: ${error?.message ?? error}`, { cause: error });
    })
    .then(() => undefined);
  return loading;
}

const dead = (message) => new InternalError(`a defect of Spiral stopped it, reload it to go on: ${message}`);

/** Calls the engine; what it throws becomes an error of the right class. */
export function call(operation) {
  if (cause !== undefined) throw dead(cause);
  try {
    return operation();
  } catch (thrown) {
    throw cause === undefined ? errorOf(thrown) : dead(cause);
  }
}

/** Runs an operation of the engine that a signal cancels, or the closing of what it belongs to. */
export function run(scope, signal, start) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(cancelled(signal));
    const cancel = call(() => new native.Cancel());
    const stop = () => cancel.cancel();
    const fail = (message) => reject(dead(message));
    const end = () => {
      signal?.removeEventListener("abort", stop);
      scope.running.delete(stop);
      underWay.delete(fail);
      if (cause === undefined) cancel.free();
    };
    signal?.addEventListener("abort", stop);
    scope.running.add(stop);
    underWay.add(fail);
    try {
      call(() => start(cancel)).then(
        (value) => (end(), resolve(value)),
        (thrown) => {
          end();
          const error = errorOf(thrown);
          reject(error.code === "cancelled" && signal?.aborted ? cancelled(signal) : error);
        },
      );
    } catch (error) {
      end();
      reject(error);
    }
  });
}
