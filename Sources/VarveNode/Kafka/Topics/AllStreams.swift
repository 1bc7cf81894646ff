import VarveBytes
import VarveFormats
import VarveLog

/// The virtual topic `varve.all`: the whole log in its one order. Offsets are positions, so they
/// are dense, too. A batch is encoded anew, because its bytes cannot say which stream it is of:
/// each record gets three headers.
///
///     varve.stream      the topic
///     varve.partition   the partition
///     varve.offset      the offset in that partition
///
/// A record that cannot be shown, because its codec is not read or it has gone, is there
/// without key and value, and the header `varve.unreadable` says why.
enum AllStreams {
    /// Bytes of keys and values after which a batch ends.
    private static let batchBytes = 1 << 20
    /// Why positions have no frame.
    private static let gone = "redacted, or removed by retention"

    /// Appends batches from a position on: at least one, then as many as fit `maxBytes`. Nothing
    /// when the position is the commit position.
    static func read(
        _ log: Log, from position: Int64, maxBytes: Int, into output: inout [UInt8]
    ) throws(ReadError) {
        let (start, end) = (log.reader.startPosition.value, log.commitPosition.value)
        guard (start...end).contains(position) else { throw .offsetOutOfRange(position, end: end) }
        let first = output.count
        var writer = Writer(next: position)
        do {
            try log.read(from: Position(position), upTo: Position(end)) { frame in
                let name = log.stream(frame.streamID)?.name ?? Log.catalogName
                writer.fill(upTo: frame.basePosition.value, gone)
                writer.add(frame, name)
                output += writer.takeBatches()
                return output.count - first < maxBytes
            }
            // Nothing was read: what is left of the log has gone.
            if output.count == first, writer.next < end {
                writer.fill(upTo: end, gone)
                output += writer.takeBatches()
            }
        } catch let error as ReadError {
            throw error
        } catch {
            throw .system("\(error)")
        }
    }

    /// Makes batches of records at consecutive positions.
    private struct Writer {
        /// The position of the next record.
        private(set) var next: Int64
        private var base: Int64
        private var records: [Record] = []
        private var bytes = 0
        private var batches: [UInt8] = []
        private var scratch: [UInt8] = []

        /// The most positions that are filled at once.
        private static let fillLimit: Int64 = 10_000

        init(next: Int64) {
            self.next = next
            base = next
        }

        mutating func add(_ frame: borrowing FrameView, _ stream: StreamName) {
            let frameBase = frame.basePosition.value
            let frameEnd = frameBase + Int64(frame.count)
            let offset = frame.baseOffset
            var scratch = self.scratch
            defer { self.scratch = scratch }
            let headers = [
                Record.Header(name: "varve.stream", value: Array(stream.name.utf8)),
                Record.Header(name: "varve.partition", value: Array("\(stream.partition)".utf8)),
            ]
            do {
                try RecordBatch.forEachRecord(frame.body, scratch: &scratch) { view in
                    let position = frameBase + Int64(view.offsetDelta)
                    guard position == next else { return }
                    var record = try view.copied()
                    record.headers += headers
                    record.headers.append(
                        .init(
                            name: "varve.offset",
                            value: Array("\(offset + position - frameBase)".utf8)))
                    append(record)
                }
            } catch {
                fill(upTo: frameEnd, "\(error)", headers)
            }
        }

        /// Stands in for records that cannot be shown.
        mutating func fill(
            upTo end: Int64, _ reason: String, _ headers: [Record.Header] = []
        ) {
            for _ in next..<max(next, min(end, next + Self.fillLimit)) {
                append(
                    Record(
                        key: nil, value: nil,
                        headers: headers + [
                            .init(name: "varve.unreadable", value: Array(reason.utf8))
                        ], timestamp: records.last?.timestamp ?? 0))
            }
        }

        private mutating func append(_ record: Record) {
            records.append(record)
            bytes += (record.key?.count ?? 0) + (record.value?.count ?? 0) + 96
            next += 1
            if bytes >= AllStreams.batchBytes { endBatch() }
        }

        private mutating func endBatch() {
            guard !records.isEmpty else { return }
            // Records above the limit of a batch were decompressed from one: shown without value.
            if var batch = (try? RecordBatch.encode(records, compression: .lz4))
                ?? (try? RecordBatch.encode(
                    records.map {
                        Record(
                            key: nil, value: nil,
                            headers: [.init(name: "varve.unreadable", value: Array("size".utf8))],
                            timestamp: $0.timestamp)
                    }))
            {
                RecordBatch.setPlacement(&batch, baseOffset: base, leaderEpoch: -1)
                batches += batch
            }
            records.removeAll(keepingCapacity: true)
            bytes = 0
            base = next
        }

        mutating func takeBatches() -> [UInt8] {
            endBatch()
            defer { batches = [] }
            return batches
        }
    }
}
