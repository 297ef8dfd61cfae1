package io.github.spiraltable

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.future.future
import kotlinx.coroutines.withContext
import java.util.Collections
import java.util.WeakHashMap
import java.util.concurrent.CompletableFuture
import kotlin.coroutines.AbstractCoroutineContextElement
import kotlin.coroutines.ContinuationInterceptor
import kotlin.coroutines.CoroutineContext

/**
 * Something of the engine that is held open. Closing it closes all that was opened from it; what is forgotten is freed
 * some time after the garbage collector has found it.
 */
public abstract class Handle internal constructor(private val held: Disposable, parent: Handle?) : AutoCloseable {
    private val children: MutableSet<Handle> = Collections.synchronizedSet(Collections.newSetFromMap(WeakHashMap()))

    @Volatile
    private var closed = false

    init {
        parent?.children?.add(this)
    }

    /** Frees what is held, without waiting for operations that are under way. Again has no effect. */
    override fun close() {
        closed = true
        // Not `toList`: of a set of one it takes the element, which the garbage collector may have taken just then.
        val open = synchronized(children) { children.toCollection(ArrayList()).also { children.clear() } }
        open.forEach(Handle::close)
        held.destroy()
    }

    internal fun checkOpen() {
        if (closed) throw SpiralException.invalid("invalid_argument", "it was closed: open it again")
    }

    /** Calls the engine for an answer that it has at once. */
    internal inline fun <T> ask(call: () -> T): T {
        checkOpen()
        return translated(call)
    }

    /**
     * Starts an operation, unless it is cancelled already, and waits for it. A coroutine without a dispatcher would go
     * on upon the thread of the engine that finished the operation, and hold that thread up: it gets the default one.
     */
    internal suspend fun <T> run(operation: suspend (CancelHandle?) -> T): T {
        val context = currentCoroutineContext()
        context.ensureActive()
        val token = context[CancelToken]?.handle
        return when (context[ContinuationInterceptor]) {
            null, Dispatchers.Unconfined -> withContext(Dispatchers.Default) { ask { operation(token) } }
            else -> ask { operation(token) }
        }
    }
}

/** Gives errors of the engine the class of their kind. */
internal inline fun <T> translated(call: () -> T): T = try {
    call()
} catch (failure: Failure) {
    throw failure.asSpiral()
}

/**
 * Cancels many operations at once: those of coroutines that have it in their context. To cancel a single coroutine,
 * `Job.cancel` is enough.
 *
 *     val token = CancelToken()
 *     withContext(token) { table.scan() } // throws SpiralException.Cancelled after token.cancel()
 */
public class CancelToken : AbstractCoroutineContextElement(CancelToken) {
    internal val handle = CancelHandle()

    /** Cancels all operations of the token, those that run and those that come. */
    public fun cancel(): Unit = handle.cancel()

    /** Whether it was cancelled. */
    public val isCancelled: Boolean get() = handle.isCancelled()

    /** The key under which contexts hold tokens. */
    public companion object Key : CoroutineContext.Key<CancelToken>
}

/** Runs operations for callers without coroutines: cancelling the future cancels the operation. */
internal fun <T> later(operation: suspend () -> T): CompletableFuture<T> =
    CoroutineScope(Dispatchers.Default).future { operation() }
