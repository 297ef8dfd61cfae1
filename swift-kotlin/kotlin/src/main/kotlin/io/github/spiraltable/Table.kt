package io.github.spiraltable

import kotlinx.coroutines.flow.Flow
import java.time.Instant
import java.util.concurrent.CompletableFuture

/** Rows of one piece of a write whose rows come as a flow. */
private const val PIECE_ROWS = 4096

/** What [Client.scan] reads together: tables and versions of them. */
public sealed interface Scannable

/** A table: rows that are sorted and unique by a key, in versions. */
public class Table internal constructor(internal val handle: TableHandle, client: Client) :
    Handle(handle, client), Scannable {
    /** The name by which it was opened. */
    public val name: String get() = ask { handle.name() }

    /** Its permanent id, whatever it is named: the name of its folder below the root's `tables`. */
    public val id: String get() = ask { handle.id() }

    /** The key columns. */
    public val keyColumns: List<ColumnInfo> get() = ask { handle.keyColumns() }

    /** The newest version, or an older one. */
    @JvmSynthetic
    public suspend fun snapshot(asof: Asof? = null): Snapshot = run { Snapshot(handle.snapshot(asof?.text, it), this) }

    /** Plans a scan. */
    @JvmSynthetic
    public suspend fun scan(options: ScanOptions): Plan =
        run { Plan(handle.scan(options.request(), options.asof?.text, it), this) }

    /** Plans a scan; see [ScanOptions]. */
    @JvmSynthetic
    public suspend fun scan(
        select: List<String>? = null,
        where: String? = null,
        begin: Any? = null,
        end: Any? = null,
        limit: Long? = null,
        keysOnly: Boolean = false,
        unordered: Boolean = false,
        asof: Asof? = null,
        columns: Map<String, String> = emptyMap(),
    ): Plan = scan(ScanOptions(select, where, begin, end, limit, keysOnly, unordered, asof, columns))

    /** The rows of some keys, which may come in any order, repeatedly, or not exist. A key is a value or a list of values. */
    @JvmSynthetic
    public suspend fun take(keys: Iterable<Any?>, select: List<String>? = null, asof: Asof? = null): Taken =
        scan(select = select, asof = asof).use { it.take(keys) }

    /**
     * Upserts rows, in one commit. Each has all key columns and any others; columns that do not exist are created, cells
     * that no row names stay. A new column's type follows from its values, or from [types]. Values are those of [valueOf].
     */
    @JvmSynthetic
    public suspend fun write(
        rows: Iterable<Map<String, Any?>>,
        types: Map<String, String> = emptyMap(),
        pushDownNulls: Boolean = false,
    ): CommitInfo = run { handle.write(rowData(rows, types), pushDownNulls, it) }

    /** As [write], from a flow that is collected only as fast as the engine takes its rows. An error in it writes nothing. */
    @JvmSynthetic
    public suspend fun write(
        rows: Flow<Map<String, Any?>>,
        types: Map<String, String> = emptyMap(),
        pushDownNulls: Boolean = false,
    ): CommitInfo = writing(pushDownNulls) { writer, cancel ->
        val piece = ArrayList<Map<String, Any?>>(PIECE_ROWS)
        suspend fun send() {
            writer.write(rowData(piece, types), cancel)
            piece.clear()
        }
        rows.collect { row ->
            piece.add(row)
            if (piece.size == PIECE_ROWS) send()
        }
        if (piece.isNotEmpty()) send()
    }

    /** Upserts the rows of an Arrow IPC stream or file. */
    @JvmSynthetic
    public suspend fun writeIpc(ipc: ByteArray, pushDownNulls: Boolean = false): CommitInfo =
        run { handle.writeIpc(ipc, pushDownNulls, it) }

    /** Upserts the rows of many Arrow IPC streams, in one commit. */
    @JvmSynthetic
    public suspend fun writeIpc(ipc: Flow<ByteArray>, pushDownNulls: Boolean = false): CommitInfo =
        writing(pushDownNulls) { writer, cancel -> ipc.collect { writer.writeIpc(it, cancel) } }

    private suspend fun writing(pushDownNulls: Boolean, write: suspend (WriterHandle, CancelHandle?) -> Unit): CommitInfo =
        run { cancel ->
            handle.writer(pushDownNulls).use { writer ->
                write(writer, cancel)
                writer.finish(cancel)
            }
        }

    /** Deletes rows by their keys; keys without a row are fine. A key is a value or a list of values. */
    @JvmSynthetic
    public suspend fun delete(keys: Iterable<Any?>): CommitInfo = run { handle.delete(keys.map(::keyOf), it) }

    /** Deletes the rows for which a filter is true. */
    @JvmSynthetic
    public suspend fun deleteWhere(filter: String): CommitInfo = run { handle.deleteWhere(filter, it) }

    /** Begins a transaction on the newest known version. */
    public fun transaction(): Transaction = ask { Transaction(handle.transaction(), this) }

    /** Runs [operations] in a transaction, then commits it; an exception abandons it. */
    @JvmSynthetic
    public suspend fun <T> transaction(operations: suspend Transaction.() -> T): T =
        transaction().use { transaction -> transaction.operations().also { transaction.commit() } }

    /** The most recent commits, newest first. */
    @JvmSynthetic
    public suspend fun history(limit: Long = 100): List<HistoryEntry> = run { handle.history(limit, it) }

    /** See [snapshot]. */
    @JvmOverloads
    public fun snapshotAsync(asof: Asof? = null): CompletableFuture<Snapshot> = later { snapshot(asof) }

    /** See [scan]. */
    @JvmOverloads
    public fun scanAsync(options: ScanOptions = ScanOptions()): CompletableFuture<Plan> = later { scan(options) }

    /** See [take]. */
    @JvmOverloads
    public fun takeAsync(keys: Iterable<Any?>, select: List<String>? = null, asof: Asof? = null): CompletableFuture<Taken> =
        later { take(keys, select, asof) }

    /** See [write]. */
    @JvmOverloads
    public fun writeAsync(
        rows: Iterable<Map<String, Any?>>,
        types: Map<String, String> = emptyMap(),
        pushDownNulls: Boolean = false,
    ): CompletableFuture<CommitInfo> = later { write(rows, types, pushDownNulls) }

    /** See [writeIpc]. */
    @JvmOverloads
    public fun writeIpcAsync(ipc: ByteArray, pushDownNulls: Boolean = false): CompletableFuture<CommitInfo> =
        later { writeIpc(ipc, pushDownNulls) }

    /** See [delete]. */
    public fun deleteAsync(keys: Iterable<Any?>): CompletableFuture<CommitInfo> = later { delete(keys) }

    /** See [deleteWhere]. */
    public fun deleteWhereAsync(filter: String): CompletableFuture<CommitInfo> = later { deleteWhere(filter) }

    /** See [history]. */
    @JvmOverloads
    public fun historyAsync(limit: Long = 100): CompletableFuture<List<HistoryEntry>> = later { history(limit) }
}

/** A version of a table. It does not change, whatever is committed later. */
public class Snapshot internal constructor(internal val handle: SnapshotHandle, table: Table) :
    Handle(handle, table), Scannable {
    /** The version. */
    public val version: Long get() = ask { handle.version() }

    /** When it was committed. */
    public val timestamp: Instant get() = ask { handle.timestamp() }

    /** All columns by their paths, key columns first. */
    @JvmSynthetic
    public suspend fun columns(): List<ColumnInfo> = run { handle.columns(it) }

    /** Plans a scan of this version; [ScanOptions.asof] is not looked at. */
    @JvmSynthetic
    public suspend fun scan(options: ScanOptions = ScanOptions()): Plan =
        run { Plan(handle.scan(options.request(), it), this) }

    /** See [columns]. */
    public fun columnsAsync(): CompletableFuture<List<ColumnInfo>> = later { columns() }

    /** See [scan]. */
    @JvmOverloads
    public fun scanAsync(options: ScanOptions = ScanOptions()): CompletableFuture<Plan> = later { scan(options) }
}

/** Operations that become visible together, or not at all. Closing it before it is committed abandons them. */
public class Transaction internal constructor(private val handle: TransactionHandle, table: Table) : Handle(handle, table) {
    /** Its identity, by which a commit of unknown outcome is found in the table's history. */
    public val id: String get() = ask { handle.id() }

    /** The version it began on. */
    public val began: Long get() = ask { handle.began() }

    /** Upserts rows; see [Table.write]. After an error the transaction can go on without the operation. */
    @JvmSynthetic
    public suspend fun write(
        rows: Iterable<Map<String, Any?>>,
        types: Map<String, String> = emptyMap(),
        pushDownNulls: Boolean = false,
    ): Unit = run { handle.write(rowData(rows, types), pushDownNulls, it) }

    /** Upserts the rows of an Arrow IPC stream or file. */
    @JvmSynthetic
    public suspend fun writeIpc(ipc: ByteArray, pushDownNulls: Boolean = false): Unit =
        run { handle.writeIpc(ipc, pushDownNulls, it) }

    /** Deletes rows by their keys; see [Table.delete]. */
    @JvmSynthetic
    public suspend fun delete(keys: Iterable<Any?>): Unit = run { handle.delete(keys.map(::keyOf), it) }

    /** Deletes the rows that a filter selects in the version that the commit lands on, not those of this transaction. */
    @JvmSynthetic
    public suspend fun deleteWhere(filter: String): Unit = run { handle.deleteWhere(filter, it) }

    /** Makes all operations visible at once. */
    @JvmSynthetic
    public suspend fun commit(): CommitInfo = run { handle.commit(it) }

    /** Abandons all operations. */
    @JvmSynthetic
    public suspend fun abort(): Unit = run { handle.abort(it) }

    /** See [write]. */
    @JvmOverloads
    public fun writeAsync(
        rows: Iterable<Map<String, Any?>>,
        types: Map<String, String> = emptyMap(),
        pushDownNulls: Boolean = false,
    ): CompletableFuture<Unit> = later { write(rows, types, pushDownNulls) }

    /** See [writeIpc]. */
    @JvmOverloads
    public fun writeIpcAsync(ipc: ByteArray, pushDownNulls: Boolean = false): CompletableFuture<Unit> =
        later { writeIpc(ipc, pushDownNulls) }

    /** See [delete]. */
    public fun deleteAsync(keys: Iterable<Any?>): CompletableFuture<Unit> = later { delete(keys) }

    /** See [deleteWhere]. */
    public fun deleteWhereAsync(filter: String): CompletableFuture<Unit> = later { deleteWhere(filter) }

    /** See [commit]. */
    public fun commitAsync(): CompletableFuture<CommitInfo> = later { commit() }

    /** See [abort]. */
    public fun abortAsync(): CompletableFuture<Unit> = later { abort() }
}
