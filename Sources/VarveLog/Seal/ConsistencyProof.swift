public import VarveBytes
public import VarveFormats

/// Evidence that a log only grew between two heads: the old one's segments are the beginning of the
/// new one's, and the segment that was open then grew from the frames it had.
///
///     old:  s0 s1 s2 s3'           s3' a part of s3
///     new:  s0 s1 s2 s3 s4 s5'
///
/// The audit path of s3 in the new tree holds the roots over s0, s1, s2 as its left siblings; with
/// s3' they give the old head, with s3 and the right siblings the new one.
public struct ConsistencyProof: Sendable, Equatable {
    /// The earlier head.
    public var old: LogHead
    /// The later head.
    public var new: LogHead
    /// The last segment of the old head, as it was then.
    public var oldLast: SegmentSummary
    /// The same segment as the new head has it.
    public var newLast: SegmentSummary
    /// That its frames then are the first of its frames now: RFC 6962 section 2.1.2.
    public var framePath: [Digest]
    /// From that segment to the new head.
    public var segmentPath: [Digest]

    /// Checks the proof against two head hashes.
    /// - Throws: `ProofError.refuted` with what does not fit.
    public func check(oldHash: Digest, newHash: Digest) throws(ProofError) {
        guard old.root == oldHash, new.root == newHash, old.log == new.log else {
            throw .refuted("it is for the heads \(old.root) and \(new.root)")
        }
        guard old.segments > 0, old.segments <= new.segments, oldLast.base == newLast.base,
            oldLast.frames == old.frames, oldLast.end == old.position.value
        else { throw .refuted("the heads and the segments contradict each other") }
        guard
            MerkleTree.isConsistent(
                oldLast.root, oldLast.frames, with: newLast.root, newLast.frames, path: framePath)
        else {
            throw .refuted(
                "segment \(old.segments - 1) does not begin with the frames that it had then")
        }
        let index = old.segments - 1
        let root = MerkleTree.root(
            fromLeaf: newLast.leaf, at: index, of: new.segments, path: segmentPath)
        guard root == newHash else { throw .refuted("the segments do not lead to the new head") }
        var then = oldLast.leaf
        for sibling in Self.leftSiblings(index, of: new.segments, segmentPath) {
            then = MerkleTree.node(sibling, then)
        }
        guard then == oldHash else { throw .refuted("the segments do not lead to the old head") }
    }

    /// The hashes of an audit path that stand to the left of the leaf, nearest first: the whole
    /// subtrees before it.
    private static func leftSiblings(_ index: Int64, of count: Int64, _ path: [Digest]) -> [Digest]
    {
        var (position, last) = (index, count - 1)
        var siblings: [Digest] = []
        for sibling in path {
            if position & 1 == 1 || position == last {
                siblings.append(sibling)
                while position & 1 == 0, position != 0 {
                    position >>= 1
                    last >>= 1
                }
            }
            position >>= 1
            last >>= 1
        }
        return siblings
    }

    /// The proof as a document.
    public var json: JSON {
        [
            "proof": "varve consistency", "version": 1, "old_head": .string(old.note),
            "new_head": .string(new.note), "old_last": ProofCoding.json(oldLast),
            "new_last": ProofCoding.json(newLast), "frame_path": ProofCoding.json(framePath),
            "segment_path": ProofCoding.json(segmentPath),
        ]
    }

    /// Reads a proof.
    public init(json: JSON) throws(ProofError) {
        let coding = ProofCoding(json: json)
        try coding.expect("proof", "varve consistency")
        old = try LogHead(note: try coding.text("old_head"))
        new = try LogHead(note: try coding.text("new_head"))
        oldLast = try coding.summary("old_last")
        newLast = try coding.summary("new_last")
        framePath = try coding.path("frame_path")
        segmentPath = try coding.path("segment_path")
    }

    /// Reads a proof from text.
    public init(parsing bytes: RawSpan) throws(ProofError) {
        try self.init(json: try ProofCoding.document(bytes))
    }

    init(
        old: LogHead, new: LogHead, oldLast: SegmentSummary, newLast: SegmentSummary,
        framePath: [Digest], segmentPath: [Digest]
    ) {
        self.old = old
        self.new = new
        self.oldLast = oldLast
        self.newLast = newLast
        self.framePath = framePath
        self.segmentPath = segmentPath
    }
}
