import Foundation
import Spiral

/// A node of the list.
struct JSON: @unchecked Sendable {
    let node: Any

    init(_ node: Any) { self.node = node }

    subscript(name: String) -> JSON? { (node as? [String: Any])?[name].map(JSON.init) }
    subscript(index: Int) -> JSON { list[index] }
    var list: [JSON] { (node as? [Any] ?? []).map(JSON.init) }
    var members: [(String, JSON)] { (node as? [String: Any] ?? [:]).map { ($0, JSON($1)) } }
    var text: String { node as? String ?? "\(node)" }
    var isText: Bool { node is String }
    var int: Int64 { (node as? NSNumber)?.int64Value ?? 0 }
    var bool: Bool { (node as? NSNumber)?.boolValue ?? false }
    var isNull: Bool { node is NSNull }

    static func quoted(_ text: String) -> String {
        let data = try? JSONSerialization.data(withJSONObject: [text], options: [.withoutEscapingSlashes])
        return String(String(decoding: data ?? Data("[\"\"]".utf8), as: UTF8.self).dropFirst().dropLast())
    }
}

struct Red: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Reads a value; `{n}` in text stands for the number of the turn.
func value(_ json: JSON, _ turn: Int?) throws -> Value {
    if json.isNull { return .null }
    guard let (form, of) = json.members.first else { return .bool(value: json.bool) }
    func number(_ json: JSON) -> Int64 { Int64(text(json, turn))! }
    return switch form {
    case "int": .int(value: number(of))
    case "uint": .uInt(value: UInt64(text(of, turn))!)
    case "float": .float(value: Double(text(of, turn))!)
    case "decimal": .decimal(text: text(of, turn))
    case "text": .text(value: text(of, turn))
    case "bytes": .binary(value: bytes(text(of, turn)))
    case "date": .date(days: number(of))
    case "time": .time(value: number(of[0]), unit: unit(of[1]))
    case "timestamp": .timestamp(value: number(of[0]), unit: unit(of[1]))
    case "duration": .duration(value: number(of[0]), unit: unit(of[1]))
    case "interval": .interval(months: Int32(of[0].int), days: Int32(of[1].int), nanoseconds: number(of[2]))
    case "list": .items(items: try of.list.map { try value($0, turn) })
    case "struct": .members(members: try members(of, turn).map { Member(name: $0, value: $1) })
    case "map": .entries(entries: try of.list.map { MapEntry(key: try value($0[0], turn), value: try value($0[1], turn)) })
    default: throw Red("\(form) is no form of a value")
    }
}

/// Named values, of an object or of a list of pairs.
func members(_ json: JSON, _ turn: Int?) throws -> [(String, Value)] {
    let named = json.members.isEmpty ? json.list.map { ($0[0].text, $0[1]) } : json.members
    return try named.map { ($0, try value($1, turn)) }
}

private func text(_ json: JSON, _ turn: Int?) -> String {
    let text = json.isText ? json.text : String(repeating: json["repeat"]!.text, count: Int(json["times"]!.int))
    return turn.map { text.replacingOccurrences(of: "{n}", with: "\($0)") } ?? text
}

private func bytes(_ digits: String) -> Data {
    let digits = Array(digits.utf8)
    return Data(stride(from: 0, to: digits.count, by: 2).map { UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)! })
}

private func unit(_ json: JSON) -> TimeUnit {
    switch json.text {
    case "s": .second
    case "ms": .millisecond
    case "us": .microsecond
    default: .nanosecond
    }
}

/// Equality by bits, with one NaN.
func same(_ one: Value, _ other: Value) -> Bool {
    switch (one, other) {
    case (.float(let one), .float(let other)): one.bitPattern == other.bitPattern || (one.isNaN && other.isNaN)
    // Strings of Swift are equal when they look the same.
    case (.text(let one), .text(let other)): Array(one.utf8) == Array(other.utf8)
    case (.items(let one), .items(let other)): one.count == other.count && zip(one, other).allSatisfy(same)
    case (.members(let one), .members(let other)):
        one.count == other.count && zip(one, other).allSatisfy { $0.name == $1.name && same($0.value, $1.value) }
    case (.entries(let one), .entries(let other)):
        one.count == other.count && zip(one, other).allSatisfy { same($0.key, $1.key) && same($0.value, $1.value) }
    default: one == other
    }
}
