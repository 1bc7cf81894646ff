public import VarveFormats
public import VarveLog

/// Judges a producer's batch before it is appended: whether its records keep the contract of
/// their stream.
public protocol AppendGate: Sendable {
    /// Whether producers may append to a reserved stream (`varve.*`). Batches for those that are
    /// open are judged like all others.
    func opens(reserved stream: StreamName) -> Bool
    /// Whether a stream's records have declared fields: then its topic is not deleted.
    func isDeclared(_ stream: StreamName) -> Bool
    /// What a stream's definition says about how long records are kept, by topic setting: it
    /// counts, whatever the topic's settings are.
    func retention(of stream: String) -> [String: String]
    /// Judges a batch that is whole: its checksum is right, and its records decode if Varve
    /// reads their codec. Called on a connection's thread, so it must not block.
    func judge(_ batch: RawSpan, header: RecordBatchHeader, stream: StreamName) -> GateVerdict
}

extension AppendGate {
    public func isDeclared(_ stream: StreamName) -> Bool { false }
    public func retention(of stream: String) -> [String: String] { [:] }
}

/// What becomes of a batch.
public enum GateVerdict: Sendable, Equatable {
    /// It is appended, with these marks.
    case accept(FrameFlags)
    /// It breaks its stream's contract, in these records. Nothing of it is appended.
    case reject(message: String, records: [RecordFault])
    /// Batches of this kind are not taken. Nothing of it is appended.
    case refuse(GateRefusal, message: String)
}

/// A record that breaks its stream's contract.
public struct RecordFault: Sendable, Equatable {
    /// Its number within the batch, from 0.
    public var index: Int
    /// Field, value and rule.
    public var message: String

    /// A fault with both.
    public init(index: Int, message: String) {
        self.index = index
        self.message = message
    }
}

/// Why batches of a kind are not taken.
public enum GateRefusal: Sendable, Equatable {
    /// The stream is written by the node only.
    case reservedStream
    /// The stream's records must be read, and the codec cannot be.
    case unsupportedCompression
}

extension StreamName {
    /// Whether the name is one that Varve keeps for itself.
    public var isReserved: Bool { name.hasPrefix("varve.") }
}
