import VarveBytes
import VarveSystem

extension LogReader {
    /// Proves that the record at a position is in the log, under its present head.
    /// - Throws: `ReadError.damaged` when the frame is not what was hashed when it was committed.
    public func prove(_ position: Position) throws(ReadError) -> InclusionProof {
        let (summaries, openLeaves) = state.summaries()
        let head = LogHead(id, summaries)
        let index = summaries.partitioningIndex { $0.end > position.value }
        guard position.value >= 0, index < summaries.count else {
            throw .offsetOutOfRange(position.value, end: head.position.value)
        }
        let segment = try segment(number: index)
        if segment.isRetired { throw .removed(position) }
        let summary = summaries[index]
        let leaves =
            index == summaries.count - 1 ? openLeaves : try leaves(of: segment, summary.frames)
        let (ordinal, entry) = try place(of: position.value, in: segment)
        let frame = try frame(entry, of: segment)
        let leaf = leaves[(ordinal * MerkleTree.size)..<((ordinal + 1) * MerkleTree.size)]
        var computed: [UInt8] = []
        FrameHeader.appendLeaf(of: frame.raw, to: &computed)
        guard leaf.elementsEqual(computed) else {
            throw .damaged(
                path: segment.path, offset: entry.fileOffset, position: entry.basePosition)
        }
        return InclusionProof(
            position: position, head: head, frame: frame, frameIndex: Int64(ordinal),
            framePath: MerkleTree.inclusionPath(ordinal, leaves), segment: summary,
            segmentIndex: Int64(index),
            segmentPath: MerkleTree.inclusionPath(index, Self.leaves(over: summaries)))
    }

    /// Proves that the log only grew since an earlier head of it was noted.
    /// - Throws: `ProofError.refuted` when it did not: the head is not one this log ever had.
    public func proveConsistency(since old: LogHead) throws -> ConsistencyProof {
        let (summaries, openLeaves) = state.summaries()
        let new = LogHead(id, summaries)
        let index = Int(old.segments) - 1
        guard old.log == id else {
            throw ProofError.refuted("the head is of log \(old.log.bytes.hex), not \(id.bytes.hex)")
        }
        guard index >= 0, index < summaries.count, old.frames <= summaries[index].frames else {
            throw ProofError.refuted("the log is shorter than the head says it was")
        }
        let leaves =
            index == summaries.count - 1
            ? openLeaves
            : try self.leaves(of: try segment(number: index), summaries[index].frames)
        let count = Int(old.frames)
        let last = SegmentSummary(
            base: summaries[index].base, end: old.position.value, frames: old.frames,
            root: MerkleTree.root(leaves, 0..<count))
        let proof = ConsistencyProof(
            old: old, new: new, oldLast: last, newLast: summaries[index],
            framePath: MerkleTree.consistencyPath(from: count, leaves),
            segmentPath: MerkleTree.inclusionPath(index, Self.leaves(over: summaries)))
        try proof.check(oldHash: old.root, newHash: new.root)
        return proof
    }

    private static func leaves(over summaries: [SegmentSummary]) -> [UInt8] {
        var leaves: [UInt8] = []
        leaves.reserveCapacity(summaries.count * MerkleTree.size)
        for summary in summaries { MerkleTree.appendLeaf(of: summary.encoded().raw, to: &leaves) }
        return leaves
    }

    private func segment(number: Int) throws(ReadError) -> Segment {
        let segment = state.withIndex { index in
            index.index(of: number).map { index.segments[$0] }
        }
        guard let segment else { throw .system("the log has no segment \(number)") }
        return segment
    }

    /// The leaf hashes of an ended segment: remembered, from its footer, or from its frames.
    private func leaves(of segment: Segment, _ count: Int64) throws(ReadError) -> [UInt8] {
        if let leaves = state.tree.unsealedLeaves(base: segment.base) { return leaves }
        let (file, footer) = try state.cache.footer(segment)
        do {
            if let leaves = try footer.section(.leaves, of: file),
                leaves.count == Int(count) * MerkleTree.size
            {
                return leaves
            }
        } catch {
            throw .system("\(error)")
        }
        return try SegmentScan(
            file, log: id, base: segment.base, end: footer.trailer.footerOffset
        ).leaves
    }

    /// The frame that holds a position, and how many frames are before it in its segment.
    private func place(of position: Int64, in segment: Segment) throws(ReadError) -> (
        Int, FrameEntry
    ) {
        func holds(_ entry: FrameEntry) -> Bool {
            entry.basePosition <= position && position < entry.endPosition
        }
        if !segment.isSealed {
            let index = segment.firstIndex(endingAfter: position)
            if index < segment.entries.count, holds(segment.entries[index]) {
                return (index, segment.entries[index])
            }
        } else {
            let (_, footer) = try state.cache.footer(segment)
            let number = footer.block(holding: position)
            do {
                for (index, entry) in try footer.entries(ofBlock: number).enumerated()
                where holds(entry) {
                    return (number * SegmentFooter.framesPerBlock + index, entry)
                }
            } catch {
                throw .system("\(segment.path): the footer is not as it should be: \(error)")
            }
        }
        throw .system("\(segment.path) does not hold position \(position), which it should")
    }

    private func frame(_ entry: FrameEntry, of segment: Segment) throws(ReadError) -> [UInt8] {
        let file = try state.cache.file(segment)
        var bytes = [UInt8](repeating: 0, count: entry.frameSize)
        do {
            let count = try file.read(bytes.count, at: entry.fileOffset, into: &bytes, start: 0)
            if count == bytes.count { return bytes }
        } catch {
            throw .system("\(error)")
        }
        throw .damaged(path: segment.path, offset: entry.fileOffset, position: entry.basePosition)
    }
}
