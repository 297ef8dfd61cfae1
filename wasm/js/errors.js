// One class per kind of error. What to do about an error is told by its class, what happened by its `code`.

/** An error of Spiral's. */
export class SpiralError extends Error {
  constructor(message, { code = "internal", table, path, version, retryable = false, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.table = table;
    this.path = path;
    this.version = version;
    this.retryable = retryable;
  }

  get name() {
    return this.constructor.className;
  }

  get kind() {
    return this.constructor.kind;
  }
}

export class InvalidArgumentError extends SpiralError {}
export class NotFoundError extends SpiralError {}
export class AlreadyExistsError extends SpiralError {}
export class ConflictError extends SpiralError {}
export class UnavailableError extends SpiralError {}
export class PermissionDeniedError extends SpiralError {}
export class CorruptError extends SpiralError {}
export class UnsupportedError extends SpiralError {}
export class OutcomeUnknownError extends SpiralError {}
export class CancelledError extends SpiralError {
  /** As the web platform's own errors of cancelled operations are named. */
  get name() {
    return "AbortError";
  }
}
export class LimitExceededError extends SpiralError {}
export class InternalError extends SpiralError {}

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

/** The error that the engine threw as a plain object; anything else is a defect. */
export function errorOf(thrown) {
  if (thrown instanceof SpiralError) return thrown;
  const of = classes[thrown?.kind];
  if (!of) return new InternalError(`a defect of Spiral: ${thrown?.message ?? thrown}`, { cause: thrown });
  const { message, ...rest } = thrown;
  if (rest.version !== undefined) rest.version = Number(rest.version);
  return new of(message, rest);
}

export const invalid = (message, code = "invalid_argument") => new InvalidArgumentError(message, { code });

export const cancelled = (signal) =>
  new CancelledError("the operation was cancelled", { code: "cancelled", cause: signal?.reason });
