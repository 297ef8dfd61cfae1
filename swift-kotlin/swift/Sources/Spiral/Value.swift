import Foundation

extension Value: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A null.
    public init(nilLiteral: ()) { self = .null }
    /// A boolean.
    public init(booleanLiteral value: Bool) { self = .bool(value: value) }
    /// An integer.
    public init(integerLiteral value: Int64) { self = .int(value: value) }
    /// A float.
    public init(floatLiteral value: Double) { self = .float(value: value) }
    /// A string.
    public init(stringLiteral value: String) { self = .text(value: value) }
    /// A list, or the parts of a key.
    public init(arrayLiteral items: Value...) { self = .items(items: items) }
    /// A struct, in this order.
    public init(dictionaryLiteral members: (String, Value)...) {
        self = .members(members: members.map { Member(name: $0, value: $1) })
    }
}

extension Value {
    /// An integer.
    public init(_ value: some BinaryInteger & Sendable) {
        self = Int64(exactly: value).map { .int(value: $0) } ?? .uInt(value: UInt64(clamping: value))
    }
    /// A float.
    public init(_ value: Double) { self = .float(value: value) }
    /// A boolean.
    public init(_ value: Bool) { self = .bool(value: value) }
    /// A string.
    public init(_ value: String) { self = .text(value: value) }
    /// A binary.
    public init(_ value: Data) { self = .binary(value: value) }
    /// A decimal.
    public init(_ value: Decimal) { self = .decimal(text: "\(value)") }
    /// A moment, to the microsecond.
    public init(_ value: Date) { self = .timestamp(value: value.microseconds, unit: .microsecond) }

    /// Whether it is null.
    public var isNull: Bool { self == .null }

    /// The integer that it is.
    public var intValue: Int64? {
        switch self {
        case .int(let value): value
        case .uInt(let value): Int64(exactly: value)
        default: nil
        }
    }
    /// The unsigned integer that it is.
    public var uintValue: UInt64? {
        switch self {
        case .int(let value): UInt64(exactly: value)
        case .uInt(let value): value
        default: nil
        }
    }
    /// The float that it is, or its integer as one.
    public var doubleValue: Double? {
        switch self {
        case .float(let value): value
        case .int(let value): Double(value)
        case .uInt(let value): Double(value)
        default: nil
        }
    }
    /// The boolean that it is.
    public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The string that it is.
    public var stringValue: String? { if case .text(let value) = self { value } else { nil } }
    /// The binary that it is.
    public var dataValue: Data? { if case .binary(let value) = self { value } else { nil } }
    /// The decimal that it is.
    public var decimalValue: Decimal? { if case .decimal(let text) = self { Decimal(string: text) } else { nil } }
    /// The moment that a timestamp or the midnight, in UTC, that a date is.
    public var dateValue: Date? {
        switch self {
        case .timestamp(let value, let unit): Date(timeIntervalSince1970: Double(value) / unit.perSecond)
        case .date(let days): Date(timeIntervalSince1970: Double(days) * 86_400)
        default: nil
        }
    }
    /// The seconds of a duration or a time of day.
    public var timeInterval: TimeInterval? {
        switch self {
        case .duration(let value, let unit), .time(let value, let unit): Double(value) / unit.perSecond
        default: nil
        }
    }
    /// The items of a list.
    public var items: [Value]? { if case .items(let items) = self { items } else { nil } }

    /// A member of a struct.
    public subscript(name: String) -> Value? {
        if case .members(let members) = self { members.first { $0.name == name }?.value } else { nil }
    }

    /// The parts of a key: the items of a list, or the value alone.
    var keyParts: [Value] { items ?? [self] }
}

extension TimeUnit {
    var perSecond: Double {
        switch self {
        case .second: 1
        case .millisecond: 1e3
        case .microsecond: 1e6
        case .nanosecond: 1e9
        }
    }
}

extension Date {
    var microseconds: Int64 { Int64((timeIntervalSince1970 * 1e6).rounded()) }
}

/// A row to be written: values by names of columns.
public typealias NewRow = [String: Value]

extension RowData {
    init(_ rows: [NewRow], _ types: [String: String]) {
        let names = Set(rows.flatMap(\.keys)).sorted()
        self.init(names: names, rows: rows.map { row in names.map { row[$0] ?? .null } }, types: types)
    }
}

/// Which version to read.
public enum Asof: Sendable, Hashable {
    /// The version of this number.
    case version(Int64)
    /// The newest version at this time.
    case time(Date)

    var text: String {
        switch self {
        case .version(let version): return "\(version)"
        case .time(let time):
            let micros = time.microseconds
            let (seconds, fraction) = (micros.quotientFloor(1_000_000), micros.remainderFloor(1_000_000))
            let whole = Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601.dateTimeSeparator(.standard))
            return whole.dropLast() + "." + String(format: "%06d", Int(fraction)) + "Z"
        }
    }
}

extension Int64 {
    fileprivate func remainderFloor(_ divisor: Int64) -> Int64 { (self % divisor + divisor) % divisor }
    fileprivate func quotientFloor(_ divisor: Int64) -> Int64 { (self - remainderFloor(divisor)) / divisor }
}
