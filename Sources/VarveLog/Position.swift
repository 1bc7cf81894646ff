import VarveBytes
import VarveSystem

/// A record's place in the log's single total order; dense over the whole log, from 0. "State at
/// position p" is the fold of all records below p.
public struct Position: Sendable, Hashable, Comparable {
    /// Records before it.
    public var value: Int64

    /// The place after `value` records.
    public init(_ value: Int64) { self.value = value }

    /// Earlier in the log.
    public static func < (left: Position, right: Position) -> Bool { left.value < right.value }
}

/// Numbers a stream within its log; 0 is the catalog.
public struct StreamID: Sendable, Hashable {
    /// The number, as frames carry it.
    public var value: UInt32

    /// The stream of a number.
    public init(_ value: UInt32) { self.value = value }

    /// The stream that definitions and stream registrations are written to.
    public static let catalog = StreamID(0)
}

/// A Kafka topic-partition.
public struct StreamName: Sendable, Hashable {
    /// The topic.
    public var name: String
    /// The partition, from 0.
    public var partition: Int32

    /// One partition of a topic.
    public init(name: String, partition: Int32) {
        self.name = name
        self.partition = partition
    }
}

/// Names a log for good: 16 random bytes drawn when it is created.
public struct LogID: Sendable, Hashable {
    /// The 16 bytes.
    public let bytes: [UInt8]

    /// Wraps exactly 16 bytes.
    public init(_ bytes: [UInt8]) {
        precondition(bytes.count == 16, "a log id of \(bytes.count) bytes, expected 16")
        self.bytes = bytes
    }

    /// A name that no other log has.
    public static func random() -> LogID { LogID(RandomSource.bytes(16)) }

    /// A position as every public interface shows it: `<12 hex digits of the id>@<number>`.
    public func text(of position: Position) -> String {
        "\(Array(bytes.prefix(6)).hex)@\(position.value)"
    }
}

/// What is known about one stream.
public struct StreamInfo: Sendable, Equatable {
    /// Its number.
    public let id: StreamID
    /// Its name.
    public let name: StreamName
    /// The offset of its first record that is still there.
    public let startOffset: Int64
    /// The offset after its last committed record.
    public let highWatermark: Int64
}

/// Marks on a frame.
public struct FrameFlags: OptionSet, Sendable, Hashable {
    /// The bits, as frames carry them.
    public let rawValue: UInt8

    /// Marks from their bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The records violate their stream's definition and were set aside by its policy.
    public static let quarantined = FrameFlags(rawValue: 1)
}
