import VarveBytes
import VarveFormats
import VarveSystem

/// What a walk over a segment's frames gathers.
struct FrameScan {
    let header: SegmentHeader
    /// Where the frames must end.
    let end: Int64
    var offset = Int64(SegmentHeader.size)
    var position: Int64
    var entries: [FrameEntry] = []
    var leaves: [UInt8] = []
    var isDamaged = false
    /// Bytes that progress has counted.
    var counted: Int64 = 0

    init(header: SegmentHeader, end: Int64) {
        self.header = header
        self.end = end
        position = header.basePosition
    }
}

extension VerifierRun {
    /// Bytes between two reports of progress.
    private static let step: Int64 = 16 << 20

    /// Walks the frames; after a damaged one it goes on at the next whole one.
    mutating func frames(
        _ file: any File, _ path: String, _ scan: inout FrameScan, isLast: Bool,
        _ footer: SealedFooter?, _ progress: (LogVerifier.Progress) -> Bool
    ) throws(LogError) -> Bool {
        var window = FileWindow(
            file, size: scan.end, log: scan.header.log, base: scan.header.basePosition,
            block: SegmentScan.block)
        while scan.offset < scan.end {
            if let (header, bodyStart) = try window.frame(at: scan.offset) {
                take(header, window, bodyStart, path, &scan)
            } else {
                let rest = try window.survey(from: scan.offset, notOlderThan: 0)
                let isWhole =
                    footer == nil && (rest.promised ?? 0) <= scan.position
                if isWhole {
                    // The frames end here: zeros, or what an unclean stop left.
                    if isLast { result.tornBytes = rest.lastNonZero - scan.offset }
                    return true
                }
                guard try skip(&window, path, &scan) else { return true }
            }
            if scan.offset - scan.counted >= Self.step {
                result.progress.bytes += scan.offset - scan.counted
                scan.counted = scan.offset
                guard progress(result.progress) else { return false }
            }
        }
        result.progress.bytes += scan.offset - scan.counted
        scan.counted = scan.offset
        return true
    }

    private mutating func take(
        _ header: FrameHeader, _ window: borrowing FileWindow, _ bodyStart: Int, _ path: String,
        _ scan: inout FrameScan
    ) {
        let at = scan.offset
        if header.basePosition != scan.position {
            find(
                path, at, scan.position,
                "the frame is for position \(header.basePosition), expected \(scan.position)")
            scan.isDamaged = true
        }
        if header.epoch < epoch || header.ingestTime < ingestTime {
            find(path, at, header.basePosition, "the frame's epoch or ingest time goes back")
        }
        epoch = max(epoch, header.epoch)
        ingestTime = max(ingestTime, header.ingestTime)
        let start = bodyStart - FrameHeader.size
        FrameHeader.appendLeaf(
            of: window.bytes.raw.extracting(start..<(start + header.frameSize)), to: &scan.leaves)
        var timestamp: Int64 = 0
        if header.kind != .tick {
            if let next = nextOffsets[header.stream], next != header.baseOffset {
                find(
                    path, at, header.basePosition,
                    "stream \(header.stream) goes on at offset \(header.baseOffset), expected"
                        + " \(next)")
            }
            nextOffsets[header.stream] = header.baseOffset + Int64(header.count)
        }
        if header.kind == .batch {
            let body = window.bytes.raw.extracting(bodyStart..<(bodyStart + Int(header.bodyLength)))
            do {
                let batch = try RecordBatch.verify(body)
                timestamp = batch.maxTimestamp
                if batch.recordCount != header.count || batch.baseOffset != header.baseOffset {
                    find(path, at, header.basePosition, "the frame and its batch disagree")
                }
            } catch {
                find(path, at, header.basePosition, "the record batch is damaged: \(error)")
            }
        }
        scan.entries.append(FrameEntry(header, at: at, maxTimestamp: timestamp))
        scan.position = header.endPosition
        scan.offset += Int64(header.frameSize)
        result.frames += 1
        result.progress.records += Int64(header.count)
    }

    /// Passes over a damaged frame: to the next whole one. Answers whether there is one.
    private mutating func skip(
        _ window: inout FileWindow, _ path: String, _ scan: inout FrameScan
    ) throws(LogError) -> Bool {
        scan.isDamaged = true
        let header = try window.header(at: scan.offset)
        var next = scan.offset + 8
        var found: FrameHeader?
        while next < scan.end {
            if let (header, _) = try window.frame(at: next) {
                found = header
                break
            }
            next += 8
        }
        let what =
            header == nil
            ? "the frame's header is damaged"
            : "the frame's body does not match its checksum, or its padding is not zero"
        let until = found?.basePosition ?? scan.position
        let affected = until > scan.position ? "; positions \(scan.position)..<\(until)" : ""
        let stream = header.map { "; stream \($0.stream)" } ?? ""
        find(path, scan.offset, scan.position, what + affected + stream)
        nextOffsets = [:]
        scan.offset = next
        if let found { scan.position = found.basePosition }
        return found != nil
    }

    // MARK: What a footer says

    /// Takes from the footer what retention removed the frames of.
    mutating func retired(
        _ file: any File, _ path: String, _ scan: inout FrameScan, _ footer: SealedFooter?
    ) throws(LogError) {
        result.retiredSegments += 1
        scan.offset = scan.end
        scan.counted = scan.end - Int64(SegmentHeader.size)
        let known = try Recovery.system { () throws(SystemError) in try footer?.contents(of: file) }
        guard let footer, let known else {
            scan.isDamaged = true
            nextOffsets = [:]
            find(
                path, scan.end, scan.position,
                "the footer is damaged, and it is all that is left of a segment whose records were"
                    + " removed")
            return
        }
        (scan.entries, scan.leaves) = known
        scan.position = known.entries.last?.endPosition ?? scan.position
        for entry in known.entries where entry.kind != .tick {
            nextOffsets[entry.stream] = entry.endOffset
        }
        epoch = max(epoch, footer.trailer.epoch)
        ingestTime = max(ingestTime, footer.trailer.lastIngestTime)
    }

    /// Compares a footer with the frames.
    mutating func check(
        _ footer: SealedFooter, _ file: any File, _ path: String, _ scan: FrameScan,
        _ summary: SegmentSummary
    ) throws(LogError) {
        let trailer = footer.trailer
        for kind in SegmentFooter.Section.allCases {
            let bytes = try Recovery.system { () throws(SystemError) in
                try footer.section(kind, of: file)
            }
            guard let bytes else {
                find(
                    path, footer.offset(of: kind), nil,
                    "section \"\(kind)\" of the footer does not match its checksum")
                continue
            }
            if scan.isDamaged { continue }
            switch kind {
            case .frames: expect(bytes, SegmentFooter.frameTable(scan.entries).frames, kind)
            case .blocks: expect(bytes, SegmentFooter.frameTable(scan.entries).blocks, kind)
            case .streams: expect(bytes, SegmentFooter.streamDirectory(scan.entries).streams, kind)
            case .postings:
                expect(bytes, SegmentFooter.streamDirectory(scan.entries).postings, kind)
            case .checkpoints:
                expect(bytes, SegmentFooter.streamDirectory(scan.entries).checkpoints, kind)
            case .leaves: compareLeaves(bytes, path, scan)
            case .producers, .streamTable: break
            }
        }
        func expect(_ bytes: [UInt8], _ derived: [UInt8], _ kind: SegmentFooter.Section) {
            let padded = derived + [UInt8](repeating: 0, count: (8 - derived.count % 8) % 8)
            if bytes != padded {
                find(
                    path, footer.offset(of: kind), nil,
                    "section \"\(kind)\" of the footer does not follow from the frames")
            }
        }
        if !scan.isDamaged, trailer.summary != summary {
            find(
                path, trailer.footerOffset + trailer.footerLength, nil,
                "the trailer's root, positions or count do not follow from the frames")
        }
        if scan.isDamaged, summary.end != trailer.summary.end {
            find(
                path, trailer.footerOffset, summary.end,
                "the frames end at position \(summary.end), the trailer says"
                    + " \(trailer.summary.end)")
        }
    }

    /// Names the frames whose hash is another than the footer remembers: altered ones whose
    /// checksums were made to fit.
    private mutating func compareLeaves(_ bytes: [UInt8], _ path: String, _ scan: FrameScan) {
        guard bytes.count == scan.leaves.count, bytes != scan.leaves else {
            if bytes.count != scan.leaves.count {
                find(path, scan.end, nil, "the footer has not one leaf for each frame")
            }
            return
        }
        for (number, entry) in scan.entries.enumerated() {
            let range = (number * MerkleTree.size)..<((number + 1) * MerkleTree.size)
            if bytes[range] != scan.leaves[range] {
                find(
                    path, entry.fileOffset, entry.basePosition,
                    "the frame was altered: its hash is not the one noted when it was sealed")
            }
        }
    }
}
