// Writes a table of many rows into a folder, with the package that is installed in the working directory, through a
// byte store of its own, and prints the table's folder: node make-table.mjs FOLDER ROWS
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { connect } from "@spiral-table/browser";
import { Table, tableToIPC, makeVector, vectorFromArray, Dictionary, Int32, Utf8 } from "apache-arrow";

const [folder, rows] = [process.argv[2], Number(process.argv[3])];
const failure = (kind) => Object.assign(new Error(kind), { kind });

const byteStore = {
  async get(path, begin = 0, end) {
    const whole = await readFile(join(folder, path)).catch(() => {
      throw failure("NotFound");
    });
    const pieces = [whole.subarray(begin, end)];
    return { begin, end: begin + pieces[0].length, size: whole.length, pull: async () => pieces.pop() };
  },
  async put(path, bytes, ifAbsent) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    if (!ifAbsent) return writeFile(file, bytes);
    const created = await open(file, "wx").catch(() => {
      throw failure("AlreadyExists");
    });
    await created.writeFile(bytes);
    await created.close();
  },
  async remove() {},
};

/** Rows in pieces, as a program makes them: numbers, measurements, a few names. */
function* pieces() {
  const names = ["north", "east", "south", "west"];
  const step = 100_000;
  for (let from = 0; from < rows; from += step) {
    const length = Math.min(step, rows - from);
    let seed = from + 1;
    const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
    yield tableToIPC(
      new Table({
        id: makeVector(BigInt64Array.from({ length }, (_, at) => BigInt(from + at))),
        value: makeVector(Float64Array.from({ length }, random)),
        count: makeVector(Int32Array.from({ length }, () => Math.floor(random() * 1000))),
        side: vectorFromArray(Array.from({ length }, () => names[Math.floor(random() * 4)]), new Dictionary(new Utf8(), new Int32())),
      }),
    );
  }
}

const client = await connect("folder:", { byteStore });
const table = await client.createTable("big", { id: "int64" });
await table.write(pieces());
console.log(join(folder, "tables", table.id));
client.close();
