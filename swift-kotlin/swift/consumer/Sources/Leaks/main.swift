// Opens, scans, cancels and closes again and again; fails when what is held grows by 2 % every 150 times.
import Foundation
import Spiral

let folder = CommandLine.arguments[1]
let rows: [NewRow] = (0..<5_000).map { ["id": Value($0), "name": Value("name \($0)")] }
try await Client(folder).createTable("t", keys: ["id": "int64"]).write(rows)

func open() async throws {
    let table = try await Client(folder).table("t")
    var count = 0
    for try await _ in try await table.scan().rows { count += 1 }
    precondition(count == 5_000)
    let task = Task { for try await _ in try await table.scan().batches {} }
    task.cancel()
    _ = await task.result
}

/// What this process holds: KiB of memory, threads, files.
func held() async throws -> [Double] {
    try await Task.sleep(nanoseconds: 300_000_000)
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8).split(separator: "\n")
    func number(_ key: String) -> Double {
        Double(status.first { $0.hasPrefix(key) }!.filter(\.isNumber))!
    }
    let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    return [number("RssAnon"), number("Threads"), Double(files.count)]
}

for _ in 0..<50 { try await open() }
// The first look loads what looking needs.
_ = try await held()
var before = try await held()
// What grew is looked at again: a leak goes on growing, an allocator that has taken another piece does not.
for window in 0..<3 {
    for _ in 0..<150 { try await open() }
    let after = try await held()
    let first = 50 + window * 150
    print("from run \(first) to run \(first + 150): KiB, threads, files \(before) to \(after)")
    if zip(before, after).allSatisfy({ $1 < $0 * 1.02 + 1 }) { exit(0) }
    before = after
}
exit(1)
