// A server with the habits that stores on the web have. The first part of a path names the habit, all share their
// objects:
//
//   /open/    any origin may read, Content-Range is exposed
//   /hidden/  any origin may read, but sees neither Content-Range nor sizes
//   /whole/   ranges are ignored
//   /signed/  403 unless the query is ?signature=valid
//   /closed/  no other origin may read
//   /missing/ 403 for what does not exist
//   /put/     with "Authorization: Bearer token", objects are written; If-None-Match is honoured
//   /late/    as /put/, and by its clock it is an hour ago
//   /stuck/   never answers; /stuck-count tells how many requests came and how many were given up
import { createServer } from "node:http";

const objects = new Map();
const stuck = { asked: 0, abandoned: 0 };

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://host");
  const [, habit, ...rest] = url.pathname.split("/");
  const name = rest.join("/");
  if (habit !== "closed") {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Allow-Methods", "GET, PUT, DELETE");
    response.setHeader("Access-Control-Allow-Headers", "Authorization, If-None-Match, Content-Type");
    if (habit !== "hidden") response.setHeader("Access-Control-Expose-Headers", "Content-Range");
  }
  const answer = (status, body) => response.writeHead(status).end(body);
  if (request.method === "OPTIONS") return answer(204);
  if (habit === "stuck-count") return answer(200, JSON.stringify(stuck));
  if (habit === "stuck") {
    stuck.asked += 1;
    response.on("close", () => (stuck.abandoned += 1));
    return;
  }
  if (habit === "signed" && url.search !== "?signature=valid") return answer(403);
  const writable = habit === "put" || habit === "late";
  response.setHeader("Last-Modified", new Date(Date.now() - (habit === "late" ? 3_600_000 : 0)).toUTCString());
  if (writable && request.headers.authorization !== "Bearer token") return answer(401);
  if (request.method === "PUT" && writable) {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    if (request.headers["if-none-match"] === "*" && objects.has(name)) return answer(412);
    objects.set(name, Buffer.concat(pieces));
    return answer(201);
  }
  if (request.method === "DELETE" && writable) return answer(objects.delete(name) ? 204 : 404);
  if (request.method !== "GET") return answer(405);
  const object = objects.get(name);
  if (!object) return answer(habit === "missing" ? 403 : 404);
  const range = habit === "whole" ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  if (!range) return answer(200, object);
  const [first, last] = [Number(range[1]), Math.min(object.length - 1, range[2] === "" ? Infinity : Number(range[2]))];
  if (first > last) return answer(416);
  response.setHeader("Content-Range", `bytes ${first}-${last}/${object.length}`);
  if (habit === "hidden") response.setHeader("Transfer-Encoding", "chunked");
  response.writeHead(206).end(object.subarray(first, last + 1));
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.on("end", () => process.exit(0)).resume();
