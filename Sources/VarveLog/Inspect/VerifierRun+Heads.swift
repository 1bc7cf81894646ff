import VarveBytes

extension VerifierRun {
    /// Compares heads that end in this segment with what its first frames give.
    mutating func checkHeads(_ scan: FrameScan, _ summary: SegmentSummary) {
        let number = Int64(scan.header.number)
        for head in heads where head.segments == number + 1 {
            let available = summary.frames
            guard head.frames <= available else {
                find(
                    directory, 0, head.position.value,
                    "the head at position \(head.position.value) covers \(head.frames) frames of"
                        + " segment \(number), which has \(available)")
                continue
            }
            let count = Int(head.frames)
            let end = count == 0 ? scan.header.basePosition : scan.entries[count - 1].endPosition
            let part = SegmentSummary(
                base: scan.header.basePosition, end: end, frames: head.frames,
                root: MerkleTree.root(scan.leaves, 0..<count))
            if LogHead(head.log, before + [part]) != head {
                find(
                    directory, 0, head.position.value,
                    "the log does not give the head that was noted at position"
                        + " \(head.position.value): something before it was altered")
            }
        }
        heads.removeAll { $0.segments == number + 1 }
    }

    /// Ends the pass: heads that no segment reached, and the head of what is there.
    mutating func finish() {
        for head in heads {
            find(
                directory, 0, head.position.value,
                "the head at position \(head.position.value) is beyond the end of the log, or in"
                    + " segments that were removed")
        }
        if let log = result.log, result.isSound { result.head = LogHead(log, before) }
    }
}
