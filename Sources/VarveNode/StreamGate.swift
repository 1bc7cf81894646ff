import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveSystem

/// Holds batches against the definitions of their streams before they are appended.
///
/// Judging happens on the threads of connections: the decoders are immutable, and replaced as a
/// whole when definitions are applied.
final class StreamGate: AppendGate {
    /// Faults reported for one batch.
    static let faultLimit = 16

    private let decoders: Monitor<[String: RecordDecoder]>

    init(_ definitions: Definitions) {
        decoders = Monitor(Self.decoders(definitions))
    }

    /// Judges by other definitions from here on.
    func adopt(_ definitions: Definitions) {
        let decoders = Self.decoders(definitions)
        self.decoders.withLock { $0 = decoders }
    }

    private static func decoders(_ definitions: Definitions) -> [String: RecordDecoder] {
        var decoders: [String: RecordDecoder] = [:]
        for stream in definitions.streams { decoders[stream.name] = RecordDecoder(stream) }
        for view in definitions.views {
            if case .written = view.source {
                decoders[view.streamName] = RecordDecoder(StreamDefinition(writing: view))
            }
        }
        return decoders
    }

    /// Whether a stream's records have declared fields.
    func isDeclared(_ stream: String) -> Bool { decoders.withLock { $0[stream] != nil } }

    func isDeclared(_ stream: StreamName) -> Bool { isDeclared(stream.name) }

    func retention(of stream: String) -> [String: String] {
        let retention = decoders.withLock { $0[stream] }?.stream.retention
        var settings: [String: String] = [:]
        settings["retention.ms"] = retention?.age.map { "\($0 / 1000)" }
        settings["retention.bytes"] = retention?.bytes.map { "\($0)" }
        return settings
    }

    /// Written views take values from producers.
    func opens(reserved stream: StreamName) -> Bool { isDeclared(stream.name) }

    func judge(_ batch: RawSpan, header: RecordBatchHeader, stream: StreamName) -> GateVerdict {
        guard let decoder = decoders.withLock({ $0[stream.name] }) else {
            return stream.isReserved
                ? .refuse(
                    .reservedStream, message: "stream \(stream.name) is written by the node only")
                : .accept([])
        }
        guard header.compression?.isReadable ?? false else {
            let codec = header.compression.map { "\($0)" } ?? "unknown"
            return .refuse(
                .unsupportedCompression,
                message: "stream \(stream.name) is declared, so its records are read, and codec"
                    + " \(codec) is not; use compression.type=lz4")
        }
        var faults: [RecordFault] = []
        var values: [Value] = []
        var cells = RecordCells()
        var scratch: [UInt8] = []
        do {
            try RecordBatch.forEachRecord(batch, scratch: &scratch) { record in
                guard faults.count < Self.faultLimit else { return }
                do {
                    guard let value = record.value else {
                        _ = try decoder.retractedID(key: record.key)
                        return
                    }
                    try decoder.check(value, timestamp: record.timestamp, &cells, &values)
                    if record.hasHeader(RecordDecoder.retractHeader) {
                        _ = try decoder.retractedID(cells, of: value)
                    }
                } catch {
                    faults.append(RecordFault(index: record.offsetDelta, message: "\(error)"))
                }
            }
        } catch {
            return .reject(message: "\(error)", records: [])
        }
        if faults.isEmpty { return .accept([]) }
        if decoder.stream.policy == .quarantine { return .accept(.quarantined) }
        return .reject(
            message: "record \(faults[0].index) of the batch: \(faults[0].message)",
            records: faults)
    }
}
