// Objects over HTTP by `fetch`: plain web servers, presigned URLs, static hosting.
//
// Reading asks for whole objects and for ranges `bytes=a-b`, which need no preflight. It never lists, never asks for
// sizes, and keeps the query of the root's URL on every request.

const failure = (kind, message) => Object.assign(new Error(message), { kind });

export class HttpStore {
  #base;
  #query;
  #headers;
  #init;
  #fetch;
  #writable;

  constructor(url, { headers, credentials, cache = "no-store", fetch, writable = false } = {}) {
    this.#base = url.origin + url.pathname.replace(/\/*$/, "/");
    this.#query = url.search;
    this.#headers = headers;
    this.#init = { cache, redirect: "follow", ...(credentials && { credentials }) };
    this.#fetch = fetch ?? ((...request) => globalThis.fetch(...request));
    this.#writable = writable;
  }

  async #send(path, signal, { method = "GET", body, ...more } = {}) {
    const headers = new Headers(this.#headers);
    for (const [name, value] of Object.entries(more)) headers.set(name, value);
    const url = this.#base + path + this.#query;
    let response;
    try {
      response = await this.#fetch(url, { ...this.#init, method, headers, body, signal });
    } catch (error) {
      if (signal.aborted) throw error;
      throw await this.#unreachable(url, error, signal);
    }
    if (response.ok) return response;
    response.body?.cancel().catch(() => {});
    const { status } = response;
    const text = `Server returned non-2xx status code: ${status} ${response.statusText}`;
    if (status === 404 || status === 410) throw failure("NotFound", text);
    if (status === 401 || status === 403) throw failure("PermissionDenied", text);
    if (status === 409 || status === 412) throw failure("AlreadyExists", text);
    throw failure("Failed", text);
  }

  /** Pages are not told why a request failed. A request whose answer they may not read tells whether anybody answers. */
  async #unreachable(url, error, signal) {
    const page = globalThis.location?.origin;
    const host = new URL(url).origin;
    if (page && page !== host) {
      const probe = new AbortController();
      try {
        await globalThis.fetch(url, { mode: "no-cors", cache: "no-store", signal: AbortSignal.any?.([signal, probe.signal]) });
        const text = `${host} answers, but does not let pages of ${page} read it: it must send Access-Control-Allow-Origin`;
        return failure("PermissionDenied", text);
      } catch {
        // Nobody answers, or the page's own policy forbids to ask.
      } finally {
        probe.abort();
      }
    }
    return failure("Failed", `${host} cannot be reached from here (${error.message})`);
  }

  async get(path, begin, end, signal) {
    // A body that has arrived is not aborted, since that could cost the connection.
    const transfer = new AbortController();
    let arrived = false;
    signal.addEventListener("abort", () => arrived || transfer.abort(signal.reason), { once: true });
    const range = begin === undefined ? {} : { Range: `bytes=${begin}-${end === undefined ? "" : end - 1}` };
    const response = await this.#send(path, transfer.signal, range);
    const length = response.headers.get("Content-Length");
    const modified = Date.parse(response.headers.get("Last-Modified") ?? "");
    const extent = { begin: 0, end: 0, size: undefined, modified: Number.isNaN(modified) ? undefined : modified };
    if (begin !== undefined && response.status === 206) {
      // Other origins have to expose Content-Range; without it the answer is taken to be what was asked for.
      const told = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers.get("Content-Range") ?? "");
      extent.begin = told ? Number(told[1]) : begin;
      extent.end = told ? Number(told[2]) + 1 : length === null ? end ?? begin : begin + Number(length);
      if (told && told[3] !== "*") extent.size = Number(told[3]);
    } else if (begin !== undefined) {
      // The whole object: its end is found when it comes, since a length may be that of compressed bytes.
      extent.end = Number.MAX_SAFE_INTEGER;
    }
    const reader = response.body?.getReader();
    const expected = begin !== undefined && response.status === 206 ? extent.end - extent.begin : undefined;
    let received = 0;
    return {
      ...extent,
      async pull() {
        const piece = await reader?.read();
        if (!piece || piece.done) {
          arrived = true;
          return undefined;
        }
        received += piece.value.byteLength;
        arrived = received === expected;
        return piece.value;
      },
    };
  }

  async put(path, bytes, ifAbsent, signal) {
    if (!this.#writable) throw failure("ReadOnly", "tables over HTTP are read unless the option writable is set");
    const condition = ifAbsent ? { "If-None-Match": "*" } : {};
    await this.#send(path, signal, { method: "PUT", body: bytes, ...condition });
  }

  async remove(path, signal) {
    if (!this.#writable) throw failure("ReadOnly", "tables over HTTP are read unless the option writable is set");
    await this.#send(path, signal, { method: "DELETE" });
  }
}
