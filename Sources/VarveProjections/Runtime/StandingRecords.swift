public import VarveBytes
public import VarveFeatures
import VarveFormats
public import VarveLog

/// The records of a stream that stand at a position: those that no later record below it amends or
/// retracts. Spines and outcomes are made of them.
public struct StandingRecords {
    private let stream: StreamDefinition
    private let log: Log
    private let ids: Set<StreamID>
    private let end: Position

    /// - Parameter end: records at or above it are not looked at.
    public init(_ stream: StreamDefinition, _ log: Log, upTo end: Position) {
        self.stream = stream
        self.log = log
        self.end = end
        ids = Set(log.streams().filter { $0.name.name == stream.name }.map(\.id))
    }

    /// Reads them in order of position.
    /// - Parameter body: gets a record's fields, its event time and its value's bytes.
    /// - Returns: the records that the definition could not read; nil when it read all.
    @discardableResult
    public func forEach(
        _ body: (borrowing [Value], _ eventTime: Timestamp, _ value: RawSpan) -> Void
    ) throws -> RecordReader.Unreadable? {
        if ids.isEmpty { return nil }
        let newest = stream.id == nil ? nil : try newestPositions()
        var reader = RecordReader(stream)
        try read(&reader) { record, slots, event in
            guard case .fact(let eventTime, _, let id) = event, let value = record.view.value else {
                return
            }
            if let newest, let id, newest[id] != record.position { return }
            body(slots, eventTime, value)
        }
        return reader.unreadable
    }

    /// Where the newest record of each id is, without the ids that were retracted last.
    private func newestPositions() throws -> [Value: Position] {
        var newest: [Value: Position] = [:]
        var reader = RecordReader(stream, slots: [])
        try read(&reader) { record, _, event in
            switch event {
            case .fact(_, _, let id): if let id { newest[id] = record.position }
            case .retraction(let id, _): newest[id] = nil
            }
        }
        return newest
    }

    private func read(
        _ reader: inout RecordReader,
        _ body: (borrowing LogRecord, borrowing [Value], RecordReader.Event) -> Void
    ) throws {
        try log.read(from: Position(0), upTo: end, streams: ids) { frame in
            reader.read(frame, within: Position(0)..<end, body)
            return true
        }
    }
}
