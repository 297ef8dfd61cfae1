// The few assertions that the tests need, in a page as in Node.

const show = (value) => JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? `${inner}n` : ArrayBuffer.isView(inner) ? [inner.constructor.name, ...inner].map(String) : Object.is(inner, -0) ? "-0" : typeof inner === "number" && !Number.isFinite(inner) ? String(inner) : inner === undefined ? "undefined" : inner));

export function assert(condition, message) {
  if (!condition) throw new Error(message ?? "does not hold");
}

export function equal(found, expected, message) {
  if (show(found) !== show(expected)) throw new Error(`${message ?? ""} expected ${show(expected)}, found ${show(found)}`);
}

/** Awaits an error of a class and, if named, of a code; returns it. */
export async function rejects(promise, of, code) {
  let found;
  try {
    found = await promise;
  } catch (error) {
    if (!(error instanceof of)) throw new Error(`expected ${of.className ?? of.name}, found ${error.stack}`);
    if (code !== undefined) equal(error.code, code, "code");
    return error;
  }
  throw new Error(`expected an error, found ${show(found)}`);
}

export const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

/** Numbers tests measured, printed with the report. */
export const measured = {};
