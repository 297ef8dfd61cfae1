import Foundation
import Spiral

/// What a step returned, as far as the list compares it.
enum Returned {
    case nothing
    case version(Int64)
    case names([String])
    case versions([Int64])
    case columns([ColumnInfo])
    case rows(columns: [ColumnInfo], rows: [[Value]], positions: [Int]?)
}

/// Runs the steps of an entry.
final class Run {
    private let client: Client
    private let readsOnly: Bool
    private var tables: [String: Table] = [:]
    private var versions: [String: Int64] = [:]

    init(client: Client, readsOnly: Bool) {
        self.client = client
        self.readsOnly = readsOnly
    }

    func step(_ step: JSON, _ turn: Int?) async throws {
        let kind = step["do"]!.text
        if kind == "repeat" {
            for n in 0..<Int(step["times"]!.int) {
                for inner in step["steps"]!.list { try await self.step(inner, n) }
            }
            return
        }
        let changes = ["create_table", "write", "delete", "delete_where", "transaction"].contains(kind)
        if changes && readsOnly {
            if kind == "create_table" && step["error"] == nil {
                tables[name(of: step)] = try await client.table(name(of: step))
            }
            count(step)
            return
        }
        let returned: Returned
        do {
            returned = try await carryOut(kind, step, turn)
        } catch let error as SpiralError {
            guard let expected = step["error"] else { throw error }
            return try judge(expected, error)
        }
        if changes { count(step) }
        if let expected = step["error"] { throw Red("succeeded instead of failing with \(expected["code"]!.text)") }
        if let expected = step["expect"] { try judge(expected, turn, returned) }
    }

    /// Counts the version that a step makes.
    private func count(_ step: JSON) {
        let version = versions[name(of: step)] ?? 0
        let reopened = step["do"]!.text == "create_table" && version > 0
        let made = step["error"] == nil && step["end"]?.text != "abort" && step["no_version"]?.bool != true && !reopened
        versions[name(of: step)] = made ? version + 1 : version
    }

    private func table(_ step: JSON) throws -> Table {
        guard let table = tables[name(of: step)] else { throw Red("the entry has created no table") }
        return table
    }

    private func carryOut(_ kind: String, _ step: JSON, _ turn: Int?) async throws -> Returned {
        switch kind {
        case "create_table":
            let keys = step["keys"]!.list.map { KeyColumn(name: $0["name"]!.text, typeName: $0["type"]!.text) }
            tables[name(of: step)] = try await client.createTable(
                name(of: step), keys: keys, existOK: step["exist_ok"]?.bool ?? false)
            return .nothing
        case "open_table":
            tables[step["name"]!.text] = try await client.table(step["name"]!.text)
            return .nothing
        case "rename_table":
            try await client.renameTable(name(of: step), to: step["to"]!.text)
            return .nothing
        case "drop_table":
            try await client.dropTable(name(of: step))
            return .nothing
        case "tables": return .names(try await client.tables())
        case "write":
            return .version(
                try await table(step).write(rows(step, turn), types: types(step), pushDownNulls: nulls(step)).version)
        case "delete": return .version(try await table(step).delete(keys: keys(step, turn)).version)
        case "delete_where": return .version(try await table(step).delete(where: step["where"]!.text).version)
        case "transaction": return try await transaction(step, turn)
        case "scan":
            let plan = try await scan(step, turn)
            var rows: [[Value]] = []
            for try await batch in plan.batches { rows += values(batch) }
            return .rows(columns: plan.columns, rows: rows, positions: nil)
        case "take":
            let plan = try await scan(step, turn)
            let taken = try await plan.take(keys: keys(step, turn))
            return .rows(columns: plan.columns, rows: values(taken.batch), positions: taken.positions)
        case "schema": return .columns(try await table(step).snapshot(asof: asof(step)).columns())
        case "history":
            return .versions(try await table(step).history(limit: step["limit"]?.int ?? 100).map(\.version))
        case "cancelled_scan":
            let (table, asof, filter) = (try table(step), asof(step), step["where"]?.text)
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                _ = try await table.scan(where: filter, asof: asof)
            }
            task.cancel()
            try await task.value
            return .nothing
        default: throw Red("\(kind) is no step")
        }
    }

    private func transaction(_ step: JSON, _ turn: Int?) async throws -> Returned {
        let transaction = try table(step).transaction()
        for inner in step["steps"]!.list {
            switch inner["do"]!.text {
            case "write":
                try await transaction.write(rows(inner, turn), types: types(inner), pushDownNulls: nulls(inner))
            case "delete": try await transaction.delete(keys: keys(inner, turn))
            case "delete_where": try await transaction.delete(where: inner["where"]!.text)
            case let kind: throw Red("\(kind) is no step of a transaction")
            }
        }
        if step["end"]!.text == "commit" { return .version(try await transaction.commit().version) }
        try await transaction.abort()
        return .nothing
    }

    private func scan(_ step: JSON, _ turn: Int?) async throws -> Plan {
        func bound(_ name: String) throws -> Value? {
            try step[name].map { .items(items: try $0.list.map { try value($0, turn) }) }
        }
        let (select, keysOnly) = (step["select"]?.list.map(\.text), step["keys_only"]?.bool ?? false)
        let columns = NamedColumns((step["columns"]?.list ?? []).map { ($0[0].text, $0[1].text) })
        guard let sources = step["tables"]?.list else {
            return try await table(step).scan(
                select: select, columns: columns, where: step["where"]?.text, begin: bound("begin"), end: bound("end"),
                limit: step["limit"]?.int, keysOnly: keysOnly, asof: asof(step))
        }
        var named: [(String, any Scannable)] = []
        for source in sources {
            let table = try table(source)
            let version: (any Scannable)? = if let asof = asof(source) { try await table.snapshot(asof: asof) } else { nil }
            named.append((source["name"]?.text ?? name(of: source), version ?? table))
        }
        return try await client.scan(
            ScanTables(named), select: select, columns: columns, where: step["where"]?.text, begin: bound("begin"),
            end: bound("end"), limit: step["limit"]?.int, keysOnly: keysOnly)
    }

    private func rows(_ step: JSON, _ turn: Int?) throws -> [NewRow] {
        try step["rows"]!.list.map { Dictionary(try members($0, turn)) { $1 } }
    }

    private func types(_ step: JSON) -> [String: String] {
        Dictionary(step["types"]?.members.map { ($0, $1.text) } ?? []) { $1 }
    }

    private func nulls(_ step: JSON) -> Bool { step["push_down_nulls"]?.bool ?? false }

    private func keys(_ step: JSON, _ turn: Int?) throws -> [Value] {
        try step["keys"]!.list.map { .items(items: try $0.list.map { try value($0, turn) }) }
    }

    private func asof(_ step: JSON) -> Asof? { (step["asof"]?.int ?? (readsOnly ? versions[name(of: step)] : nil)).map(Asof.version) }

    private func values(_ batch: Batch) -> [[Value]] { batch.indices.map { row in batch.columns.map { $0[row] } } }
}

/// The table that a step is about.
private func name(of step: JSON) -> String { step["table"]?.text ?? "t" }

private func judge(_ expected: JSON, _ error: SpiralError) throws {
    let kind = "\(error.kind)"
    for (part, found) in ["code": error.code, "kind": kind.prefix(1).uppercased() + kind.dropFirst(), "message": error.message] {
        if let wanted = expected[part]?.text, wanted != found {
            throw Red("the error's \(part) is \"\(found)\" instead of \"\(wanted)\"")
        }
    }
}

private func judge(_ expected: JSON, _ turn: Int?, _ returned: Returned) throws {
    func compare<Part: Equatable>(_ what: String, _ wanted: Part?, _ found: Part) throws {
        if wanted != found { throw Red("\(what): expected \(String(describing: wanted)), found \(found)") }
    }
    switch returned {
    case .nothing: break
    case .version(let version): try compare("version", expected["version"]?.int, version)
    case .names(let names): try compare("names", expected["names"]?.list.map(\.text), names)
    case .versions(let versions): try compare("versions", expected["versions"]?.list.map(\.int), versions)
    case .columns(let columns):
        let wanted = expected["columns"]?.list.map {
            ColumnInfo(path: $0["path"]!.text, typeName: $0["type"]!.text, isKey: $0["key"]!.bool)
        }
        try compare("columns", wanted, columns)
    case .rows(let columns, let rows, let positions):
        if let wanted = expected["columns"] {
            try compare(
                "columns", wanted.list.map { [$0["name"]!.text, $0["type"]!.text] },
                columns.map { [$0.path, $0.typeName] })
        }
        if let wanted = expected["count"] { try compare("count", Int(wanted.int), rows.count) }
        if let wanted = expected["rows"]?.list {
            try compare("number of rows", wanted.count, rows.count)
            for (row, (wanted, found)) in zip(wanted, rows).enumerated() {
                try compare("cells of row \(row)", wanted.list.count, found.count)
                for (column, (json, found)) in zip(columns, zip(wanted.list, found)) {
                    let wanted = try value(json, turn)
                    if !same(wanted, found) {
                        throw Red("row \(row), column \(column.path): expected \(wanted), found \(found)")
                    }
                }
            }
        }
        if let positions, let wanted = expected["positions"] {
            try compare("positions", wanted.list.map { Int($0.int) }, positions)
        }
    }
}
