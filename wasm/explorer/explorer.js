// A page that opens a table, filters, charts and travels in time.

import { connect } from "../reader/index.js";

const $ = (id) => document.getElementById(id);
const PAGE_ROWS = 200;
const BARS = 40;

/** What is open. */
const open = { client: undefined, table: undefined, columns: [], history: [], rows: undefined, plan: undefined };
let stopping = new AbortController();
const meter = { requests: 0, bytes: 0 };

function showMeter() {
  $("requests").textContent = meter.requests.toLocaleString();
  $("bytes").textContent = size(meter.bytes);
}

function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let at = 0;
  while (bytes >= 1000 && at < units.length - 1) [bytes, at] = [bytes / 1000, at + 1];
  return `${at === 0 ? bytes : bytes.toFixed(1)} ${units[at]}`;
}

/** `fetch`, counted as the bytes arrive. */
async function counted(...request) {
  meter.requests += 1;
  showMeter();
  const response = await fetch(...request);
  if (!response.body) return response;
  const counter = new TransformStream({
    transform(piece, controller) {
      meter.bytes += piece.byteLength;
      showMeter();
      controller.enqueue(piece);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(counter), { status, statusText, headers });
}

function say(text, bad = false) {
  $("message").textContent = text;
  $("message").classList.toggle("bad", bad);
}

/** Runs what a user asked for; errors are shown, and cancelled work is none. */
async function attempt(work) {
  try {
    await work();
  } catch (error) {
    if (error.name !== "AbortError") say(`${error.message} (${error.code ?? error.name})`, true);
  }
}

async function openTable(client, name) {
  open.client?.close();
  open.client = client;
  open.table = name ? await client.table(name) : await client.tableAtRoot();
  const keys = new Set(open.table.keySchema.map((column) => column.path));
  open.columns = await open.table.schema();
  open.history = (await open.table.history({ limit: 500 })).reverse();
  $("name").textContent = open.table.name;
  const boxes = open.columns.map(({ path, type }) => {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", value: path, checked: open.columns.length <= 30 || keys.has(path) });
    const text = Object.assign(document.createElement("span"), { textContent: path, className: keys.has(path) ? "key" : "" });
    label.append(box, text, Object.assign(document.createElement("small"), { textContent: type }));
    return label;
  });
  $("columns").replaceChildren($("columns").firstElementChild, ...boxes);
  const option = (value, text = value) => new Option(text, value);
  $("x").replaceChildren(...open.columns.map(({ path }) => option(path)));
  $("x").value = (open.columns.find(({ path, type }) => !keys.has(path) && /^(u?int|float|utf8|bool)/.test(type)) ?? open.columns[0]).path;
  const numeric = open.columns.filter(({ type }) => /^(u?int|float)/.test(type));
  $("y").replaceChildren(option("", "number of rows"), ...numeric.map(({ path }) => option(path, `average ${path}`)));
  const last = open.history.length - 1;
  Object.assign($("version"), { max: last, value: last });
  showCommit();
  document.querySelector("main").hidden = false;
  say("");
}

function showCommit() {
  const commit = open.history[Number($("version").value)];
  if (!commit) return;
  const time = new Date(Number(commit.timestamp / 1000n)).toLocaleString();
  $("commit").textContent = `version ${commit.version}: ${commit.operations.join(", ")}, ${commit.rowsWritten.toLocaleString()} rows, ${time}`;
}

/** A part of a key as it is typed: a number where the key's column has one. */
function bound(text) {
  if (text.trim() === "") return undefined;
  const type = open.table.keySchema[0].type;
  if (/^u?int/.test(type)) return /^[+-]?\d+$/.test(text.trim()) ? BigInt(text.trim()) : text;
  return /^float/.test(type) ? Number(text) : text;
}

async function run() {
  stopping.abort();
  stopping = new AbortController();
  const { signal } = stopping;
  $("stop").disabled = false;
  say("");
  const newest = Number($("version").value) === open.history.length - 1;
  const asof = newest ? undefined : open.history[Number($("version").value)].version;
  const where = $("where").value.trim() || undefined;
  const bounds = { begin: bound($("begin").value), end: bound($("end").value) };
  const start = performance.now();
  try {
    // Older versions may lack columns of the newest one.
    const present = new Set((asof === undefined ? open.columns : await open.table.schema({ asof, signal })).map(({ path }) => path));
    const boxes = [...$("columns").querySelectorAll("input")];
    for (const box of boxes) box.disabled = !present.has(box.value);
    const chosen = boxes.filter((box) => box.checked && !box.disabled).map((box) => box.value);
    open.plan?.close();
    open.plan = await open.table.scan({ select: chosen, where, asof, ...bounds, signal });
    open.rows = open.plan.rows({ signal });
    head(open.plan.schema);
    await more();
    $("elapsed").textContent = `${Math.round(performance.now() - start)} ms`;
    $("plan").textContent = open.plan.explain();
    remember({ where, version: asof });
    if ([$("x").value, $("y").value].every((path) => path === "" || present.has(path))) await chart(where, asof, bounds, signal);
    else draw([]);
  } finally {
    if (signal === stopping.signal) $("stop").disabled = true;
  }
}

function head(columns) {
  const cells = columns.map(({ path, type }) => Object.assign(document.createElement("th"), { textContent: path, title: type }));
  const row = document.createElement("tr");
  row.append(...cells);
  document.querySelector("thead").replaceChildren(row);
  document.querySelector("tbody").replaceChildren();
  $("count").textContent = "";
}

function show(value) {
  if (value === null || value === undefined) return "null";
  if (value instanceof Date) return value.toISOString().replace(".000Z", "Z");
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === "object") return JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? Number(inner) : inner));
  return String(value);
}

async function more() {
  const body = document.querySelector("tbody");
  let [added, ended] = [0, false];
  const fragment = document.createDocumentFragment();
  while (added < PAGE_ROWS) {
    const { value: row, done } = await open.rows.next();
    if ((ended = done)) break;
    const line = document.createElement("tr");
    for (const value of Object.values(row)) {
      const cell = document.createElement("td");
      cell.textContent = show(value);
      if (value === null) cell.className = "null";
      else if (typeof value === "number" || typeof value === "bigint") cell.className = "number";
      line.append(cell);
    }
    fragment.append(line);
    added += 1;
  }
  body.append(fragment);
  $("more").hidden = ended;
  $("count").textContent = `${body.childElementCount.toLocaleString()} rows${ended ? "" : " so far"}`;
}

/** Counts, or averages another column, by value or by ranges of values. */
async function chart(where, asof, bounds, signal) {
  const [x, y] = [$("x").value, $("y").value];
  const plan = await open.table.scan({ select: [...new Set([x, ...(y ? [y] : [])])], where, asof, ...bounds, unordered: true, signal });
  const [xs, ys] = [[], []];
  try {
    for await (const batch of plan.batches({ signal })) {
      for (const value of batch.column(topLevel(x))) xs.push(inner(value, x));
      if (y) for (const value of batch.column(topLevel(y))) ys.push(Number(inner(value, y)));
      $("charted").textContent = `${xs.length.toLocaleString()} rows`;
    }
  } finally {
    plan.close();
  }
  draw(grouped(xs, y ? ys : undefined));
}

const topLevel = (path) => path.split(".")[0];
const inner = (value, path) => path.split(".").slice(1).reduce((part, name) => part?.[name] ?? null, value);

function grouped(xs, ys) {
  const numeric = xs.some((value) => typeof value === "number" || typeof value === "bigint" || value instanceof Date);
  const groups = new Map();
  const add = (key, at) => {
    const group = groups.get(key) ?? { count: 0, sum: 0 };
    group.count += 1;
    if (ys && Number.isFinite(ys[at])) group.sum += ys[at];
    groups.set(key, group);
  };
  let label = (key) => key;
  if (numeric) {
    const numbers = xs.map(Number);
    let [least, most] = [Infinity, -Infinity];
    for (const number of numbers) if (Number.isFinite(number)) [least, most] = [Math.min(least, number), Math.max(most, number)];
    const width = (most - least) / BARS || 1;
    for (let bar = 0; bar < BARS && least + bar * width <= most; bar += 1) groups.set(bar, { count: 0, sum: 0 });
    numbers.forEach((number, at) => Number.isFinite(number) && xs[at] !== null && add(Math.min(BARS - 1, Math.floor((number - least) / width)), at));
    const dates = xs.some((value) => value instanceof Date);
    label = (bar) => (dates ? new Date(least + bar * width).toISOString().slice(0, 10) : Number((least + bar * width).toPrecision(4)).toLocaleString());
  } else {
    xs.forEach((value, at) => add(show(value), at));
  }
  const bars = [...groups].map(([key, { count, sum }]) => ({ label: String(label(key)), value: ys ? (count ? sum / count : 0) : count }));
  return numeric ? bars : bars.sort((one, other) => other.value - one.value).slice(0, BARS);
}

function draw(bars) {
  const svg = $("chart");
  const make = (name, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [attribute, value] of Object.entries(attributes)) node.setAttribute(attribute, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const most = Math.max(0, ...bars.map((bar) => bar.value)) || 1;
  const step = 900 / Math.max(bars.length, 1);
  const every = Math.max(1, Math.ceil(bars.length / 12));
  svg.replaceChildren(
    ...bars.flatMap(({ label, value }, at) => {
      const height = Math.max(0, (value / most) * 165);
      const bar = make("rect", { x: at * step + step * 0.08, y: 178 - height, width: step * 0.84, height, rx: 2 });
      bar.append(make("title", {}, `${label}: ${Number(value.toPrecision(6)).toLocaleString()}`));
      return at % every === 0 ? [bar, make("text", { x: at * step + 2, y: 194 }, label.slice(0, 14))] : [bar];
    }),
  );
}

/** The state of the page, in its own address. */
function remember(changes) {
  const state = new URLSearchParams(location.hash.slice(1));
  for (const [name, value] of Object.entries(changes)) value === undefined || value === "" ? state.delete(name) : state.set(name, value);
  history.replaceState(null, "", `#${state}`);
}

/** A table in memory, to try the page. */
async function example() {
  const client = await connect("memory:");
  const table = await client.createTable("flights", { id: "int64" });
  const airports = ["ATL", "DEN", "JFK", "LAX", "ORD", "SEA", "SFO"];
  const pick = (seed) => airports[Math.floor(Math.abs(Math.sin(seed)) * airports.length)];
  const row = (id) => ({ id, origin: pick(id), destination: pick(id + 0.5), distance: 200 + Math.round(Math.abs(Math.sin(id * 7)) * 2500), delay: Math.round(Math.tan(id) * 10) / 2 });
  await table.write(Array.from({ length: 5000 }, (_, id) => row(id)), { types: { delay: "float64" } });
  await table.write(Array.from({ length: 500 }, (_, id) => ({ id: id * 10, cancelled: id % 3 === 0 })));
  await table.deleteWhere("origin = 'ATL' and distance < 400");
  table.close();
  return client;
}

$("open").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const token = $("token").value;
    const headers = token ? { Authorization: `Bearer ${token}` } : undefined;
    say("Opening …");
    await openTable(await connect($("url").value, { headers, fetch: counted }), $("table").value.trim());
    remember({ url: $("url").value, table: $("table").value.trim() });
    await run();
  });
});
$("example").addEventListener("click", () =>
  attempt(async () => {
    say("Making a table in memory …");
    await openTable(await example(), "flights");
    await run();
  }),
);
$("query").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(run);
});
for (const id of ["x", "y", "columns", "version"]) $(id).addEventListener("change", () => attempt(run));
$("version").addEventListener("input", showCommit);
$("more").addEventListener("click", () => attempt(more));
$("stop").addEventListener("click", () => stopping.abort());

const state = new URLSearchParams(location.hash.slice(1));
if (state.has("url")) {
  $("url").value = state.get("url");
  $("table").value = state.get("table") ?? "";
  $("where").value = state.get("where") ?? "";
  $("open").requestSubmit();
}
