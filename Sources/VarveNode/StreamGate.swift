import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveSystem

/// Holds batches against the definitions of their streams before they are appended.
///
/// Judging happens on the threads of connections: the decoders are shared, immutable, and replaced
/// as a whole when definitions are applied.
final class StreamGate: Sendable {
    /// What is to become of a batch.
    enum Verdict: Sendable, Equatable {
        case accept(FrameFlags)
        /// Some records violate their stream's definition.
        case reject([Offence])
        /// Nobody but the node writes to this stream.
        case reserved(String)
        /// The batch's records cannot be read: which codec was found and which are known.
        case unreadable(String)
    }

    /// A record that violates its stream's definition.
    struct Offence: Sendable, Equatable {
        let index: Int
        let reason: String
    }

    /// Offences reported for one batch.
    static let offenceLimit = 16
    /// The prefix of streams that belong to the node.
    static let reservedPrefix = "varve."

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

    /// Judges a batch whose checksum is right.
    func judge(_ batch: RawSpan, stream: String) -> Verdict {
        guard let decoder = decoders.withLock({ $0[stream] }) else {
            return stream.hasPrefix(Self.reservedPrefix) ? .reserved(stream) : .accept([])
        }
        var offences: [Offence] = []
        var slots: [Value] = []
        var scratch: [UInt8] = []
        do {
            try RecordBatch.forEachRecord(batch, scratch: &scratch) { record in
                // A record without a value retracts a fact; it has no fields.
                guard offences.count < Self.offenceLimit, let value = record.value else { return }
                do {
                    try decoder.check(value, timestamp: record.timestamp, slots: &slots)
                } catch {
                    offences.append(Offence(index: record.offsetDelta, reason: "\(error)"))
                }
            }
        } catch {
            return .unreadable("\(error)")
        }
        if offences.isEmpty { return .accept([]) }
        return decoder.stream.policy == .quarantine ? .accept(.quarantined) : .reject(offences)
    }
}
