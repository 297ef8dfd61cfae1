// Serves a folder over HTTP as static hosting does: GET with byte ranges, no listing, no HEAD.
//
//   node serve.mjs FOLDER [--port N] [--delay MS] [--log FILE] [--cors] [--no-ranges] [--forbidden]
//
// Prints its address once it listens and ends with its standard input. `--log` appends one JSON line per request:
// method, path, range, status, bytes, start and end in milliseconds since 1970, once the answer is sent or given up;
// `--delay` is how long each answer takes. `--cors` allows any origin and exposes
// Content-Range, `--no-ranges` answers every range with the whole object, `--forbidden` answers 403 instead of 404.
import { createServer } from "node:http";
import { appendFileSync, createReadStream, statSync } from "node:fs";
import { join, normalize, sep } from "node:path";
import { parseArgs } from "node:util";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: "string", default: "0" },
    delay: { type: "string", default: "0" },
    log: { type: "string" },
    cors: { type: "boolean", default: false },
    "no-ranges": { type: "boolean", default: false },
    forbidden: { type: "boolean", default: false },
  },
});
const [folder] = positionals;
if (!folder) throw new Error("name the folder to serve");

const now = () => performance.timeOrigin + performance.now();

const server = createServer((request, response) => {
  const start = now();
  const path = normalize(decodeURIComponent(new URL(request.url, "http://host").pathname));
  let sent = 0;
  response.on("close", () => {
    if (!options.log) return;
    const line = { method: request.method, path, range: request.headers.range, status: response.statusCode, bytes: sent };
    appendFileSync(options.log, JSON.stringify({ ...line, start, end: now() }) + "\n");
  });
  if (options.cors) {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Allow-Headers", "*");
    response.setHeader("Access-Control-Expose-Headers", "Content-Range, ETag");
  }
  setTimeout(() => answer(), Number(options.delay));

  function answer() {
    if (request.method === "OPTIONS") return response.writeHead(204).end();
    if (request.method !== "GET") return response.writeHead(405).end();
    const file = join(folder, path);
    let size;
    try {
      const found = statSync(file);
      if (!found.isFile() || !file.startsWith(join(folder, sep))) throw new Error("not a file");
      size = found.size;
    } catch {
      return response.writeHead(options.forbidden ? 403 : 404).end();
    }
    const range = options["no-ranges"] ? null : /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "");
    let [first, last] = [0, size - 1];
    if (range) {
      if (range[1] === "") first = Math.max(0, size - Number(range[2]));
      else [first, last] = [Number(range[1]), range[2] === "" ? last : Math.min(last, Number(range[2]))];
      if (first > last) return response.writeHead(416, { "Content-Range": `bytes */${size}` }).end();
      response.setHeader("Content-Range", `bytes ${first}-${last}/${size}`);
    }
    response.writeHead(range ? 206 : 200, {
      "Content-Length": last - first + 1,
      "Content-Type": "application/octet-stream",
      "Accept-Ranges": options["no-ranges"] ? "none" : "bytes",
      "Cache-Control": "no-store",
    });
    if (size === 0) return response.end();
    const body = createReadStream(file, { start: first, end: last });
    body.on("data", (chunk) => (sent += chunk.length));
    body.on("error", () => response.destroy());
    body.pipe(response);
  }
});
server.listen(Number(options.port), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.on("end", () => process.exit(0)).resume();
