// What the package exports, whichever way its WebAssembly is found.

export { connect } from "./connect.js";
export { initialize } from "./engine.js";
export {
  SpiralError, InvalidArgumentError, NotFoundError, AlreadyExistsError, ConflictError, UnavailableError,
  PermissionDeniedError, CorruptError, UnsupportedError, OutcomeUnknownError, CancelledError, LimitExceededError,
  InternalError,
} from "./errors.js";
export { Client, Table, Snapshot, Plan, Batch, Taken, Transaction } from "./spiral.js";
