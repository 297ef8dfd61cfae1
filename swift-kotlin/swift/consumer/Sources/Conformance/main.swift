// Runs the list that every language runs: see its README.
//
//   Conformance LIST FOLDER ADDRESS    prints the report, and fails when an entry is red
//   Conformance --falsified LIST       fails when an entry is green
import Foundation
import Spiral

let arguments = Array(CommandLine.arguments.dropFirst())

func entries(_ path: String) throws -> [JSON] {
    try JSON(JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))))["entries"]!.list
}

if arguments[0] == "--falsified" {
    let entries = try entries(arguments[1])
    var green: [String] = []
    for entry in entries where await outcome(entry, "memory:", false) == nil { green.append(entry["name"]!.text) }
    guard entries.count >= 10, green.isEmpty else { fatalError("of \(entries.count) these should be red: \(green)") }
    print("all \(entries.count) falsified entries were found")
    exit(0)
}

var (ran, red) = (0, 0)
for entry in try entries(arguments[0]) {
    let name = entry["name"]!.text
    for store in entry["stores"]?.list.map(\.text) ?? ["memory", "folder", "http"] {
        var line = ["entry": name, "store": store]
        let url =
            switch store {
            case "memory": "memory:"
            case "folder": "\(arguments[1])/\(name)"
            default: "\(arguments[2])/\(name)"
            }
        if let reason = entry["skip"]?["swift"] {
            (line["outcome"], line["detail"]) = ("skipped", reason.text)
        } else if let detail = await outcome(entry, url, store == "http") {
            (line["outcome"], line["detail"]) = ("red", detail)
            red += 1
        } else {
            line["outcome"] = "green"
        }
        ran += 1
        let parts = ["entry", "store", "outcome", "detail"].compactMap { key in
            line[key].map { "\"\(key)\": \(JSON.quoted($0))" }
        }
        print("{\(parts.joined(separator: ", "))}")
    }
}
guard ran > 100 else { fatalError("only \(ran) entries ran") }
exit(red == 0 ? 0 : 1)

/// What is wrong with an entry; nil when nothing is.
func outcome(_ entry: JSON, _ url: String, _ readsOnly: Bool) async -> String? {
    do {
        let run = try Run(client: Client(url), readsOnly: readsOnly)
        for (at, step) in entry["steps"]!.list.enumerated() {
            do { try await run.step(step, nil) } catch { return "step \(at): \(error)" }
        }
        return nil
    } catch {
        return "\(error)"
    }
}
