import Foundation

/// Some rows of a scan, as columns; a collection of its rows.
public struct Batch: Sendable, RandomAccessCollection {
    /// The columns, in the order of the plan.
    public let columns: [Column]
    /// The number of rows.
    public let count: Int

    private let positions: [String: Int]

    init(_ data: BatchData) {
        count = Int(data.rowCount)
        columns = data.columns.map { [count] in Column($0, count: count) }
        positions = Dictionary(columns.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The first row.
    public var startIndex: Int { 0 }
    /// The end of the rows.
    public var endIndex: Int { count }
    /// A row; it reads from the columns and copies nothing.
    public subscript(position: Int) -> Row { Row(batch: self, index: position) }

    /// The column of a name, if there is one.
    public subscript(name: String) -> Column? { positions[name].map { columns[$0] } }

    /// The column of a name.
    /// - Throws: `unknown_column`.
    public func column(_ name: String) throws -> Column {
        guard let column = self[name] else {
            throw SpiralError.invalid("unknown_column", "there is no column '\(name)'")
        }
        return column
    }
}

/// One row of a batch.
public struct Row: Sendable {
    let batch: Batch
    let index: Int

    /// The names of its columns.
    public var names: [String] { batch.columns.map(\.name) }

    /// The value of a column, if there is such a column.
    public subscript(name: String) -> Value? { batch[name].map { $0[index] } }

    /// All values by the names of their columns.
    public var values: [String: Value] {
        Dictionary(batch.columns.map { ($0.name, $0[index]) }, uniquingKeysWith: { first, _ in first })
    }
}

/// A column of a batch; a collection of its values. Whole arrays of numbers are had without a value per cell.
public struct Column: Sendable, RandomAccessCollection {
    private let data: ColumnData
    /// The number of rows.
    public let count: Int

    init(_ data: ColumnData, count: Int) {
        self.data = data
        self.count = count
    }

    /// Its name.
    public var name: String { data.name }
    /// The name of its type, such as `int64`.
    public var typeName: String { data.typeName }
    /// Whether any row is null.
    public var hasNulls: Bool { data.nulls != nil || data.nested.contains(.null) }
    /// The first row.
    public var startIndex: Int { 0 }
    /// The end of the rows.
    public var endIndex: Int { count }

    /// Whether a row is null.
    public func isNull(_ row: Int) -> Bool {
        if case .nested = data.layout { return data.nested[row] == .null }
        return data.nulls.map { $0[$0.startIndex + row] == 1 } ?? false
    }

    /// All integers at once: those of integer columns, days of dates, and units of times, timestamps and durations. Rows
    /// that are null have no meaning there.
    public func int64s() throws -> [Int64] {
        switch data.layout {
        case .int, .date, .time, .timestamp, .duration: return numbers()
        default: throw holdsNo("integers")
        }
    }

    /// All integers of a `uint64` column at once. Rows that are null have no meaning there.
    public func uint64s() throws -> [UInt64] {
        guard case .uInt = data.layout else { throw holdsNo("unsigned integers") }
        return numbers()
    }

    /// All floats at once. Rows that are null have no meaning there.
    public func doubles() throws -> [Double] {
        guard case .float = data.layout else { throw holdsNo("floats") }
        return numbers()
    }

    /// All booleans at once. Rows that are null have no meaning there.
    public func bools() throws -> [Bool] {
        guard case .bool = data.layout else { throw holdsNo("booleans") }
        return data.values.map { $0 != 0 }
    }

    /// All strings at once, nil where a row is null.
    public func strings() throws -> [String?] {
        guard case .text = data.layout else { throw holdsNo("strings") }
        return indices.map { isNull($0) ? nil : text($0) }
    }

    /// All binaries at once, nil where a row is null.
    public func binaries() throws -> [Data?] {
        guard case .binary = data.layout else { throw holdsNo("binaries") }
        return indices.map { isNull($0) ? nil : Data(bytes($0)) }
    }

    /// The value of a row.
    public subscript(row: Int) -> Value {
        if isNull(row) { return .null }
        return switch data.layout {
        case .bool: .bool(value: number(row) as UInt8 != 0)
        case .int: .int(value: number(row))
        case .uInt: .uInt(value: number(row))
        case .float: .float(value: number(row))
        case .decimal: .decimal(text: text(row))
        case .text: .text(value: text(row))
        case .binary: .binary(value: Data(bytes(row)))
        case .date: .date(days: number(row))
        case .time(let unit): .time(value: number(row), unit: unit)
        case .timestamp(let unit, _): .timestamp(value: number(row), unit: unit)
        case .duration(let unit): .duration(value: number(row), unit: unit)
        case .nested: data.nested[row]
        }
    }

    private func number<Number: BitwiseCopyable>(_ row: Int) -> Number { Self.read(data.values, row) }

    private func numbers<Number: BitwiseCopyable>() -> [Number] {
        data.values.withUnsafeBytes { bytes in
            indices.map { bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Number>.stride, as: Number.self) }
        }
    }

    private func bytes(_ row: Int) -> Data {
        let (start, end): (Int32, Int32) = (Self.read(data.offsets, row), Self.read(data.offsets, row + 1))
        return data.values[data.values.startIndex + Int(start)..<data.values.startIndex + Int(end)]
    }

    private func text(_ row: Int) -> String { String(decoding: bytes(row), as: UTF8.self) }

    private static func read<Number: BitwiseCopyable>(_ data: Data, _ row: Int) -> Number {
        data.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: row * MemoryLayout<Number>.stride, as: Number.self)
        }
    }

    private func holdsNo(_ what: String) -> SpiralError {
        .invalid("type_mismatch", "column \(name) has type \(typeName) and holds no \(what)")
    }
}

/// Rows found by their keys.
public struct Taken: Sendable {
    /// The rows, in the order of the keys asked for.
    public let batch: Batch
    /// For each row, the position of its key in the request. Keys without a row have none.
    public let positions: [Int]

    init(_ data: TakenData) {
        batch = Batch(data.rows)
        positions = data.positions.map(Int.init)
    }
}
