"use strict";
// Finds the native library: beside this package where it was built from source, else in the package of this platform.

const { join } = require("node:path");

/** Whether this Linux uses musl. Reports of the process name glibc's version where glibc is used. */
function isMusl() {
  const report = process.report;
  if (!report) return false;
  // Otherwise the report looks up the names of open connections, which can take seconds.
  const { excludeNetwork } = report;
  report.excludeNetwork = true;
  const { header } = report.getReport();
  report.excludeNetwork = excludeNetwork;
  return !header.glibcVersionRuntime;
}

/** The name of this platform, as the packages of native libraries are named. */
function platform() {
  const { platform, arch } = process;
  if (platform === "linux") return `linux-${arch}-${isMusl() ? "musl" : "gnu"}`;
  return platform === "win32" ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

function load() {
  const name = platform();
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
