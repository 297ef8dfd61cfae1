import Foundation

/// What went wrong in the engine. There is one case per kind, which says what can be done about it.
public enum SpiralError: Error, Sendable, Hashable {
    /// The call was wrong: change the argument named in the message.
    case invalidArgument(ErrorDetails)
    /// The named object does not exist, or not any more.
    case notFound(ErrorDetails)
    /// The name is taken.
    case alreadyExists(ErrorDetails)
    /// Another writer committed first and the two changes contradict each other: read again and decide.
    case conflict(ErrorDetails)
    /// The store did not answer or refused for now: trying again later may succeed.
    case unavailable(ErrorDetails)
    /// The store refused access: check credentials or permissions.
    case permissionDenied(ErrorDetails)
    /// Stored bytes are not what was written: report it and restore the object.
    case corrupt(ErrorDetails)
    /// The table was written by a newer version, or the request is outside what this build can do.
    case unsupported(ErrorDetails)
    /// It is not known whether the commit took effect: look for the transaction's id in the table's history.
    case outcomeUnknown(ErrorDetails)
    /// The task was cancelled.
    case cancelled(ErrorDetails)
    /// A limit that protects memory or the store was reached.
    case limitExceeded(ErrorDetails)
    /// A defect of this library: please report it.
    case `internal`(ErrorDetails)

    /// The error of these details, by their kind.
    public init(_ details: ErrorDetails) {
        self = switch details.kind {
        case .invalidArgument: .invalidArgument(details)
        case .notFound: .notFound(details)
        case .alreadyExists: .alreadyExists(details)
        case .conflict: .conflict(details)
        case .unavailable: .unavailable(details)
        case .permissionDenied: .permissionDenied(details)
        case .corrupt: .corrupt(details)
        case .unsupported: .unsupported(details)
        case .outcomeUnknown: .outcomeUnknown(details)
        case .cancelled: .cancelled(details)
        case .limitExceeded: .limitExceeded(details)
        case .internal: .internal(details)
        }
    }

    /// Everything known about it.
    public var details: ErrorDetails {
        switch self {
        case .invalidArgument(let details), .notFound(let details), .alreadyExists(let details),
            .conflict(let details), .unavailable(let details), .permissionDenied(let details),
            .corrupt(let details), .unsupported(let details), .outcomeUnknown(let details),
            .cancelled(let details), .limitExceeded(let details), .internal(let details):
            details
        }
    }

    /// What can be done about it.
    public var kind: ErrorKind { details.kind }
    /// Stable identity of the cause, such as `table_not_found`; the same in every language.
    public var code: String { details.code }
    /// What happened, in a sentence.
    public var message: String { details.message }
    /// The table concerned, if known.
    public var table: String? { details.table }
    /// The object concerned, relative to the table's folder, if known.
    public var path: String? { details.path }
    /// The table version concerned, if known.
    public var version: Int64? { details.version }
    /// Whether the same call may succeed later without any change.
    public var isRetryable: Bool { details.retryable }

    /// The error of an argument that does not even reach the engine.
    static func invalid(_ code: String, _ message: String) -> SpiralError {
        .invalidArgument(
            ErrorDetails(
                kind: .invalidArgument, code: code, message: message, table: nil, path: nil, version: nil,
                retryable: false))
    }
}

extension SpiralError: LocalizedError {
    /// What happened, in a sentence.
    public var errorDescription: String? { message }
}

extension SpiralError: CustomStringConvertible {
    /// The message, what it happened to, and the code.
    public var description: String {
        let context = [table.map { "table \($0)" }, path.map { "object \($0)" }, version.map { "version \($0)" }]
            .compactMap { $0 }
        return message + (context.isEmpty ? "" : " (\(context.joined(separator: ", ")))") + " [\(code)]"
    }
}

/// Gives errors of the engine the case of their kind.
func translated<Result>(_ call: () throws -> Result) throws -> Result {
    do {
        return try call()
    } catch Failure.Failed(let details) {
        throw SpiralError(details)
    }
}

/// Runs an operation of the engine, which ends when the task is cancelled. What is cancelled before never starts.
func run<Result: Sendable>(
    _ operation: @Sendable (CancelHandle) async throws -> Result
) async throws -> Result {
    let cancel = CancelHandle()
    do {
        return try await withTaskCancellationHandler {
            try await operation(cancel)
        } onCancel: {
            cancel.cancel()
        }
    } catch Failure.Failed(let details) {
        throw SpiralError(details)
    }
}
