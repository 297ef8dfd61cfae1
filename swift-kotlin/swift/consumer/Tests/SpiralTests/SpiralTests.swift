import Foundation
import Spiral
import Testing

func table(_ keys: KeyValuePairs<String, String> = ["id": "int64"]) async throws -> Table {
    try await Client("memory:").createTable("t", keys: keys)
}

func people(_ count: Int, from: Int = 0) -> [NewRow] {
    (from..<from + count).map { ["id": Value($0), "name": Value("name \($0)"), "score": Value(Double($0) / 2)] }
}

func all<Elements: AsyncSequence>(_ elements: Elements) async throws -> [Elements.Element] {
    try await elements.reduce(into: []) { $0.append($1) }
}

@discardableResult
func fails(_ code: String, _ call: () async throws -> Void) async throws -> SpiralError {
    do {
        try await call()
    } catch let error as SpiralError {
        #expect(error.code == code, "\(error)")
        return error
    }
    Issue.record("there was no error \(code)")
    throw CancellationError()
}

@Suite struct Reading {
    @Test func rowsComeBackAsTheyWereWritten() async throws {
        let row: NewRow = [
            "id": 1, "truth": true, "whole": -5, "big": .uInt(value: .max), "real": 0.1, "money": .decimal(text: "1.20"),
            "text": "grüße 😀", "raw": .binary(value: Data([0, 255])), "day": .date(days: -1),
            "clock": .time(value: 5, unit: .microsecond), "moment": .timestamp(value: -1, unit: .millisecond),
            "span": .duration(value: -1500, unit: .millisecond),
            "parts": .interval(months: 1, days: 2, nanoseconds: 3), "items": [1, nil, 3],
            "group": ["a": 1, "b": "x"], "nothing": nil,
        ]
        let table = try await table()
        try await table.write([row], types: ["nothing": "int32"])
        let read = try #require(try await all(table.scan().rows).first)
        #expect(read.values == row)
        #expect(read["absent"] == nil)
        #expect(read["moment"]?.dateValue == Date(timeIntervalSince1970: -0.001))
        #expect(read["group"]?["b"]?.stringValue == "x")
    }

    @Test func tablesWithTheSameKeyAreScannedAsOne() async throws {
        let client = try Client("memory:")
        let people = try await client.createTable("people", keys: ["id": "int64"])
        let orders = try await client.createTable("orders", keys: ["id": "int64"])
        try await people.write([["id": 1, "name": "ann"]])
        try await orders.write([["id": 1, "total": 20], ["id": 2, "total": 30]])
        let snapshot = try await orders.snapshot()
        let plan = try await client.scan(
            ["p": people, "o": snapshot], columns: ["who": "p.name", "twice": "o.total * 2"])
        let expected: [NewRow] = [["who": "ann", "twice": 40], ["who": nil, "twice": 60]]
        #expect(try await all(plan.rows).map(\.values) == expected)
    }

    @Test func codableRowsAreWrittenAndRead() async throws {
        struct Place: Codable, Equatable { var name: String; var height: Double? }
        struct Flight: Codable, Equatable {
            var id: Int
            var origin: String?
            var delayed: Bool
            var at: Date
            var price: Decimal
            var tags: [String]
            var place: Place
            var raw: Data
            var small: UInt8
        }
        let flights = (0..<3).map {
            Flight(
                id: $0, origin: $0 == 1 ? nil : "SFO", delayed: true, at: Date(timeIntervalSince1970: 1.5),
                price: Decimal(string: "12.50")!, tags: ["a", "b"], place: Place(name: "x", height: 2), raw: Data([1]),
                small: 255)
        }
        let table = try await table()
        try await table.write(encoding: flights, types: ["price": "decimal128(10, 2)"])
        #expect(try await all(table.scan().rows(as: Flight.self)) == flights)
        struct Wrong: Codable { var origin: Int }
        await #expect(throws: DecodingError.self) { _ = try await all(table.scan().rows(as: Wrong.self)) }
    }

    @Test func columnsAreReadAtOnce() async throws {
        let table = try await table()
        try await table.write(people(1000))
        try await table.write([["id": 7, "name": nil]])
        let batch = try #require(try await all(table.scan(limit: 10).batches).first)
        #expect(batch.count == 10)
        #expect(try batch.column("id").int64s() == Array(0..<10))
        #expect(try batch.column("score").doubles() == (0..<10).map { Double($0) / 2 })
        #expect(try batch.column("name").strings() == (0..<10).map { $0 == 7 ? nil : "name \($0)" })
        #expect(batch["name"]!.isNull(7) && batch["name"]!.hasNulls && !batch["id"]!.hasNulls)
        #expect(batch["name"]!.typeName == "utf8" && batch[3]["id"] == 3)
        try await fails("type_mismatch") { _ = try batch.column("name").int64s() }
        try await fails("unknown_column") { _ = try batch.column("nome") }
    }

    @Test func scansSelectFilterAndBound() async throws {
        let table = try await table(["group": "utf8", "id": "int64"])
        try await table.write((0..<100).map { ["group": $0 < 50 ? "a" : "b", "id": Value($0), "n": Value($0 * 2)] })
        func ids(_ plan: Plan) async throws -> [Int64] { try await all(plan.rows).map { $0["id"]!.intValue! } }
        #expect(try await ids(table.scan(begin: "b")) == Array(50..<100))
        #expect(try await ids(table.scan(where: "n > 194")) == [98, 99])
        #expect(try await ids(table.scan(begin: ["a", 10], end: ["a", 12])) == [10, 11])
        #expect(try await ids(table.scan(limit: 3)) == [0, 1, 2])
        #expect(try await table.scan(keysOnly: true).columns.map(\.path) == ["group", "id"])
        #expect(try await table.scan(select: ["n"]).columns.map(\.path) == ["n"])
        try await fails("invalid_argument") { _ = try await table.scan(limit: -1) }
    }

    @Test func versionsStayReadable() async throws {
        let table = try await table()
        let first = try await table.write(people(1))
        try await Task.sleep(nanoseconds: 2_000_000)
        try await table.write(people(5))
        func count(_ asof: Asof?) async throws -> Int { try await all(table.scan(asof: asof).rows).count }
        #expect(try await count(nil) == 5)
        #expect(try await count(.version(2)) == 1)
        #expect(try await count(.time(first.timestamp)) == 1)
        let snapshot = try await table.snapshot(asof: .version(2))
        #expect(snapshot.version == 2 && snapshot.timestamp == first.timestamp)
        #expect(try await snapshot.columns().map(\.path) == ["id", "name", "score"])
        #expect(try await all(snapshot.scan().rows).count == 1)
        let history = try await table.history()
        #expect(history.map(\.version) == [3, 2, 1] && history.map(\.rowsWritten) == [5, 1, 0])
        try await fails("asof_in_future") { _ = try await count(.version(99)) }
        try await fails("asof_before_table") { _ = try await count(.time(Date(timeIntervalSince1970: -0.5))) }
    }

    @Test func arrowStreamsAreReadAndWritten() async throws {
        let (from, to) = (try await table(), try await table())
        try await from.write(people(10_000))
        let pieces = try await all(from.scan().ipc)
        try await to.write(ipc: pieces[0])
        let stream = AsyncStream { continuation in
            for piece in pieces { continuation.yield(piece) }
            continuation.finish()
        }
        #expect(try await to.write(ipcContentsOf: stream).version == 3)
        #expect(try await all(to.scan().rows).count == 10_000)
        try await fails("invalid_argument") { try await to.write(ipc: Data([1, 2, 3])) }
    }
}

@Suite struct Writing {
    @Test func rowsAreTakenAndDeletedByKey() async throws {
        let table = try await table()
        try await table.write(people(100))
        let taken = try await table.take(keys: [7, 500, 3, 7], select: ["id", "name"])
        #expect(taken.batch.map { $0["name"]! } == ["name 7", "name 3", "name 7"])
        #expect(taken.positions == [0, 2, 3])
        #expect(try await table.delete(keys: [1, 2, 1000]).version == 3)
        try await table.delete(where: "id >= 50")
        #expect(try await all(table.scan().rows).count == 48)
    }

    @Test func transactionsAreAllOrNothing() async throws {
        let table = try await table()
        let commit = try await table.transaction {
            try await $0.write(people(3))
            try await $0.delete(keys: [50])
            try await $0.delete(where: "id = 60")
        }
        #expect(commit.version == 2)
        await #expect(throws: CancellationError.self) {
            try await table.transaction {
                try await $0.write(people(10))
                throw CancellationError()
            }
        }
        let aborted = table.transaction()
        try await aborted.write(people(20))
        try await aborted.abort()
        try await fails("invalid_argument") { try await aborted.commit() }
        #expect(try await all(table.scan().rows).count == 3)
        #expect(try await table.history(limit: 1).map(\.version) == [2])
    }

    @Test func sequencesAreWrittenInOneCommitAsTheEngineTakesThem() async throws {
        let table = try await table()
        let rows = people(20_000)
        let made = AsyncStream { continuation in
            for row in rows { continuation.yield(row) }
            continuation.finish()
        }
        #expect(try await table.write(contentsOf: made).version == 2)
        let broken = AsyncThrowingStream<NewRow, any Error> { continuation in
            for row in people(9_000, from: 100_000) { continuation.yield(row) }
            continuation.finish(throwing: CancellationError())
        }
        await #expect(throws: CancellationError.self) { try await table.write(contentsOf: broken) }
        #expect(try await table.snapshot().version == 2)
        #expect(try await all(table.scan(select: ["id"]).rows).count == 20_000)
    }
}

@Suite struct Failing {
    @Test func errorsHaveACaseACodeAndContext() async throws {
        let client = try Client("memory:")
        let error = try await fails("table_not_found") { _ = try await client.table("absent") }
        guard case .notFound(let details) = error else { throw error }
        #expect(details.message == "no table is named default.absent: list the tables, or create it")
        #expect(error.localizedDescription == details.message && error.table == "absent" && !error.isRetryable)
        #expect("\(error)" == "\(details.message) (table absent) [table_not_found]")
        let table = try await client.createTable("t", keys: ["id": "int64"])
        #expect(table.name == "t" && table.keyColumns.map(\.typeName) == ["int64"])
        try await fails("table_exists") { _ = try await client.createTable("t", keys: ["id": "int64"]) }
        try await fails("invalid_key_schema") { _ = try await client.createTable("u", keys: ["k": "bool"]) }
        _ = try await client.createTable("t", keys: ["id": "int64"], existOK: true)
        #expect(try await client.tables() == ["default.t"])
        try await fails("invalid_store_url") { _ = try Client("ftp://example.com") }
        try await fails("invalid_argument") { _ = try Client("memory:", options: ClientOptions(threads: -1)) }
    }

    @Test func everyCodeBelongsToTheCaseOfItsKind() {
        let codes = errorCodes()
        #expect(codes.count > 30)
        for code in codes { #expect("\(SpiralError(code))" == "\(code.code) [\(code.code)]" && SpiralError(code).kind == code.kind) }
    }
}

@Suite(.serialized) struct Cancelling {
    /// A server that answers late, and its log of requests.
    let address = ProcessInfo.processInfo.environment["SPIRAL_SLOW"]!
    let log = ProcessInfo.processInfo.environment["SPIRAL_SLOW_LOG"]!

    /// Requests that were answered or given up.
    func requests() throws -> Int { try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").count }

    /// Requests that started more than 50 ms after a moment, once they would have been answered.
    func requests(after moment: Date) async throws -> Int {
        struct Request: Decodable { let start: Double }
        try await Task.sleep(nanoseconds: 500_000_000)
        let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
        let starts = try lines.map { try JSONDecoder().decode(Request.self, from: Data($0.utf8)).start }
        return starts.filter { $0 > moment.timeIntervalSince1970 * 1000 + 50 }.count
    }

    func seconds(_ call: () async throws -> Void) async rethrows -> Double {
        let start = DispatchTime.now()
        try await call()
        return Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) / 1e9
    }

    @Test func whatIsCancelledBeforeNeverStarts() async throws {
        let table = try await Client("\(address)/write_and_scan").table("t")
        try await Task.sleep(nanoseconds: 600_000_000)
        let before = try requests()
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            _ = try await table.scan()
        }
        task.cancel()
        try await fails("cancelled") { try await task.value }
        try await Task.sleep(nanoseconds: 600_000_000)
        #expect(try requests() == before)
    }

    @Test func aCancelledTaskEndsAtOnceAndAsksForNothingMore() async throws {
        var took: [Double] = []
        for _ in 0..<3 {
            let client = try Client("\(address)/write_and_scan")
            let task = Task { try await client.table("t").scan().batches.reduce(0) { $0 + $1.count } }
            try await Task.sleep(nanoseconds: 250_000_000)
            let moment = Date()
            task.cancel()
            took.append(
                try await seconds {
                    let error = try await fails("cancelled") { _ = try await task.value }
                    #expect(error.message == "the operation was cancelled")
                })
            #expect(try await requests(after: moment) == 0)
        }
        #expect(try requests() > 0)
        // A machine that is busy with other things may be late, but not every time.
        #expect(took.min()! < 0.05, "it took \(took)")
    }

    @Test func aScanThatComputesEndsWithin50Milliseconds() async throws {
        let table = try await table()
        try await table.write(people(100_000))
        let plan = try await table.scan(where: "id * 3 + 1 > 5 and id % 7 < 6")
        var took: [Double] = []
        for _ in 0..<3 {
            let task = Task { while true { for try await batch in plan.batches { #expect(batch.count > 0) } } }
            try await Task.sleep(nanoseconds: 100_000_000)
            task.cancel()
            took.append(try await seconds { try await fails("cancelled") { try await task.value } })
        }
        #expect(took.min()! < 0.05, "it took \(took)")
    }

    @Test func aThousandCancelledTasksLeaveThePoolFree() async throws {
        let table = try await table()
        try await table.write(people(10_000))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<1_000 {
                group.addTask { _ = try? await table.scan().batches.reduce(0) { $0 + $1.count } }
            }
            try? await Task.sleep(nanoseconds: 20_000_000)
            group.cancelAll()
        }
        #expect(try await all(table.scan().rows).count == 10_000)
    }

    @Test func aCancelledWriteOfASequenceWritesNothing() async throws {
        let table = try await table()
        let endless = AsyncStream<NewRow> { continuation in
            for row in people(9_000) { continuation.yield(row) }
        }
        let task = Task { try await table.write(contentsOf: endless) }
        try await Task.sleep(nanoseconds: 200_000_000)
        task.cancel()
        _ = await task.result
        try await Task.sleep(nanoseconds: 100_000_000)
        #expect(try await table.snapshot().version == 1)
    }
}
