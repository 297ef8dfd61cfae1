// Drives the tests in a browser, on the package that is installed in the working directory.
//
//   node run.mjs BROWSER SERVED [TABLE BENCHMARK]
//
// BROWSER is chromium or firefox, SERVED the folder that the reference interpreter of the conformance list wrote,
// TABLE the folder of a table of some two million rows, BENCHMARK that of the benchmark's own table. Prints the report of
// conformance as JSON lines, and one line for each test and measurement; fails when anything failed or nothing ran.
import { spawn } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

import puppeteer from "puppeteer-core";

const here = dirname(fileURLToPath(import.meta.url));
const [browserName, served, bigTable, benchmarkTable] = process.argv.slice(2);
const repository = process.env.SPIRAL_REPOSITORY;
const temporary = mkdtempSync(join(tmpdir(), "spiral-browser-"));
const children = [];
const problems = [];
const problem = (text) => (problems.push(text), console.log(`FAILED ${text}`));

/** Starts a server that prints its address. */
async function serve(script, ...more) {
  const child = spawn(process.execPath, [script, ...more], { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  return new Promise((resolve) => child.stdout.once("data", (line) => resolve(String(line).trim())));
}

const types = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };
const pages = createServer((request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, "http://host").pathname));
  const file = path.startsWith("/node_modules/") ? join(process.cwd(), path) : join(here, path);
  if (!existsSync(file)) return response.writeHead(404).end();
  response.writeHead(200, { "Content-Type": types[extname(file)] ?? "application/octet-stream" });
  createReadStream(file).pipe(response);
});
await new Promise((resolve) => pages.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${pages.address().port}`;

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await puppeteer.launch({
  browser: browserName === "firefox" ? "firefox" : "chrome",
  executablePath: browserName === "firefox" ? (process.env.FIREFOX ?? "/usr/bin/firefox-esr") : (process.env.CHROMIUM ?? "/usr/bin/chromium"),
  headless: true,
  args: browserName === "firefox" ? [] : flags,
  protocolTimeout: 300_000,
});

async function openPage() {
  const page = await browser.newPage();
  // Firefox reports what CORS forbids as if it were uncaught.
  page.on("pageerror", (error) => String(error.message).startsWith("Cross-Origin Request Blocked") || problem(`uncaught in the page: ${error.stack ?? error}`));
  await page.goto(`${origin}/page.html`);
  await page.waitForFunction(() => globalThis.ready, { timeout: 60_000 });
  return page;
}

const entriesOf = (name) => JSON.parse(readFileSync(join(repository, "tests/conformance", name), "utf8")).entries;

async function conformance(page) {
  const address = await serve(join(repository, "tests/conformance/serve.mjs"), served, "--cors");
  const lines = await page.evaluate((entries, url) => globalThis.runConformance(entries, url, ["memory", "folder", "http"]), entriesOf("list.json"), address);
  for (const line of lines) console.log(JSON.stringify(line));
  const count = (outcome) => lines.filter((line) => line.outcome === outcome).length;
  console.log(`${browserName}: conformance: ${count("green")} green, ${count("red")} red, ${count("skipped")} skipped`);
  if (count("red") > 0) problem(`${count("red")} entries of the conformance list are red`);
  for (const store of ["memory", "folder", "http"]) if (lines.filter((line) => line.store === store).length < 50) problem(`hardly any entry ran on ${store}`);
  const falsified = await page.evaluate((entries) => globalThis.runConformance(entries, "", ["memory"]), entriesOf("falsified.json"));
  for (const line of falsified.filter(({ outcome }) => outcome !== "red")) problem(`falsified entry ${line.entry} is ${line.outcome}`);
  if (falsified.length < 10) problem("hardly any falsified entry ran");
  console.log(`${browserName}: falsified: ${falsified.length} ran, all of them have to be red`);
}

async function tests(page) {
  const odd = await serve(join(here, "odd-server.mjs"));
  const { passed, failed, measured } = await page.evaluate((address) => globalThis.runTests(address), odd);
  for (const test of passed) console.log(`${browserName}: passed: ${test}`);
  for (const test of failed) problem(`${browserName}: ${test}`);
  if (passed.length + failed.length < 20) problem("hardly any test ran");
  console.log(`${browserName}: measured: ${JSON.stringify(measured)}`);
}

/** Requests that started before another had ended belong to one round. */
function rounds(requests) {
  let [count, until] = [0, -Infinity];
  for (const { start, end } of requests.toSorted?.((a, b) => a.start - b.start) ?? [...requests].sort((a, b) => a.start - b.start)) {
    if (start >= until) [count, until] = [count + 1, end];
  }
  return count;
}

/** The key of a row of the benchmark's table: see tests/bench/src/data.rs. */
function benchmarkKey(row) {
  const word = (number) => BigInt.asUintN(64, number);
  let mixed = word(BigInt(row) * 0x9e3779b97f4a7c15n) ^ 0xd6e8feb86659fd93n;
  mixed = word((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
  mixed = word((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
  return row * 3 + Number((mixed ^ (mixed >> 31n)) % 3n);
}

/** Whole rows by key from another origin, counted by the server, with no cache at all. */
async function countedReads() {
  const log = join(temporary, "requests.jsonl");
  const address = await serve(join(repository, "tests/conformance/serve.mjs"), benchmarkTable, "--cors", "--delay", "40", "--log", log);
  const rows = Number(process.env.SPIRAL_BIG_ROWS ?? 2_000_000);
  const limits = [
    // Two of the rounds are the hint, and whether there is a newer version than it knows.
    { keys: 1, rounds: 5, requests: 12, bytes: 500_000 },
    { keys: 100, rounds: 6, requests: 300, bytes: 40_000_000 },
  ];
  for (const limit of limits) {
    writeFileSync(log, "");
    const page = await openPage();
    const keys = Array.from({ length: limit.keys }, (_, at) => benchmarkKey((at * 7_919_113 + 1_234_567) % rows));
    const { rows: found, metrics } = await page.evaluate((url, wanted) => globalThis.takeKeys(url, wanted), address, keys);
    await page.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const requests = readFileSync(log, "utf8").trim().split("\n").map((line) => JSON.parse(line));
    const bytes = requests.reduce((sum, request) => sum + request.bytes, 0);
    // A browser has few connections to one host, so what goes out together does not arrive together: rounds of the
    // scan are those that the engine counted, rounds of opening those of the log.
    const opening = rounds(requests.filter(({ path }) => path.startsWith("/log/")));
    const counted = { keys: limit.keys, rounds: opening + metrics.rounds, requests: requests.length, bytes, opening, waves: rounds(requests) };
    console.log(`${browserName}: counted read: ${JSON.stringify(counted)}`);
    if (JSON.stringify(found) !== JSON.stringify(keys)) problem("other rows were taken than were asked for");
    if (requests.some(({ method }) => method !== "GET")) problem("there was a request that is no GET");
    for (const what of ["rounds", "requests", "bytes"]) {
      if (counted[what] > limit[what]) problem(`${limit.keys} keys took ${counted[what]} ${what}, more than ${limit[what]}`);
    }
  }
}

/** Scans from another origin, of all rows and of those that a filter keeps. */
async function scans() {
  const address = await serve(join(repository, "tests/conformance/serve.mjs"), benchmarkTable, "--cors");
  const rows = Number(process.env.SPIRAL_BIG_ROWS ?? 2_000_000);
  const page = await openPage();
  const [until, first] = [benchmarkKey(rows / 2 + 1000), benchmarkKey(rows / 2)];
  for (const [where, expected] of [[undefined, rows], [`id >= ${first} and id < ${until}`, 1000]]) {
    const started = Date.now();
    const found = await page.evaluate((url, where) => globalThis.countRows(url, where), address, where);
    console.log(`${browserName}: scan: ${JSON.stringify({ where, rows: found, millis: Date.now() - started })}`);
    if (found !== expected) problem(`a scan where ${where} has ${found} rows, not ${expected}`);
  }
  await page.close();
}

/** A scan that is aborted ends at once, and no request starts later than 50 ms after that. */
async function abortedScan() {
  const log = join(temporary, "aborted.jsonl");
  const address = await serve(join(repository, "tests/conformance/serve.mjs"), bigTable, "--cors", "--delay", "200", "--log", log);
  const page = await openPage();
  for (const after of [100, 300]) {
    const aborted = await page.evaluate((url, millis) => globalThis.abortScan(url, millis), address, after);
    // A request is logged once it is answered, or given up.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const requests = readFileSync(log, "utf8").trim().split("\n").map((line) => JSON.parse(line));
    const late = requests.filter(({ start }) => start > aborted.moment + 50);
    console.log(`${browserName}: aborted scan: ${JSON.stringify({ ...aborted, requests: requests.length, late: late.length })}`);
    if (aborted.ending !== "AbortError") problem(`the scan was not aborted: ${aborted.ending}`);
    if (aborted.millis >= 50) problem(`it took ${aborted.millis} ms to end`);
    if (late.length > 0) problem(`${late.length} requests started more than 50 ms after the abort`);
    writeFileSync(log, "");
  }
  await page.close();
}

/** The explorer opens a table of another origin, filters it and goes back in time. */
async function explorer() {
  const address = await serve(join(repository, "tests/conformance/serve.mjs"), served, "--cors");
  const page = await browser.newPage();
  page.on("pageerror", (error) => problem(`uncaught in the explorer: ${error.stack ?? error}`));
  await page.goto(`${origin}/node_modules/@spiral-table/browser/explorer/index.html#url=${address}/write_and_scan&table=t`);
  const seen = () => ({
    rows: document.querySelectorAll("tbody tr").length,
    bars: document.querySelectorAll("#chart rect").length,
    columns: document.querySelectorAll("#columns input").length,
    requests: Number(document.querySelector("#requests").textContent),
    bytes: document.querySelector("#bytes").textContent,
    message: document.querySelector("#message").textContent,
  });
  await page.waitForFunction(() => document.querySelectorAll("#chart rect").length > 0 || document.querySelector("#message.bad"), { timeout: 60_000 });
  const all = await page.evaluate(seen);
  console.log(`${browserName}: explorer: ${JSON.stringify(all)}`);
  if (all.message !== "" || all.rows < 2 || all.bars < 1 || all.requests < 2 || all.bytes === "0 B") problem("the explorer does not show the table");
  await page.type("#where", "id = 1");
  await page.evaluate(() => document.querySelector("#query").requestSubmit());
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1 || document.querySelector("#message.bad"), { timeout: 60_000 });
  await page.evaluate(() => {
    document.querySelector("#version").value = "0";
    document.querySelector("#version").dispatchEvent(new Event("change"));
  });
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length !== 1 || document.querySelector("#message.bad"), { timeout: 60_000 });
  const before = await page.evaluate(seen);
  if (before.message !== "" || before.rows !== 0) problem(`the explorer does not show the first version: ${before.message}`);
  if (process.env.SPIRAL_SCREENSHOT) await page.screenshot({ path: process.env.SPIRAL_SCREENSHOT });
  await page.close();
}

try {
  const page = await openPage();
  console.log(`${browserName}: ${await browser.version()}`);
  await conformance(page);
  await page.close();
  const fresh = await openPage();
  await tests(fresh);
  await fresh.close();
  await explorer();
  if (bigTable) await countedReads();
  if (bigTable) await scans();
  if (bigTable) await abortedScan();
} catch (error) {
  problem(error.stack);
} finally {
  await browser.close();
  for (const child of children) child.kill();
  pages.close();
  rmSync(temporary, { recursive: true, force: true });
}
process.exit(problems.length === 0 ? 0 : 1);
