import VarveBytes
import VarveFormats
import VarveLog

extension Node {
    /// Appends lines of NDJSON as records of a stream, in batches. Names and creation follow the
    /// rules of Kafka topics.
    /// - Returns: the position after the last record, and how many were appended.
    /// - Throws: `NodeError.badRequest` or `notFound` for the name; `NodeError.refused` naming the
    ///   line of the first record that does not fit; batches before it have been appended, as the
    ///   message says.
    func append(ndjson body: [UInt8], to name: String) throws -> (end: Position, count: Int) {
        let lines = Self.lines(body.raw)
        let stream = StreamName(name: name, partition: 0)
        guard KafkaTopics.isValid(name) else {
            throw NodeError.badRequest(KafkaRefusal.invalidName(name).message)
        }
        guard isSeen(stream) || createsStreams || gate.isDeclared(name) || stream.isReserved else {
            throw NodeError.notFound(
                "there is no stream \(name), and this node creates none on its own"
                    + " (--no-auto-create): create the topic, or declare the stream")
        }
        var end = log.commitPosition
        var appended = 0
        for start in stride(from: 0, to: lines.count, by: Self.linesPerBatch) {
            let batch = try RecordBatch.encode(
                lines[start..<min(start + Self.linesPerBatch, lines.count)], of: body.raw,
                timestamp: milliseconds())
            let header = try RecordBatchHeader(reading: batch.raw)
            switch gate.judge(batch.raw, header: header, stream: stream) {
            case .accept(let flags):
                if !isSeen(stream) { try show(stream) }
                guard let id = log.stream(stream)?.id else { continue }
                let placed = try log.append(batch, to: id, flags: flags)
                end = Position(placed.basePosition.value + Int64(placed.count))
                appended += placed.count
            case .reject(let message, let records):
                let line = records.first.map { "line \(start + $0.index + 1): \($0.message)" }
                throw NodeError.refused(
                    "\(line ?? message); \(appended) records before its batch were appended")
            case .refuse(_, let message): throw NodeError.refused(message)
            }
        }
        return (end, appended)
    }

    /// Whether a stream is there, and was not deleted by a Kafka client.
    private func isSeen(_ stream: StreamName) -> Bool {
        log.stream(stream) != nil && topics.topic(stream.name).shows(stream.partition)
    }

    /// Creates a stream, or takes a deleted one into use again, from its end on.
    private func show(_ stream: StreamName) throws {
        if log.stream(stream) == nil { try log.createStreams([stream]) }
        do throws(KafkaRefusal) {
            try topics.make(stream.name, 1, settings: [:])
        } catch {
            throw NodeError.refused(error.message)
        }
    }

    /// Records in one batch of `append`: where one does not fit, all of them are refused, or go
    /// into quarantine.
    private static let linesPerBatch = 1000

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\t")
    }

    /// The lines that say anything.
    private static func lines(_ body: RawSpan) -> [Range<Int>] {
        var lines: [Range<Int>] = []
        var start = 0
        while start < body.byteCount {
            let end = body.firstOffset(of: UInt8(ascii: "\n"), from: start) ?? body.byteCount
            var first = start
            while first < end, isBlank(body.byte(at: first)) { first += 1 }
            if first < end { lines.append(start..<end) }
            start = end + 1
        }
        return lines
    }
}
