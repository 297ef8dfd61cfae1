"use strict";
// Finds the native library: beside this package where it was built from source, else in the package of this platform.

const { join } = require("node:path");

const name = require("./platform.js");

function load() {
  const packaged = `@spiral-table/node-${name}`;
  const places = [join(__dirname, "..", `spiral.${name}.node`), packaged];
  if (process.env.SPIRAL_NODE_LIBRARY) places.unshift(process.env.SPIRAL_NODE_LIBRARY);
  const causes = [];
  for (const place of places) {
    try {
      return require(place);
    } catch (error) {
      // One that is there and does not load is the error to tell, not those that are missing.
      if (error.code !== "MODULE_NOT_FOUND") causes.unshift(error);
      else causes.push(error);
    }
  }
  const [cause] = causes;
  const missing = cause.code === "MODULE_NOT_FOUND";
  throw new Error(
    missing
      ? `Spiral has no native library for ${name}: package ${packaged} is not installed. Install with optional ` +
          "dependencies (npm install --include=optional), on the platform that runs the program."
      : `the native library of Spiral for ${name} does not load: ${cause.message}`,
    { cause },
  );
}

module.exports = load();
