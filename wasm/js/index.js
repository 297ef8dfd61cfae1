// Entry for browsers, with or without a bundler.

import { loadFrom } from "./engine.js";

loadFrom(() => new URL("./spiral_wasm_bg.wasm", import.meta.url));

export * from "./main.js";
