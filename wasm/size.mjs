// Prints the size of a file as it is and as it is sent: node size.mjs FILE BROTLI_QUALITY [BROTLI_BYTES_MAX]
import { readFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const [file, quality, limit] = process.argv.slice(2);
const raw = readFileSync(file);
const brotli = brotliCompressSync(raw, {
  params: { [constants.BROTLI_PARAM_QUALITY]: Number(quality), [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length },
}).length;
console.log(JSON.stringify({ raw: raw.length, gzip: gzipSync(raw, { level: 9 }).length, brotli, quality: Number(quality) }));
if (limit && brotli > Number(limit)) {
  console.error(`the package is larger than its limit of ${limit} bytes in brotli`);
  process.exit(1);
}
