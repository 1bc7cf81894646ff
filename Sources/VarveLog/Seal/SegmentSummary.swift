public import VarveBytes

/// What the tree over segments knows of one: 56 bytes (little-endian), a leaf of that tree.
///
///      0  base position             i64
///      8  end position              i64
///     16  frames                    i64
///     24  root over the frames      32 bytes
public struct SegmentSummary: Sendable, Equatable {
    static let size = 56

    /// The position of its first record.
    public let base: Int64
    /// The position after its last record.
    public let end: Int64
    /// Frames, ticks included: the leaves of its tree.
    public let frames: Int64
    /// The Merkle root over its frames.
    public let root: Digest

    /// Describes a segment, or the part of one up to some frame.
    public init(base: Int64, end: Int64, frames: Int64, root: Digest) {
        self.base = base
        self.end = end
        self.frames = frames
        self.root = root
    }

    func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: Self.size)
        writer.integer(base)
        writer.integer(end)
        writer.integer(frames)
        writer.raw(root.bytes)
        return writer.bytes
    }

    init(reading reader: inout ByteReader) throws(ByteError) {
        base = try reader.integer()
        end = try reader.integer()
        frames = try reader.integer()
        root = Digest(try reader.take(32).copied())
    }

    /// Its leaf hash in the tree over segments.
    var leaf: Digest { MerkleTree.leaf(of: encoded().raw) }
}
