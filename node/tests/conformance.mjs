// Runs the conformance list: node conformance.mjs LIST FOLDER SERVED-URL, and its falsified entries:
// node conformance.mjs --falsified LIST.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import * as spiral from "@spiral-table/node";
import { runEntry, runList } from "./interpreter.mjs";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { falsified: { type: "boolean", default: false } } });
const [list, folder, served] = positionals;
const { entries } = JSON.parse(readFileSync(list, "utf8"));
let [ran, wrong] = [0, 0];

if (values.falsified) {
  for (const entry of entries) {
    const line = await runEntry(spiral, entry, "memory", "memory:");
    ran += 1;
    if (line.outcome === "red") continue;
    wrong += 1;
    console.log(JSON.stringify({ ...line, detail: "it should be red" }));
  }
} else {
  const roots = { memory: () => "memory:", folder: (entry) => join(folder, entry.name), http: (entry) => `${served}/${entry.name}` };
  await runList(spiral, "node", entries, roots, (line) => {
    ran += line.outcome === "skipped" ? 0 : 1;
    wrong += line.outcome === "red" ? 1 : 0;
    console.log(JSON.stringify(line));
  });
}
console.error(`${ran} ran, ${wrong} ${values.falsified ? "falsified ones were not found" : "are red"}`);
process.exitCode = ran > 0 && wrong === 0 ? 0 : 1;
