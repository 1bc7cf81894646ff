public import VarveBytes
import VarveFormats

/// A commitment to everything in a log below a position: the Merkle root over its segments, the
/// last of which may still grow. Kept elsewhere, it proves later that nothing before it was
/// changed. As text it is an unsigned checkpoint note (C2SP tlog-checkpoint):
///
///     varve/<log id, 32 hex digits>
///     <position, decimal>
///     <root, base64>
///     segments <count> frames <frames of the last one>
public struct LogHead: Sendable, Equatable {
    /// The log.
    public let log: LogID
    /// Every record below it is covered.
    public let position: Position
    /// Segments, the last one included: leaves of the tree over segments.
    public let segments: Int64
    /// Frames of the last segment that are covered.
    public let frames: Int64
    /// The root of the tree over segments: the head hash.
    public let root: Digest

    /// Wraps known values.
    public init(log: LogID, position: Position, segments: Int64, frames: Int64, root: Digest) {
        self.log = log
        self.position = position
        self.segments = segments
        self.frames = frames
        self.root = root
    }

    /// The head over segments, the last one as far as it goes.
    init(_ log: LogID, _ summaries: [SegmentSummary]) {
        var tree = MerkleFrontier()
        for summary in summaries { tree.append(summary.leaf) }
        self.init(
            log: log, position: Position(summaries.last?.end ?? 0),
            segments: Int64(summaries.count), frames: summaries.last?.frames ?? 0, root: tree.root)
    }

    /// The note; ends with a line break.
    public var note: String {
        "varve/\(log.bytes.hex)\n\(position.value)\n\(Base64.encode(root.bytes))\n"
            + "segments \(segments) frames \(frames)\n"
    }

    /// Reads a note. Signatures and other lines after the fourth are passed over.
    public init(note: String) throws(ProofError) {
        let lines = note.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count >= 4 else {
            throw .malformed("a head note has four lines, not \(lines.count)")
        }
        guard lines[0].hasPrefix("varve/"),
            let id = [UInt8](hex: String(lines[0].dropFirst(6))), id.count == 16
        else { throw .malformed("line 1 is \"\(lines[0])\", expected varve/<32 hex digits>") }
        guard let position = Int64(lines[1]), position >= 0 else {
            throw .malformed("line 2 is \"\(lines[1])\", expected a position")
        }
        guard let root = Base64.decode(lines[2]), root.count == 32 else {
            throw .malformed("line 3 is \"\(lines[2])\", expected a root hash in base64")
        }
        let words = lines[3].split(separator: " ")
        guard words.count == 4, words[0] == "segments", words[2] == "frames",
            let segments = Int64(words[1]), let frames = Int64(words[3]), segments > 0, frames >= 0
        else {
            throw .malformed("line 4 is \"\(lines[3])\", expected segments <n> frames <n>")
        }
        self.init(
            log: LogID(id), position: Position(position), segments: segments, frames: frames,
            root: Digest(root))
    }
}

/// Why a proof or a head does not hold.
public enum ProofError: Error, Sendable, Equatable, CustomStringConvertible {
    /// It cannot be read.
    case malformed(String)
    /// It is well formed and wrong.
    case refuted(String)

    /// What does not fit.
    public var description: String {
        switch self {
        case .malformed(let reason): "the proof cannot be read: \(reason)"
        case .refuted(let reason): "the proof does not hold: \(reason)"
        }
    }
}
