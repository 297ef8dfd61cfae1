// Entry for hosts that compile WebAssembly when they are deployed.

import module from "./spiral_wasm_bg.wasm";

import { loadFrom } from "./engine.js";

loadFrom(() => module);

export * from "./main.js";
