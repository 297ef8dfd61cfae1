/// A root of tables, with the threads and caches that everything opened from it shares. A table is named
/// `project/dataset.table`, where project and dataset are `default` when left out: `dataset.table`, `table`.
///
/// The client and what is opened from it end with the last reference to them. All of it may be used from any task.
public struct Client: Sendable {
    private let handle: ClientHandle

    /// Opens a root by its URL: `memory:`, a folder, `s3://`, `gs://`, `az://` or `https://`. Credentials come from the
    /// options, or else from the environment and the machine's role.
    public init(_ url: String, options: ClientOptions = ClientOptions()) throws {
        handle = try translated { try ClientHandle.connect(url: url, options: options) }
    }

    /// The URL of the root without its query, which may be a signature.
    public var url: String { handle.url() }

    /// Creates a table with these key columns. Value columns come into being when they are first written. With
    /// `existOK`, a table with the same key columns is opened.
    public func createTable(_ name: String, keys: [KeyColumn], existOK: Bool = false) async throws -> Table {
        try await run { [handle] in
            Table(try await handle.createTable(name: name, keys: keys, existOk: existOK, cancel: $0))
        }
    }

    /// Creates a table, as `createTable("flights", keys: ["id": "int64"])`.
    public func createTable(
        _ name: String, keys: KeyValuePairs<String, String>, existOK: Bool = false
    ) async throws -> Table {
        try await createTable(name, keys: keys.map { KeyColumn(name: $0, typeName: $1) }, existOK: existOK)
    }

    /// Opens a table at its newest version.
    public func table(_ name: String) async throws -> Table {
        try await run { [handle] in Table(try await handle.table(name: name, cancel: $0)) }
    }

    /// Opens the table whose own folder is the client's root: for a table that was copied, or is served, by itself.
    public func tableAtRoot() async throws -> Table {
        try await run { [handle] in Table(try await handle.tableAtRoot(cancel: $0)) }
    }

    /// Plans a scan over tables with the same key columns, under names that paths of their columns begin with:
    ///
    ///     try await client.scan(
    ///         ["flights": flights, "weather": weather], columns: ["id": "id", "wind": "weather.wind"],
    ///         where: "flights.distance > 1000 and weather.wind is not null")
    ///
    /// The result has the key columns once, then a struct for each table, unless `select` or `columns` choose. A row exists
    /// if any column group that the scan refers to has its key, in whichever table; what a table lacks is null. `asof` a
    /// time holds for all tables; where there are several, pass snapshots instead of a version. The other parameters are
    /// those of ``Table/scan(select:columns:where:begin:end:limit:keysOnly:unordered:asof:)``.
    public func scan(
        _ tables: ScanTables, select: [String]? = nil, columns: NamedColumns = [:], where filter: String? = nil,
        begin: Value? = nil, end: Value? = nil, limit: Int64? = nil, keysOnly: Bool = false, unordered: Bool = false,
        asof: Asof? = nil
    ) async throws -> Plan {
        let request = ScanRequest(
            select: select, columns: columns.list, filter: filter, begin: begin?.keyParts, end: end?.keyParts,
            limit: limit, keysOnly: keysOnly, unordered: unordered)
        let sources = tables.list.map { name, table in table.source(named: name) }
        return try await run { [handle] in
            Plan(try await handle.scan(tables: sources, options: request, asof: asof?.text, cancel: $0))
        }
    }

    /// The names of all tables: `dataset.table`, with `project/` before it unless that is the default.
    public func tables() async throws -> [String] {
        try await run { [handle] in try await handle.tables(cancel: $0) }
    }

    /// Gives a table another name, in any dataset and project: parts that the new name leaves out stay as they are.
    /// Handles that are open go on with the table.
    public func renameTable(_ name: String, to newName: String) async throws {
        try await run { [handle] in try await handle.renameTable(name: name, newName: newName, cancel: $0) }
    }

    /// Takes a table's name away, which another table may be given then. Its data stays, and handles that are open go on
    /// reading and writing it.
    public func dropTable(_ name: String) async throws {
        try await run { [handle] in try await handle.dropTable(name: name, cancel: $0) }
    }
}
