// Rows on their way to users, in JavaScript's own memory: nothing has to be freed.

import { pack_columns as packColumns } from "./spiral_wasm.js";

/** Some rows, and all of them as one IPC stream. */
export class Batch {
  #ipc;

  constructor(numRows, ipc) {
    this.numRows = numRows;
    this.#ipc = ipc;
  }

  ipc() {
    return this.#ipc;
  }

  column(at) {
    return packColumns(this.#ipc, at)[0];
  }

  columns() {
    return packColumns(this.#ipc, undefined);
  }
}
