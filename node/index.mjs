// The same module for `import` as for `require`: two would have classes of errors each.
import spiral from "./index.js";

export default spiral;
export const { connect, Client, Table, Snapshot, Plan, Batch, Taken, Transaction } = spiral;
export const {
  SpiralError, InvalidArgumentError, NotFoundError, AlreadyExistsError, ConflictError, UnavailableError,
  PermissionDeniedError, CorruptError, UnsupportedError, OutcomeUnknownError, CancelledError, LimitExceededError,
  InternalError,
} = spiral;
