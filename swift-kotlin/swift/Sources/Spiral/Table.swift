import Foundation

/// Rows of one piece of a write whose rows come as a sequence.
private let pieceRows = 4096

/// A table: rows that are sorted and unique by a key, in versions.
public struct Table: Scannable {
    private let handle: TableHandle

    init(_ handle: TableHandle) { self.handle = handle }

    public func source(named name: String) -> ScanSource { .newest(name: name, table: handle) }

    /// The name by which it was opened.
    public var name: String { handle.name() }

    /// Its permanent id, whatever it is named: the name of its folder below the root's `tables`.
    public var id: String { handle.id() }

    /// The key columns.
    public var keyColumns: [ColumnInfo] { handle.keyColumns() }

    /// The newest version, or an older one.
    public func snapshot(asof: Asof? = nil) async throws -> Snapshot {
        try await run { [handle] in Snapshot(try await handle.snapshot(asof: asof?.text, cancel: $0)) }
    }

    /// Plans a scan.
    /// - Parameters:
    ///   - select: Paths of columns and column groups, `a`, `group.a`, `group` or `group.*`, in the order of the result;
    ///     all by default.
    ///   - columns: More columns of the result; see ``NamedColumns``.
    ///   - where: Rows to keep, such as `distance > 1000 and origin in ('SFO', 'LAX')`.
    ///   - begin: The first key, included: a value or a list of values, which may be only the first parts of a key.
    ///   - end: The end, excluded.
    ///   - limit: Rows after which to stop.
    ///   - keysOnly: Only the keys, of rows that exist in any column group: of those selected, if any are.
    ///   - unordered: Let batches come as they are ready instead of in key order.
    ///   - asof: The version to read, instead of the newest.
    public func scan(
        select: [String]? = nil, columns: NamedColumns = [:], where filter: String? = nil, begin: Value? = nil,
        end: Value? = nil, limit: Int64? = nil, keysOnly: Bool = false, unordered: Bool = false, asof: Asof? = nil
    ) async throws -> Plan {
        let request = ScanRequest(
            select: select, columns: columns.list, filter: filter, begin: begin?.keyParts, end: end?.keyParts, limit: limit,
            keysOnly: keysOnly, unordered: unordered)
        return try await run { [handle] in
            Plan(try await handle.scan(options: request, asof: asof?.text, cancel: $0))
        }
    }

    /// The rows of some keys, which may come in any order, repeatedly, or not exist. A key is a value or a list of values.
    public func take(keys: [Value], select: [String]? = nil, asof: Asof? = nil) async throws -> Taken {
        try await scan(select: select, asof: asof).take(keys: keys)
    }

    /// Upserts rows, in one commit. Each has all key columns and any others; columns that do not exist are created, cells
    /// that no row names stay. A new column's type follows from its values, or from `types`.
    @discardableResult
    public func write(
        _ rows: [NewRow], types: [String: String] = [:], pushDownNulls: Bool = false
    ) async throws -> CommitInfo {
        let data = RowData(rows, types)
        return try await run { [handle] in
            try await handle.write(rows: data, pushDownNulls: pushDownNulls, cancel: $0)
        }
    }

    /// Upserts rows of an encodable type.
    @discardableResult
    public func write<Row: Encodable>(
        encoding rows: [Row], types: [String: String] = [:], pushDownNulls: Bool = false
    ) async throws -> CommitInfo {
        try await write(try rows.map(encodedRow), types: types, pushDownNulls: pushDownNulls)
    }

    /// As `write`, from a sequence that is asked for rows only as fast as the engine takes them. An error in it writes
    /// nothing.
    @discardableResult
    public func write<Rows: AsyncSequence & Sendable>(
        contentsOf rows: Rows, types: [String: String] = [:], pushDownNulls: Bool = false
    ) async throws -> CommitInfo where Rows.Element == NewRow {
        try await run { [handle] cancel in
            let writer = handle.writer(pushDownNulls: pushDownNulls)
            var piece: [NewRow] = []
            for try await row in rows {
                piece.append(row)
                if piece.count == pieceRows {
                    _ = try await writer.write(rows: RowData(piece, types), cancel: cancel)
                    piece.removeAll(keepingCapacity: true)
                }
            }
            if !piece.isEmpty { _ = try await writer.write(rows: RowData(piece, types), cancel: cancel) }
            return try await writer.finish(cancel: cancel)
        }
    }

    /// Upserts the rows of an Arrow IPC stream or file.
    @discardableResult
    public func write(ipc: Data, pushDownNulls: Bool = false) async throws -> CommitInfo {
        try await run { [handle] in try await handle.writeIpc(ipc: ipc, pushDownNulls: pushDownNulls, cancel: $0) }
    }

    /// Upserts the rows of many Arrow IPC streams, in one commit.
    @discardableResult
    public func write<Pieces: AsyncSequence & Sendable>(
        ipcContentsOf pieces: Pieces, pushDownNulls: Bool = false
    ) async throws -> CommitInfo where Pieces.Element == Data {
        try await run { [handle] cancel in
            let writer = handle.writer(pushDownNulls: pushDownNulls)
            for try await piece in pieces { _ = try await writer.writeIpc(ipc: piece, cancel: cancel) }
            return try await writer.finish(cancel: cancel)
        }
    }

    /// Deletes rows by their keys; keys without a row are fine. A key is a value or a list of values.
    @discardableResult
    public func delete(keys: [Value]) async throws -> CommitInfo {
        try await run { [handle] in try await handle.delete(keys: keys.map(\.keyParts), cancel: $0) }
    }

    /// Deletes the rows for which a filter is true.
    @discardableResult
    public func delete(where filter: String) async throws -> CommitInfo {
        try await run { [handle] in try await handle.deleteWhere(filter: filter, cancel: $0) }
    }

    /// Begins a transaction on the newest known version.
    public func transaction() -> Transaction { Transaction(handle.transaction()) }

    /// Runs operations in a transaction, then commits it; an error abandons it.
    @discardableResult
    public func transaction(_ operations: (Transaction) async throws -> Void) async throws -> CommitInfo {
        let transaction = transaction()
        try await operations(transaction)
        return try await transaction.commit()
    }

    /// The most recent commits, newest first.
    public func history(limit: Int64 = 100) async throws -> [HistoryEntry] {
        try await run { [handle] in try await handle.history(limit: limit, cancel: $0) }
    }
}

/// A version of a table. It does not change, whatever is committed later.
public struct Snapshot: Scannable {
    private let handle: SnapshotHandle

    init(_ handle: SnapshotHandle) { self.handle = handle }

    public func source(named name: String) -> ScanSource { .version(name: name, snapshot: handle) }

    /// The version.
    public var version: Int64 { handle.version() }

    /// When it was committed.
    public var timestamp: Date { handle.timestamp() }

    /// All columns by their paths, key columns first.
    public func columns() async throws -> [ColumnInfo] {
        try await run { [handle] in try await handle.columns(cancel: $0) }
    }

    /// Plans a scan of this version; see
    /// ``Table/scan(select:columns:where:begin:end:limit:keysOnly:unordered:asof:)``.
    public func scan(
        select: [String]? = nil, columns: NamedColumns = [:], where filter: String? = nil, begin: Value? = nil,
        end: Value? = nil, limit: Int64? = nil, keysOnly: Bool = false, unordered: Bool = false
    ) async throws -> Plan {
        let request = ScanRequest(
            select: select, columns: columns.list, filter: filter, begin: begin?.keyParts, end: end?.keyParts, limit: limit,
            keysOnly: keysOnly, unordered: unordered)
        return try await run { [handle] in Plan(try await handle.scan(options: request, cancel: $0)) }
    }
}

/// Operations that become visible together, or not at all. Without a commit they are abandoned with the last reference.
public struct Transaction: Sendable {
    private let handle: TransactionHandle

    init(_ handle: TransactionHandle) { self.handle = handle }

    /// Its identity, by which a commit of unknown outcome is found in the table's history.
    public var id: String { handle.id() }

    /// The version it began on.
    public var began: Int64 { handle.began() }

    /// Upserts rows. After an error the transaction can go on without the operation.
    public func write(_ rows: [NewRow], types: [String: String] = [:], pushDownNulls: Bool = false) async throws {
        let data = RowData(rows, types)
        try await run { [handle] in try await handle.write(rows: data, pushDownNulls: pushDownNulls, cancel: $0) }
    }

    /// Upserts the rows of an Arrow IPC stream or file.
    public func write(ipc: Data, pushDownNulls: Bool = false) async throws {
        try await run { [handle] in try await handle.writeIpc(ipc: ipc, pushDownNulls: pushDownNulls, cancel: $0) }
    }

    /// Deletes rows by their keys.
    public func delete(keys: [Value]) async throws {
        try await run { [handle] in try await handle.delete(keys: keys.map(\.keyParts), cancel: $0) }
    }

    /// Deletes the rows that a filter selects in the version that the commit lands on, not those of this transaction.
    public func delete(where filter: String) async throws {
        try await run { [handle] in try await handle.deleteWhere(filter: filter, cancel: $0) }
    }

    /// Makes all operations visible at once.
    @discardableResult
    public func commit() async throws -> CommitInfo {
        try await run { [handle] in try await handle.commit(cancel: $0) }
    }

    /// Abandons all operations.
    public func abort() async throws {
        try await run { [handle] in try await handle.abort(cancel: $0) }
    }
}
