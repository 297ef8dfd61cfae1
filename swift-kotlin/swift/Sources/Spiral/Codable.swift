import Foundation

/// An encodable value as a row.
func encodedRow(_ row: some Encodable) throws -> NewRow {
    guard case .members(let members) = try encodedValue(row, at: []) else {
        throw EncodingError.invalidValue(row, .init(codingPath: [], debugDescription: "a row has named values"))
    }
    return Dictionary(members.map { ($0.name, $0.value) }, uniquingKeysWith: { _, last in last })
}

extension Row {
    /// The row as a value of a decodable type, whose properties are named as the columns.
    public func decode<Model: Decodable>(_ model: Model.Type) throws -> Model {
        let members = batch.columns.map { Member(name: $0.name, value: $0[index]) }
        return try decodedValue(model, from: .members(members: members), at: [])
    }
}

private func encodedValue(_ value: some Encodable, at path: [any CodingKey]) throws -> Value {
    switch value {
    case let value as Value: return value
    case let value as Date: return Value(value)
    case let value as Data: return Value(value)
    case let value as Decimal: return Value(value)
    case let value as URL: return Value(value.absoluteString)
    default:
        let encoder = ValueEncoder(codingPath: path)
        try value.encode(to: encoder)
        return encoder.value
    }
}

private func decodedValue<Model: Decodable>(
    _ model: Model.Type, from value: Value, at path: [any CodingKey]
) throws -> Model {
    let special: Any? =
        switch model {
        case is Value.Type: value
        case is Date.Type: value.dateValue
        case is Data.Type: value.dataValue
        case is Decimal.Type: value.decimalValue ?? value.doubleValue.map { Decimal($0) }
        case is URL.Type: value.stringValue.flatMap(URL.init(string:))
        default: nil
        }
    if let special = special as? Model { return special }
    return try Model(from: ValueDecoder(value: value, codingPath: path))
}

extension Value: Codable {
    /// Encodes what it holds. Only encoders of this package keep the type of dates, decimals and intervals.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .int(let value), .date(let value), .time(let value, _), .timestamp(let value, _), .duration(let value, _):
            try container.encode(value)
        case .uInt(let value): try container.encode(value)
        case .float(let value): try container.encode(value)
        case .decimal(let value), .text(let value): try container.encode(value)
        case .binary(let value): try container.encode(value)
        case .interval(let months, let days, let nanoseconds):
            try container.encode(["months": Int64(months), "days": Int64(days), "nanoseconds": nanoseconds])
        case .items(let items): try container.encode(items)
        case .members(let members):
            try container.encode(Dictionary(members.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }))
        case .entries(let entries): try container.encode(entries.map { [$0.key, $0.value] })
        }
    }

    /// Decodes what another format holds.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value: value)
        } else if let value = try? container.decode(Int64.self) {
            self = .int(value: value)
        } else if let value = try? container.decode(UInt64.self) {
            self = .uInt(value: value)
        } else if let value = try? container.decode(Double.self) {
            self = .float(value: value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value: value)
        } else if let value = try? container.decode([Value].self) {
            self = .items(items: value)
        } else {
            let members = try container.decode([String: Value].self)
            self = .members(members: members.sorted { $0.key < $1.key }.map { Member(name: $0, value: $1) })
        }
    }
}

// MARK: - Encoding

private final class ValueEncoder: Encoder {
    let codingPath: [any CodingKey]
    let userInfo: [CodingUserInfoKey: Any] = [:]
    fileprivate var single: Value = .null
    private var members: MembersBox?
    private var items: ItemsBox?

    init(codingPath: [any CodingKey]) { self.codingPath = codingPath }

    var value: Value {
        if let members { return .members(members: members.finished) }
        if let items { return .items(items: items.finished) }
        return single
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        let box = members ?? MembersBox()
        members = box
        return KeyedEncodingContainer(MembersContainer<Key>(box: box, codingPath: codingPath))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        let box = items ?? ItemsBox()
        items = box
        return ItemsContainer(box: box, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { SingleContainer(encoder: self) }
}

/// A value that is known, or an encoder that is still at it.
private enum Pending {
    case known(Value)
    case encoder(ValueEncoder)

    var value: Value {
        switch self {
        case .known(let value): value
        case .encoder(let encoder): encoder.value
        }
    }
}

private final class MembersBox {
    var members: [(String, Pending)] = []
    var finished: [Member] { members.map { Member(name: $0, value: $1.value) } }
}

private final class ItemsBox {
    var items: [Pending] = []
    var finished: [Value] { items.map(\.value) }
}

private struct MembersContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let box: MembersBox
    let codingPath: [any CodingKey]

    func add(_ key: Key, _ value: Pending) { box.members.append((key.stringValue, value)) }
    func nested(_ key: some CodingKey) -> ValueEncoder {
        let encoder = ValueEncoder(codingPath: codingPath + [key])
        box.members.append((key.stringValue, .encoder(encoder)))
        return encoder
    }

    mutating func encodeNil(forKey key: Key) { add(key, .known(.null)) }
    mutating func encode(_ value: some Encodable, forKey key: Key) throws {
        add(key, .known(try encodedValue(value, at: codingPath + [key])))
    }
    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> { nested(key).container(keyedBy: type) }
    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        nested(key).unkeyedContainer()
    }
    mutating func superEncoder() -> any Encoder { nested(Name(stringValue: "super")) }
    mutating func superEncoder(forKey key: Key) -> any Encoder { nested(key) }
}

private struct ItemsContainer: UnkeyedEncodingContainer {
    let box: ItemsBox
    let codingPath: [any CodingKey]
    var count: Int { box.items.count }

    func nested() -> ValueEncoder {
        let encoder = ValueEncoder(codingPath: codingPath + [Name(intValue: count)])
        box.items.append(.encoder(encoder))
        return encoder
    }

    mutating func encodeNil() { box.items.append(.known(.null)) }
    mutating func encode(_ value: some Encodable) throws {
        box.items.append(.known(try encodedValue(value, at: codingPath + [Name(intValue: count)])))
    }
    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        nested().container(keyedBy: type)
    }
    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { nested().unkeyedContainer() }
    mutating func superEncoder() -> any Encoder { nested() }
}

private struct SingleContainer: SingleValueEncodingContainer {
    let encoder: ValueEncoder
    var codingPath: [any CodingKey] { encoder.codingPath }

    mutating func encodeNil() { encoder.single = .null }
    mutating func encode(_ value: Bool) { encoder.single = Value(value) }
    mutating func encode(_ value: String) { encoder.single = Value(value) }
    mutating func encode(_ value: Double) { encoder.single = Value(value) }
    mutating func encode(_ value: Float) { encoder.single = Value(Double(value)) }
    mutating func encode(_ value: Int) { encoder.single = Value(value) }
    mutating func encode(_ value: Int8) { encoder.single = Value(value) }
    mutating func encode(_ value: Int16) { encoder.single = Value(value) }
    mutating func encode(_ value: Int32) { encoder.single = Value(value) }
    mutating func encode(_ value: Int64) { encoder.single = Value(value) }
    mutating func encode(_ value: UInt) { encoder.single = Value(value) }
    mutating func encode(_ value: UInt8) { encoder.single = Value(value) }
    mutating func encode(_ value: UInt16) { encoder.single = Value(value) }
    mutating func encode(_ value: UInt32) { encoder.single = Value(value) }
    mutating func encode(_ value: UInt64) { encoder.single = Value(value) }
    mutating func encode(_ value: some Encodable) throws {
        encoder.single = try encodedValue(value, at: codingPath)
    }
}

private struct Name: CodingKey {
    let stringValue: String
    let intValue: Int?
    init(stringValue: String) { (self.stringValue, intValue) = (stringValue, nil) }
    init(intValue: Int) { (stringValue, self.intValue) = ("\(intValue)", intValue) }
}

// MARK: - Decoding

private struct ValueDecoder: Decoder {
    let value: Value
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        let members: [Member]
        switch value {
        case .members(let found): members = found
        case .entries(let found):
            members = try found.map { Member(name: try decodedValue(String.self, from: $0.key, at: codingPath), value: $0.value) }
        default: throw mismatch(KeyedDecodingContainer<Key>.self)
        }
        let named = Dictionary(members.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
        return KeyedDecodingContainer(MembersDecoder<Key>(members: named, codingPath: codingPath))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .items(let items) = value else { throw mismatch([Value].self) }
        return ItemsDecoder(items: items, codingPath: codingPath)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { SingleDecoder(decoder: self) }

    func mismatch(_ type: Any.Type) -> DecodingError {
        let context = DecodingError.Context(codingPath: codingPath, debugDescription: "\(value) is no \(type)")
        return value == .null ? .valueNotFound(type, context) : .typeMismatch(type, context)
    }
}

private struct MembersDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let members: [String: Value]
    let codingPath: [any CodingKey]
    var allKeys: [Key] { members.keys.compactMap(Key.init(stringValue:)) }

    func value(_ key: some CodingKey) throws -> Value {
        if let value = members[key.stringValue] { return value }
        let context = DecodingError.Context(codingPath: codingPath, debugDescription: "there is no '\(key.stringValue)'")
        throw DecodingError.keyNotFound(key, context)
    }
    func decoder(_ key: some CodingKey) throws -> ValueDecoder {
        ValueDecoder(value: try value(key), codingPath: codingPath + [key])
    }

    func contains(_ key: Key) -> Bool { members[key.stringValue] != nil }
    func decodeNil(forKey key: Key) throws -> Bool { try value(key) == .null }
    func decode<Model: Decodable>(_ type: Model.Type, forKey key: Key) throws -> Model {
        try decodedValue(type, from: try value(key), at: codingPath + [key])
    }
    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> { try decoder(key).container(keyedBy: type) }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try decoder(key).unkeyedContainer()
    }
    func superDecoder() throws -> any Decoder { try decoder(Name(stringValue: "super")) }
    func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(key) }
}

private struct ItemsDecoder: UnkeyedDecodingContainer {
    let items: [Value]
    let codingPath: [any CodingKey]
    var currentIndex = 0
    var count: Int? { items.count }
    var isAtEnd: Bool { currentIndex == items.count }

    mutating func following(_ type: Any.Type) throws -> ValueDecoder {
        let path = codingPath + [Name(intValue: currentIndex)]
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(type, .init(codingPath: path, debugDescription: "the list has ended"))
        }
        currentIndex += 1
        return ValueDecoder(value: items[currentIndex - 1], codingPath: path)
    }

    mutating func decodeNil() throws -> Bool {
        let isNull = !isAtEnd && items[currentIndex] == .null
        if isNull { currentIndex += 1 }
        return isNull
    }
    mutating func decode<Model: Decodable>(_ type: Model.Type) throws -> Model {
        let decoder = try following(type)
        return try decodedValue(type, from: decoder.value, at: decoder.codingPath)
    }
    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> { try following(type).container(keyedBy: type) }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try following([Value].self).unkeyedContainer()
    }
    mutating func superDecoder() throws -> any Decoder { try following(Value.self) }
}

private struct SingleDecoder: SingleValueDecodingContainer {
    let decoder: ValueDecoder
    var codingPath: [any CodingKey] { decoder.codingPath }

    private func needed<Model>(_ found: Model?) throws -> Model {
        guard let found else { throw decoder.mismatch(Model.self) }
        return found
    }
    private func integer<Number: FixedWidthInteger>(_ type: Number.Type) throws -> Number {
        try needed(decoder.value.intValue.flatMap(Number.init(exactly:)) ?? decoder.value.uintValue.flatMap(Number.init(exactly:)))
    }

    func decodeNil() -> Bool { decoder.value == .null }
    func decode(_ type: Bool.Type) throws -> Bool { try needed(decoder.value.boolValue) }
    func decode(_ type: String.Type) throws -> String {
        if case .decimal(let text) = decoder.value { return text }
        return try needed(decoder.value.stringValue)
    }
    func decode(_ type: Double.Type) throws -> Double { try needed(decoder.value.doubleValue) }
    func decode(_ type: Float.Type) throws -> Float { Float(try needed(decoder.value.doubleValue)) }
    func decode(_ type: Int.Type) throws -> Int { try integer(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }
    func decode<Model: Decodable>(_ type: Model.Type) throws -> Model {
        try decodedValue(type, from: decoder.value, at: codingPath)
    }
}
