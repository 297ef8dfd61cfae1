// One class per kind of error. What to do about an error is told by its class, what happened by its `code`.

/** An error of Spiral's. */
class SpiralError extends Error {
  constructor(message, { code = "internal", table, path, version, retryable = false, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.table = table ?? undefined;
    this.path = path ?? undefined;
    this.version = version ?? undefined;
    this.retryable = retryable;
  }

  get name() {
    return this.constructor.className;
  }

  get kind() {
    return this.constructor.kind;
  }
}

class InvalidArgumentError extends SpiralError {}
class NotFoundError extends SpiralError {}
class AlreadyExistsError extends SpiralError {}
class ConflictError extends SpiralError {}
class UnavailableError extends SpiralError {}
class PermissionDeniedError extends SpiralError {}
class CorruptError extends SpiralError {}
class UnsupportedError extends SpiralError {}
class OutcomeUnknownError extends SpiralError {}
class CancelledError extends SpiralError {
  /** As the platform's own errors of cancelled operations are named. */
  get name() {
    return "AbortError";
  }
}
class LimitExceededError extends SpiralError {}
class InternalError extends SpiralError {}

// Named here and not by `class.name`, which minifiers change.
const classes = {
  InvalidArgument: InvalidArgumentError,
  NotFound: NotFoundError,
  AlreadyExists: AlreadyExistsError,
  Conflict: ConflictError,
  Unavailable: UnavailableError,
  PermissionDenied: PermissionDeniedError,
  Corrupt: CorruptError,
  Unsupported: UnsupportedError,
  OutcomeUnknown: OutcomeUnknownError,
  Cancelled: CancelledError,
  LimitExceeded: LimitExceededError,
  Internal: InternalError,
};
SpiralError.kind = "Internal";
SpiralError.className = "SpiralError";
for (const [kind, of] of Object.entries(classes)) {
  of.kind = kind;
  of.className = `${kind}Error`;
}

/** The error that the engine threw, which is told as JSON; anything else is a defect. */
function errorOf(thrown) {
  if (thrown instanceof SpiralError) return thrown;
  let told;
  try {
    told = JSON.parse(thrown?.message ?? thrown);
  } catch {
    // Not one of the engine's.
  }
  const of = classes[told?.kind];
  if (!of) return new InternalError(`a defect of Spiral: ${thrown?.message ?? thrown}`, { cause: thrown });
  return new of(told.message, told);
}

const invalid = (message, code = "invalid_argument") => new InvalidArgumentError(message, { code });

const cancelled = (signal) =>
  new CancelledError("the operation was cancelled", { code: "cancelled", cause: signal?.reason });

export {
  SpiralError,
  InvalidArgumentError,
  NotFoundError,
  AlreadyExistsError,
  ConflictError,
  UnavailableError,
  PermissionDeniedError,
  CorruptError,
  UnsupportedError,
  OutcomeUnknownError,
  CancelledError,
  LimitExceededError,
  InternalError,
  errorOf,
  invalid,
  cancelled,
};
