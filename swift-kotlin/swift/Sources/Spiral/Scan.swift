/// What a scan reads: a table or a version of one.
public protocol Scannable: Sendable {
    /// The engine's side of it, under a name of a scan.
    func source(named name: String) -> ScanSource
}

/// Tables of a scan by names, as `["flights": flights, "weather": weather]`.
public struct ScanTables: ExpressibleByDictionaryLiteral, Sendable {
    let list: [(String, any Scannable)]

    /// Tables in the order of the result.
    public init(_ tables: [(String, any Scannable)]) { list = tables }

    public init(dictionaryLiteral tables: (String, any Scannable)...) { list = tables }
}

/// Columns of a result by names, as `["wind": "weather.wind", "far": "flights.distance > 1000"]`: expressions, or paths of
/// what stands there under that name. The empty name is the top of the result, for the columns of a group or a table.
public struct NamedColumns: ExpressibleByDictionaryLiteral, Sendable {
    let list: [NamedColumn]

    /// Columns in the order of the result.
    public init(_ columns: [(String, String)]) { list = columns.map { NamedColumn(name: $0, value: $1) } }

    public init(dictionaryLiteral columns: (String, String)...) { self.init(columns) }
}
