// Entry for Node, where `fetch` opens no files.

import { readFile } from "node:fs/promises";

import { loadFrom } from "./engine.js";

loadFrom(() => readFile(new URL("./spiral_wasm_bg.wasm", import.meta.url)));

export * from "./main.js";
