"use strict";
// The name of this platform, as the packages of native libraries are named.

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

function platform() {
  const { platform, arch } = process;
  if (platform === "linux") return `linux-${arch}-${isMusl() ? "musl" : "gnu"}`;
  return platform === "win32" ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

module.exports = platform();
