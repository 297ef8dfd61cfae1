package io.github.spiraltable

/**
 * What went wrong in the engine. There is one class per [kind], which says what can be done about it.
 *
 * Cancelling a coroutine throws `CancellationException`, as everywhere in Kotlin; [Cancelled] is for what was cancelled
 * by a [CancelToken] or by closing a stream that is being read.
 */
public sealed class SpiralException(private val details: ErrorDetails) : Exception(details.message) {
    /** What can be done about it. */
    public val kind: ErrorKind get() = details.kind

    /** Stable identity of the cause, such as `table_not_found`; the same in every language. */
    public val code: String get() = details.code

    /** What happened, in a sentence. */
    override val message: String get() = details.message

    /** The table concerned, if known. */
    public val table: String? get() = details.table

    /** The object concerned, relative to the table's folder, if known. */
    public val path: String? get() = details.path

    /** The table version concerned, if known. */
    public val version: Long? get() = details.version

    /** Whether the same call may succeed later without any change. */
    public val isRetryable: Boolean get() = details.retryable

    /** The class, code, message, and what it happened to. */
    override fun toString(): String {
        val context = listOfNotNull(table?.let { "table $it" }, path?.let { "object $it" }, version?.let { "version $it" })
        val about = if (context.isEmpty()) "" else context.joinToString(prefix = " (", postfix = ")")
        return "SpiralException.${javaClass.simpleName}: $message$about [$code]"
    }

    /** The call was wrong: change the argument named in the message. */
    public class InvalidArgument internal constructor(details: ErrorDetails) : SpiralException(details)

    /** The named object does not exist, or not any more. */
    public class NotFound internal constructor(details: ErrorDetails) : SpiralException(details)

    /** The name is taken. */
    public class AlreadyExists internal constructor(details: ErrorDetails) : SpiralException(details)

    /** Another writer committed first and the two changes contradict each other: read again and decide. */
    public class Conflict internal constructor(details: ErrorDetails) : SpiralException(details)

    /** The store did not answer or refused for now: trying again later may succeed. */
    public class Unavailable internal constructor(details: ErrorDetails) : SpiralException(details)

    /** The store refused access: check credentials or permissions. */
    public class PermissionDenied internal constructor(details: ErrorDetails) : SpiralException(details)

    /** Stored bytes are not what was written: report it and restore the object. */
    public class Corrupt internal constructor(details: ErrorDetails) : SpiralException(details)

    /** The table was written by a newer version, or the request is outside what this build can do. */
    public class Unsupported internal constructor(details: ErrorDetails) : SpiralException(details)

    /** It is not known whether the commit took effect: look for the transaction's id in the table's history. */
    public class OutcomeUnknown internal constructor(details: ErrorDetails) : SpiralException(details)

    /** A token was cancelled, or a stream closed while it was read. */
    public class Cancelled internal constructor(details: ErrorDetails) : SpiralException(details)

    /** A limit that protects memory or the store was reached. */
    public class LimitExceeded internal constructor(details: ErrorDetails) : SpiralException(details)

    /** A defect of this library: please report it. */
    public class Internal internal constructor(details: ErrorDetails) : SpiralException(details)

    internal companion object {
        fun of(details: ErrorDetails): SpiralException = when (details.kind) {
            ErrorKind.INVALID_ARGUMENT -> InvalidArgument(details)
            ErrorKind.NOT_FOUND -> NotFound(details)
            ErrorKind.ALREADY_EXISTS -> AlreadyExists(details)
            ErrorKind.CONFLICT -> Conflict(details)
            ErrorKind.UNAVAILABLE -> Unavailable(details)
            ErrorKind.PERMISSION_DENIED -> PermissionDenied(details)
            ErrorKind.CORRUPT -> Corrupt(details)
            ErrorKind.UNSUPPORTED -> Unsupported(details)
            ErrorKind.OUTCOME_UNKNOWN -> OutcomeUnknown(details)
            ErrorKind.CANCELLED -> Cancelled(details)
            ErrorKind.LIMIT_EXCEEDED -> LimitExceeded(details)
            ErrorKind.INTERNAL -> Internal(details)
        }

        /** The error of an argument that does not even reach the engine. */
        fun invalid(code: String, message: String): SpiralException =
            of(ErrorDetails(ErrorKind.INVALID_ARGUMENT, code, message, null, null, null, false))
    }
}

internal fun Failure.asSpiral(): SpiralException = when (this) {
    is Failure.Failed -> SpiralException.of(details)
}
