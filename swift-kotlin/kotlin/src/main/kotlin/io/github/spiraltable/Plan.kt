package io.github.spiraltable

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import java.util.concurrent.CompletableFuture
import java.util.function.Consumer

/**
 * What to read; everything by default. Java chains the methods that begin with `with`.
 *
 * @property select paths of columns and column groups, `a`, `group.a`, `group` or `group.*`, in the order of the result; in
 *   a scan over several tables they begin with the name of a table
 * @property where rows to keep, such as `distance > 1000 and origin in ('SFO', 'LAX')`
 * @property begin the first key, included: a value or a list of values, which may be only the first parts of a key
 * @property end the end, excluded
 * @property limit rows after which to stop
 * @property keysOnly only the keys, of rows that exist in any column group: of those selected, if any are
 * @property unordered let batches come as they are ready instead of in key order
 * @property asof the version to read, instead of the newest
 * @property columns more columns of the result by their names, in this order: expressions, or paths of what stands there
 *   under that name; the empty name is the top of the result, for the columns of a group or a table
 */
public data class ScanOptions @JvmOverloads constructor(
    val select: List<String>? = null,
    val where: String? = null,
    val begin: Any? = null,
    val end: Any? = null,
    val limit: Long? = null,
    val keysOnly: Boolean = false,
    val unordered: Boolean = false,
    val asof: Asof? = null,
    val columns: Map<String, String> = emptyMap(),
) {
    /** These options with other columns. */
    public fun withSelect(vararg select: String): ScanOptions = copy(select = select.toList())

    /** These options with one more column. */
    public fun withColumn(name: String, value: String): ScanOptions = copy(columns = columns + (name to value))

    /** These options with another filter. */
    public fun withWhere(where: String?): ScanOptions = copy(where = where)

    /** These options with other bounds of keys. */
    public fun withRange(begin: Any?, end: Any?): ScanOptions = copy(begin = begin, end = end)

    /** These options with another limit. */
    public fun withLimit(limit: Long): ScanOptions = copy(limit = limit)

    /** These options for keys only, or not. */
    public fun withKeysOnly(keysOnly: Boolean): ScanOptions = copy(keysOnly = keysOnly)

    /** These options in any order, or not. */
    public fun withUnordered(unordered: Boolean): ScanOptions = copy(unordered = unordered)

    /** These options for another version. */
    public fun withAsof(asof: Asof?): ScanOptions = copy(asof = asof)

    internal fun request(): ScanRequest {
        val named = columns.map { (name, value) -> NamedColumn(name, value) }
        return ScanRequest(select, named, where, begin?.let(::keyOf), end?.let(::keyOf), limit, keysOnly, unordered)
    }
}

/** A planned scan, ready to stream any number of times, or to take rows by key. */
public class Plan internal constructor(private val handle: PlanHandle, parent: Handle) : Handle(handle, parent) {
    /** The columns of the batches. */
    public val columns: List<ColumnInfo> get() = ask { handle.columns() }

    /** Whether the scan certainly has no rows. May be false although there are none. */
    public val isEmpty: Boolean get() = ask { handle.isEmpty() }

    /** What planning and streaming cost so far. */
    public val metrics: Metrics get() = ask { handle.metrics() }

    /** The plan in words. */
    public fun explain(): String = ask { handle.explain() }

    /**
     * Streams the rows, from the beginning, for each collector. Reading goes ahead of the collector by a few batches and
     * no further, and ends with the collection.
     */
    @JvmSynthetic
    public fun batches(): Flow<Batch> = reading { it.next() }

    /** Streams the rows one by one, as [batches]. */
    @JvmSynthetic
    public fun rows(): Flow<Row> = flow { batches().collect { batch -> batch.rows.forEach { emit(it) } } }

    /** Streams the batches as [batches], each as an Arrow IPC stream. */
    @JvmSynthetic
    public fun ipc(): Flow<ByteArray> = reading { it.nextIpc() }

    private fun <T : Any> reading(next: suspend (BatchReader) -> T?): Flow<T> = flow {
        reader().use { reader -> while (true) emit(next(reader) ?: break) }
    }

    /** Begins reading, for those who rather ask for each batch. */
    public fun reader(): BatchReader = ask { BatchReader(handle.batches(), this) }

    /** The rows of some keys. The plan's filter and bounds apply; its limit does not. A key is a value or a list of values. */
    @JvmSynthetic
    public suspend fun take(keys: Iterable<Any?>): Taken = run { Taken(handle.take(keys.map(::keyOf), it)) }

    /** The rows of the keys of an Arrow IPC stream, as another one. */
    @JvmSynthetic
    public suspend fun takeIpc(keys: ByteArray): ByteArray = run { handle.takeIpc(keys, it) }

    /** See [take]. */
    public fun takeAsync(keys: Iterable<Any?>): CompletableFuture<Taken> = later { take(keys) }

    /** See [takeIpc]. */
    public fun takeIpcAsync(keys: ByteArray): CompletableFuture<ByteArray> = later { takeIpc(keys) }

    /** Hands out all batches one after another; see [batches]. */
    public fun forEachBatchAsync(action: Consumer<Batch>): CompletableFuture<Unit> =
        later { batches().collect { action.accept(it) } }
}

/** Batches of a scan, one after another. Closing it ends its reading at once. */
public class BatchReader internal constructor(private val handle: BatchesHandle, plan: Plan) : Handle(handle, plan) {
    /** The next batch, or null after the last one. */
    @JvmSynthetic
    public suspend fun next(): Batch? = run { handle.next(it)?.let(::Batch) }

    /** The next batch as an Arrow IPC stream, or null after the last one. */
    @JvmSynthetic
    public suspend fun nextIpc(): ByteArray? = run { handle.nextIpc(it) }

    /** See [next]. */
    public fun nextAsync(): CompletableFuture<Batch?> = later { next() }

    /** See [nextIpc]. */
    public fun nextIpcAsync(): CompletableFuture<ByteArray?> = later { nextIpc() }

    override fun close() {
        // What waits for a batch is told; without it, it would hold the stream open until the batch has come.
        if (!handle.uniffiIsDestroyed) handle.stop()
        super.close()
    }
}
