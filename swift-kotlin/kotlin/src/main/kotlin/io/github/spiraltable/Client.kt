package io.github.spiraltable

import java.util.concurrent.CompletableFuture

/**
 * A root of tables, with the threads and caches that everything opened from it shares. A table is named
 * `project/dataset.table`, where project and dataset are `default` when left out: `dataset.table`, `table`.
 *
 * Methods are safe to call from any thread and coroutine. Java finds each suspending one with the suffix `Async`.
 */
public class Client private constructor(private val handle: ClientHandle) : Handle(handle, null) {
    /** The URL of the root without its query, which may be a signature. */
    public val url: String get() = ask { handle.url() }

    /**
     * Creates a table with these key columns: names and names of types (`int64`, `utf8`, `timestamp[us, UTC]` …). Value
     * columns come into being when they are first written. With [existOk], a table with the same key columns is opened.
     */
    @JvmSynthetic
    public suspend fun createTable(name: String, keys: List<KeyColumn>, existOk: Boolean = false): Table =
        run { Table(handle.createTable(name, keys, existOk, it), this) }

    /** Creates a table, as `createTable("flights", "id" to "int64")`. */
    @JvmSynthetic
    public suspend fun createTable(name: String, vararg keys: Pair<String, String>, existOk: Boolean = false): Table =
        createTable(name, keys.map { (column, type) -> KeyColumn(column, type) }, existOk)

    /** Opens a table at its newest version. */
    @JvmSynthetic
    public suspend fun table(name: String): Table = run { Table(handle.table(name, it), this) }

    /** Opens the table whose own folder is the client's root: for a table that was copied, or is served, by itself. */
    @JvmSynthetic
    public suspend fun tableAtRoot(): Table = run { Table(handle.tableAtRoot(it), this) }

    /**
     * Plans a scan over tables with the same key columns, under names that paths of their columns begin with:
     *
     *     client.scan(mapOf("flights" to flights, "weather" to weather), ScanOptions(
     *         where = "flights.distance > 1000 and weather.wind is not null",
     *         columns = mapOf("id" to "id", "wind" to "weather.wind"),
     *     ))
     *
     * The result has the key columns once, then a struct for each table, unless [options] choose. A row exists if any
     * column group that the scan refers to has its key, in whichever table; what a table lacks is null.
     * [ScanOptions.asof] a time holds for all tables; where there are several, pass snapshots instead of a version.
     */
    @JvmSynthetic
    public suspend fun scan(tables: Map<String, Scannable>, options: ScanOptions = ScanOptions()): Plan = run {
        val sources = tables.map { (name, table) ->
            when (table) {
                is Table -> table.ask { ScanSource.Newest(name, table.handle) }
                is Snapshot -> table.ask { ScanSource.Version(name, table.handle) }
            }
        }
        Plan(handle.scan(sources, options.request(), options.asof?.text, it), this)
    }

    /** The names of all tables: `dataset.table`, with `project/` before it unless that is the default. */
    @JvmSynthetic
    public suspend fun tables(): List<String> = run { handle.tables(it) }

    /**
     * Gives a table another name, in any dataset and project: parts that the new name leaves out stay as they are.
     * Handles that are open go on with the table.
     */
    @JvmSynthetic
    public suspend fun renameTable(name: String, newName: String): Unit = run { handle.renameTable(name, newName, it) }

    /**
     * Takes a table's name away, which another table may be given then. Its data stays, and handles that are open go on
     * reading and writing it.
     */
    @JvmSynthetic
    public suspend fun dropTable(name: String): Unit = run { handle.dropTable(name, it) }

    /** See [createTable]. */
    @JvmOverloads
    public fun createTableAsync(name: String, keys: List<KeyColumn>, existOk: Boolean = false): CompletableFuture<Table> =
        later { createTable(name, keys, existOk) }

    /** See [table]. */
    public fun tableAsync(name: String): CompletableFuture<Table> = later { table(name) }

    /** See [tableAtRoot]. */
    public fun tableAtRootAsync(): CompletableFuture<Table> = later { tableAtRoot() }

    /** See [scan]. */
    @JvmOverloads
    public fun scanAsync(tables: Map<String, Scannable>, options: ScanOptions = ScanOptions()): CompletableFuture<Plan> =
        later { scan(tables, options) }

    /** See [tables]. */
    public fun tablesAsync(): CompletableFuture<List<String>> = later { tables() }

    /** See [renameTable]. */
    public fun renameTableAsync(name: String, newName: String): CompletableFuture<Unit> =
        later { renameTable(name, newName) }

    /** See [dropTable]. */
    public fun dropTableAsync(name: String): CompletableFuture<Unit> = later { dropTable(name) }

    /** Ways to open a root. */
    public companion object {
        /**
         * Opens a root by its URL: `memory:`, a folder, `s3://`, `gs://`, `az://` or `https://`. Credentials come from
         * the options, or else from the environment and the machine's role.
         */
        @JvmStatic
        @JvmOverloads
        public fun connect(url: String, options: ClientOptions = ClientOptions()): Client =
            Client(translated { ClientHandle.connect(url, options) })
    }
}
