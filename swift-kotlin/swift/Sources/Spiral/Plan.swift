import Foundation

/// A planned scan, ready to stream any number of times, or to take rows by key.
public struct Plan: Sendable {
    fileprivate let handle: PlanHandle

    init(_ handle: PlanHandle) { self.handle = handle }

    /// The columns of the batches.
    public var columns: [ColumnInfo] { handle.columns() }

    /// Whether the scan certainly has no rows. May be false although there are none.
    public var isEmpty: Bool { handle.isEmpty() }

    /// What planning and streaming cost so far.
    public var metrics: Metrics { handle.metrics() }

    /// The plan in words.
    public func explain() -> String { handle.explain() }

    /// Streams the rows, from the beginning, for each iteration. Reading goes ahead of the iteration by a few batches and
    /// no further, and ends with it.
    public var batches: Stream<Batch> {
        Stream(plan: self) { try await $0.next(cancel: $1).map(Batch.init) }
    }

    /// Streams the batches, each as an Arrow IPC stream.
    public var ipc: Stream<Data> {
        Stream(plan: self) { try await $0.nextIpc(cancel: $1) }
    }

    /// Streams the rows one by one.
    public var rows: Rows<Row> { Rows(batches: batches) { $0 } }

    /// Streams the rows one by one, as values of a decodable type.
    public func rows<Model: Decodable & Sendable>(as model: Model.Type) -> Rows<Model> {
        Rows(batches: batches) { try $0.decode(model) }
    }

    /// The rows of some keys. The plan's filter and bounds apply; its limit does not. A key is a value or a list of values.
    public func take(keys: [Value]) async throws -> Taken {
        try await run { [handle] in Taken(try await handle.take(keys: keys.map(\.keyParts), cancel: $0)) }
    }

    /// The rows of the keys of an Arrow IPC stream, as another one.
    public func take(ipc keys: Data) async throws -> Data {
        try await run { [handle] in try await handle.takeIpc(keys: keys, cancel: $0) }
    }
}

/// Pieces of a scan, one after another.
public struct Stream<Element: Sendable>: AsyncSequence, Sendable {
    fileprivate let plan: Plan
    fileprivate let next: @Sendable (BatchesHandle, CancelHandle) async throws -> Element?

    fileprivate init(
        plan: Plan, next: @escaping @Sendable (BatchesHandle, CancelHandle) async throws -> Element?
    ) {
        self.plan = plan
        self.next = next
    }

    /// Begins reading.
    public func makeAsyncIterator() -> Iterator { Iterator(reading: plan.handle.batches(), next: next) }

    /// One reading of a scan. It ends with the last reference to it.
    public final class Iterator: AsyncIteratorProtocol, Sendable {
        private let reading: BatchesHandle
        private let following: @Sendable (BatchesHandle, CancelHandle) async throws -> Element?

        fileprivate init(
            reading: BatchesHandle, next: @escaping @Sendable (BatchesHandle, CancelHandle) async throws -> Element?
        ) {
            self.reading = reading
            following = next
        }

        deinit { reading.stop() }

        /// The next piece, or nil after the last one.
        public func next() async throws -> Element? {
            try await run { [reading, following] in try await following(reading, $0) }
        }
    }
}

/// Rows of a scan, one after another.
public struct Rows<Element: Sendable>: AsyncSequence, Sendable {
    fileprivate let batches: Stream<Batch>
    fileprivate let transform: @Sendable (Row) throws -> Element

    /// Begins reading.
    public func makeAsyncIterator() -> Iterator {
        Iterator(batches: batches.makeAsyncIterator(), transform: transform)
    }

    /// One reading of the rows.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let batches: Stream<Batch>.Iterator
        fileprivate let transform: @Sendable (Row) throws -> Element
        private var batch: Batch?
        private var index = 0

        fileprivate init(batches: Stream<Batch>.Iterator, transform: @escaping @Sendable (Row) throws -> Element) {
            self.batches = batches
            self.transform = transform
        }

        /// The next row, or nil after the last one.
        public mutating func next() async throws -> Element? {
            while true {
                if let batch, index < batch.count {
                    index += 1
                    return try transform(Row(batch: batch, index: index - 1))
                }
                guard let following = try await batches.next() else { return nil }
                (batch, index) = (following, 0)
            }
        }
    }
}
