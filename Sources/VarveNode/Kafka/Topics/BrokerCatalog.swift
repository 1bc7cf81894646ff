import VarveBytes
import VarveFormats
import VarveLog
import VarveProtocols
import VarveSystem

/// What the broker keeps in `varve.catalog`, folded: how topics are seen, and who may connect. Any
/// thread may look; changes are made by one worker after the other.
final class BrokerCatalog: Sendable {
    private struct State {
        var topics = TopicTable()
        var users = UserTable()
        /// The first position that was not taken in.
        var next = Position(0)
        /// The catalog's high watermark when it was last read.
        var catalogEnd: Int64 = 0
    }

    private let log: Log
    private let state = Monitor(State())
    private let changing = Monitor(())

    /// Folds the catalog as it is.
    init(_ log: Log) throws {
        self.log = log
        try refresh()
    }

    var topics: TopicTable { state.withLock { $0.topics } }

    /// How one topic is seen.
    func topic(_ name: String) -> TopicTable.Topic { state.withLock { $0.topics[name] } }

    /// Makes a topic be seen: its partitions are created, or those of a deleted topic of the name
    /// are taken into use again, from their ends on. Durable when it returns.
    func make(
        _ name: String, _ count: Int32, settings: [String: String]
    ) throws(KafkaRefusal) {
        do {
            try log.createStreams(KafkaTopics.streams(name, count))
        } catch {
            throw KafkaRefusal(error)
        }
        try change { topics throws(KafkaRefusal) in
            let known = topics.topics[name]
            // Another client may have been faster: its records are not to be hidden.
            if known?.shows(0) ?? settings.isEmpty { return [:] }
            return [
                name: TopicTable.Topic(
                    partitions: count, starts: known == nil ? [] : ends(name),
                    settings: settings)
            ]
        }
    }

    /// The ends of all partitions that the log has of a topic.
    func ends(_ name: String) -> [Int64] {
        var ends: [Int64] = []
        while let stream = log.stream(StreamName(name: name, partition: Int32(ends.count))) {
            ends.append(stream.highWatermark)
        }
        return ends
    }

    /// The users as the log has them at this moment.
    func users(_ report: (String) -> Void) -> UserTable {
        let end = log.stream(.catalog)?.highWatermark ?? 0
        let (known, users) = state.withLock { ($0.catalogEnd, $0.users) }
        if known == end { return users }
        do {
            try refresh()
        } catch {
            report("users are as they were, the catalog cannot be read: \(error)")
        }
        return state.withLock { $0.users }
    }

    /// Calls `body` with the catalog's records in a range of positions.
    static func forEachRecord(
        of log: Log, from start: Position, upTo end: Position? = nil, _ body: (JSON) -> Void
    ) throws {
        var scratch: [UInt8] = []
        try log.read(from: start, upTo: end, streams: [.catalog]) { frame in
            try RecordBatch.forEachRecord(frame.body, scratch: &scratch) { record in
                if let value = record.value, let json = try? JSON(parsing: value) { body(json) }
            }
            return true
        }
    }

    /// Takes in what was appended to the catalog.
    private func refresh() throws {
        let catalogEnd = log.stream(.catalog)?.highWatermark ?? 0
        let end = log.commitPosition
        var state = state.withLock { $0 }
        guard state.catalogEnd < catalogEnd else { return }
        try Self.forEachRecord(of: log, from: state.next, upTo: end) { json in
            state.topics.apply(json)
            state.users.apply(json)
        }
        state.next = end
        state.catalogEnd = catalogEnd
        let folded = state
        // Another thread may have come further.
        self.state.withLock { if $0.next < folded.next { $0 = folded } }
    }

    /// Changes how topics are seen; durable when it returns.
    func change(
        _ body: (TopicTable) throws(KafkaRefusal) -> [String: TopicTable.Topic]
    ) throws(KafkaRefusal) {
        let result: Result<Void, KafkaRefusal> = changing.withLock { _ in
            do throws(KafkaRefusal) {
                let changes = try body(topics)
                if !changes.isEmpty { try append(changes) }
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private func append(_ changes: [String: TopicTable.Topic]) throws(KafkaRefusal) {
        let now = SystemClock().now()
        let records = changes.sorted { $0.key < $1.key }.map {
            TopicTable.record($0.key, $0.value, time: now)
        }
        do {
            _ = try log.append(try RecordBatch.encode(records), to: .catalog)
            try refresh()
        } catch let error as AppendError {
            throw KafkaRefusal(error)
        } catch {
            throw KafkaRefusal(.storageError, "the catalog cannot be written or read: \(error)")
        }
    }
}
