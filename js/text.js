// Texts that users pass.

import { invalid } from "./errors.js";

const isWellFormed = String.prototype.isWellFormed
  ? (text) => text.isWellFormed()
  : (text) => !/\p{Surrogate}/u.test(text);

/** A text that UTF-8 can hold: half of a surrogate pair would otherwise be replaced silently. */
function text(value, what) {
  if (typeof value !== "string") throw invalid(`${what} is not a string`);
  if (!isWellFormed(value)) throw invalid(`${what} has half of a surrogate pair, which no UTF-8 text holds`);
  return value;
}

export { text };
