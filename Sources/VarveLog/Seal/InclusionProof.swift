public import VarveBytes
public import VarveFormats

/// Evidence that a record stands at a position of a log whose head hash is known: the frame, the
/// path from it to the root of its segment, and from there to the head. Whoever has the head hash
/// needs nothing else, no log and no trust in who made the proof.
public struct InclusionProof: Sendable, Equatable {
    /// The record that is proven.
    public var position: Position
    /// The head that it is proven under.
    public var head: LogHead
    /// The frame that holds it, as on disk: header, batch, padding.
    public var frame: [UInt8]
    /// The frame's place in its segment's tree.
    public var frameIndex: Int64
    /// From the frame to the segment's root.
    public var framePath: [Digest]
    /// The segment, as far as the head covers it.
    public var segment: SegmentSummary
    /// Counts the segments before it.
    public var segmentIndex: Int64
    /// From the segment to the head.
    public var segmentPath: [Digest]

    /// What a proof shows.
    public struct Evidence: Sendable, Equatable {
        /// The positions of the frame's records.
        public let positions: Range<Int64>
        /// When the log accepted them.
        public let ingestTime: Timestamp
        /// The stream of the records.
        public let stream: StreamID
        /// The offset of the first record in its stream.
        public let baseOffset: Int64
        /// The record batch; empty when its records were redacted, of which only the hash is
        /// proven.
        public let batch: [UInt8]
        /// Whether the records were taken out.
        public let isRedacted: Bool
    }

    /// Checks the proof against a head hash that was had from elsewhere.
    /// - Throws: `ProofError.refuted` with what does not fit.
    public func check(headHash: Digest) throws(ProofError) -> Evidence {
        guard head.root == headHash else {
            throw .refuted("it is for head \(head.root), not \(headHash)")
        }
        guard let header = FrameHeader(fields: frame.raw), header.frameSize == frame.count else {
            throw .malformed("the frame is not one of \(frame.count) bytes")
        }
        guard header.kind != .tick, header.basePosition <= position.value,
            position.value < header.endPosition
        else {
            throw .refuted(
                "the frame holds positions \(header.basePosition)..<\(header.endPosition), not"
                    + " \(position.value)")
        }
        var leaf: [UInt8] = []
        FrameHeader.appendLeaf(of: frame.raw, to: &leaf)
        let segmentRoot = MerkleTree.root(
            fromLeaf: Digest(leaf), at: frameIndex, of: segment.frames, path: framePath)
        guard segmentRoot == segment.root else {
            throw .refuted("the frame does not lead to the root of its segment: it was altered")
        }
        let root = MerkleTree.root(
            fromLeaf: segment.leaf, at: segmentIndex, of: head.segments, path: segmentPath)
        guard root == headHash else {
            throw .refuted("the segment does not lead to the head")
        }
        guard segment.base <= header.basePosition, header.endPosition <= segment.end,
            segment.end <= head.position.value
        else { throw .refuted("the positions of frame, segment and head contradict each other") }
        let bodyEnd = FrameHeader.size + Int(header.bodyLength)
        let isRedacted = header.kind == .redacted
        return Evidence(
            positions: header.basePosition..<header.endPosition,
            ingestTime: Timestamp(microseconds: header.ingestTime),
            stream: StreamID(header.stream), baseOffset: header.baseOffset,
            batch: isRedacted ? [] : Array(frame[FrameHeader.size..<bodyEnd]),
            isRedacted: isRedacted)
    }

    /// The proof as a document.
    public var json: JSON {
        [
            "proof": "varve inclusion", "version": 1, "position": .integer(position.value),
            "head": .string(head.note), "frame": .string(Base64.encode(frame)),
            "frame_index": .integer(frameIndex), "frame_path": ProofCoding.json(framePath),
            "segment": ProofCoding.json(segment), "segment_index": .integer(segmentIndex),
            "segment_path": ProofCoding.json(segmentPath),
        ]
    }

    /// Reads a proof.
    public init(json: JSON) throws(ProofError) {
        let coding = ProofCoding(json: json)
        try coding.expect("proof", "varve inclusion")
        position = Position(try coding.integer("position"))
        head = try LogHead(note: try coding.text("head"))
        guard let frame = Base64.decode(try coding.text("frame")) else {
            throw .malformed("\"frame\" is not base64")
        }
        self.frame = frame
        frameIndex = try coding.integer("frame_index")
        framePath = try coding.path("frame_path")
        segment = try coding.summary("segment")
        segmentIndex = try coding.integer("segment_index")
        segmentPath = try coding.path("segment_path")
    }

    /// Reads a proof from text.
    public init(parsing bytes: RawSpan) throws(ProofError) {
        try self.init(json: try ProofCoding.document(bytes))
    }

    init(
        position: Position, head: LogHead, frame: [UInt8], frameIndex: Int64, framePath: [Digest],
        segment: SegmentSummary, segmentIndex: Int64, segmentPath: [Digest]
    ) {
        self.position = position
        self.head = head
        self.frame = frame
        self.frameIndex = frameIndex
        self.framePath = framePath
        self.segment = segment
        self.segmentIndex = segmentIndex
        self.segmentPath = segmentPath
    }
}
