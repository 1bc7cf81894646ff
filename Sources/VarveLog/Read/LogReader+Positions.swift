import VarveBytes
import VarveFormats
import VarveSystem

extension LogReader {
    /// Bytes read at a time when frames stand side by side.
    private static let readSize = 4 << 20
    /// Frames looked up at a time.
    private static let lookupCount = 4096
    /// Frames of some streams are looked up one by one when they are less than this part of a
    /// segment; otherwise all of it is read.
    private static let scanShare: Int64 = 4

    /// Where a piece of the log is.
    private struct Piece {
        var segment: Segment
        /// The position after the segment; the limit in the last one.
        var end: Int64
        /// The frames to read, of a segment that is not sealed.
        var entries: [FrameEntry] = []
        /// The position to go on from.
        var next: Int64
    }

    /// Calls `body` with the committed frames that overlap a range of positions, in order; of
    /// these streams only, unless nil. `body` answers whether to go on. Every frame is checked
    /// against its checksum. Redacted frames hold no records and are left out, and positions that
    /// retention removed are passed over.
    /// - Throws: `ReadError`, or what `body` throws. `ReadError.damaged` names the frame;
    ///   everything before it was given.
    public func read(
        from start: Position, upTo end: Position? = nil, streams: Set<StreamID>? = nil,
        _ body: (borrowing FrameView) throws -> Bool
    ) throws {
        let limit = min(end ?? commitPosition, commitPosition).value
        guard start.value < limit else { return }
        // A footer that is older than a redaction may still take the frame for a batch.
        func deliver(_ frame: borrowing FrameView) throws -> Bool {
            if frame.isRedacted { return true }
            return try body(frame)
        }
        var next = start.value
        var buffer: [UInt8] = []
        while next < limit {
            let from = next
            let piece = piece(from: from, upTo: limit, streams)
            next = piece.next
            if piece.segment.isRetired { continue }
            let goesOn =
                piece.segment.isSealed
                ? try readSealed(piece.segment, from..<min(limit, piece.end), streams, deliver)
                : try read(piece.entries[...], of: piece.segment, into: &buffer, deliver)
            guard goesOn else { return }
        }
    }

    private func piece(from start: Int64, upTo end: Int64, _ wanted: Set<StreamID>?) -> Piece {
        state.withIndex { index in
            let number = index.segment(holding: start)
            let segment = index.segments[number]
            let isLast = number + 1 == index.segments.count
            let segmentEnd = isLast ? end : index.segments[number + 1].base
            var piece = Piece(segment: segment, end: segmentEnd, next: segmentEnd)
            piece.segment.entries = []
            if segment.isSealed { return piece }
            var at = segment.firstIndex(endingAfter: start)
            while at < segment.entries.count {
                let entry = segment.entries[at]
                if entry.basePosition >= end { break }
                if entry.kind == .batch, wanted?.contains(StreamID(entry.stream)) ?? true {
                    if piece.entries.count == Self.lookupCount {
                        piece.next = entry.basePosition
                        break
                    }
                    piece.entries.append(entry)
                }
                at += 1
            }
            return piece
        }
    }

    // MARK: Frames whose places are known

    /// Reads frames of one segment, neighbours at once. Answers whether to go on.
    func read(
        _ entries: ArraySlice<FrameEntry>, of segment: Segment, into buffer: inout [UInt8],
        _ body: (borrowing FrameView) throws -> Bool
    ) throws -> Bool {
        var rest = entries
        while !rest.isEmpty {
            let run = rest.prefix(Self.run(rest))
            rest = rest.dropFirst(run.count)
            guard try readRun(run, of: segment, into: &buffer, body) else { return false }
        }
        return true
    }

    /// How many of the first entries stand close enough to be read at once.
    private static func run(_ entries: ArraySlice<FrameEntry>) -> Int {
        guard let first = entries.first else { return 0 }
        var end = first.fileOffset + Int64(first.frameSize)
        var count = 1
        for entry in entries.dropFirst() {
            let next = entry.fileOffset + Int64(entry.frameSize)
            let isNear = entry.fileOffset - end < 64 << 10
            if !isNear || next - first.fileOffset > Int64(readSize) { break }
            end = next
            count += 1
        }
        return count
    }

    private func readRun(
        _ entries: ArraySlice<FrameEntry>, of segment: Segment, into buffer: inout [UInt8],
        _ body: (borrowing FrameView) throws -> Bool
    ) throws -> Bool {
        guard let first = entries.first, let last = entries.last else { return true }
        let size = Int(last.fileOffset - first.fileOffset) + last.frameSize
        if buffer.count < size { buffer = [UInt8](repeating: 0, count: size) }
        let file = try state.cache.file(segment)
        let count: Int
        do {
            count = try file.read(size, at: first.fileOffset, into: &buffer, start: 0)
        } catch {
            throw ReadError.system("\(error)")
        }
        let seed = FrameHeader.segmentSeed(log: id, base: segment.base)
        for entry in entries {
            let start = Int(entry.fileOffset - first.fileOffset)
            let end = start + entry.frameSize
            guard end <= count,
                let header = FrameHeader(
                    buffer.raw.extracting(start..<(start + FrameHeader.size)),
                    seed: FrameHeader.seed(seed, fileOffset: entry.fileOffset)),
                header.bodyLength == entry.bodyLength, header.basePosition == entry.basePosition,
                header.matches(buffer.raw.extracting(start..<end)) || state.options.ignoresChecksums
            else {
                throw ReadError.damaged(
                    path: segment.path, offset: entry.fileOffset, position: entry.basePosition)
            }
            let bodyStart = start + FrameHeader.size
            let bytes = buffer.raw.extracting(bodyStart..<(bodyStart + Int(header.bodyLength)))
            if try !body(FrameView(header, body: bytes)) { return false }
        }
        return true
    }

    // MARK: Sealed segments

    private func readSealed(
        _ segment: Segment, _ range: Range<Int64>, _ wanted: Set<StreamID>?,
        _ body: (borrowing FrameView) throws -> Bool
    ) throws -> Bool {
        let (file, footer) = try state.cache.footer(segment)
        if let wanted {
            let rows = wanted.compactMap { footer.row(of: $0.value) }
            let bytes = rows.reduce(0) { $0 + $1.bytes }
            if bytes * Self.scanShare < footer.trailer.bodyBytes {
                return try readPostings(rows, range, segment, footer, body)
            }
        }
        return try scan(file, range, segment, footer, wanted, body)
    }

    /// Reads the frames of few streams where their postings say they are.
    private func readPostings(
        _ rows: [SealedFooter.StreamRow], _ range: Range<Int64>, _ segment: Segment,
        _ footer: SealedFooter, _ body: (borrowing FrameView) throws -> Bool
    ) throws -> Bool {
        var entries: [FrameEntry] = []
        do {
            for row in rows {
                for number in 0..<footer.checkpointCount(row) {
                    let found = try footer.entries(row, checkpoint: number)
                    entries += found.filter {
                        $0.kind == .batch && $0.endPosition > range.lowerBound
                            && $0.basePosition < range.upperBound
                    }
                    if let last = found.last, last.basePosition >= range.upperBound { break }
                }
            }
        } catch {
            throw ReadError.system("\(segment.path): the footer is not as it should be: \(error)")
        }
        entries.sort { $0.fileOffset < $1.fileOffset }
        var buffer: [UInt8] = []
        return try read(entries[...], of: segment, into: &buffer, body)
    }

    /// Reads a part of a segment from front to back.
    private func scan(
        _ file: any File, _ range: Range<Int64>, _ segment: Segment, _ footer: SealedFooter,
        _ wanted: Set<StreamID>?, _ body: (borrowing FrameView) throws -> Bool
    ) throws -> Bool {
        let block = footer.block(footer.block(holding: range.lowerBound))
        var window = FileWindow(
            file, size: footer.trailer.footerOffset, log: id, base: segment.base,
            block: Self.readSize, ignoresChecksums: state.options.ignoresChecksums)
        var (offset, position) = (block.fileOffset, block.basePosition)
        while offset < footer.trailer.footerOffset, position < range.upperBound {
            let frame: (header: FrameHeader, bodyStart: Int)?
            do {
                frame = try window.frame(at: offset)
            } catch {
                throw ReadError.system("\(error)")
            }
            guard let (header, bodyStart) = frame, header.basePosition == position else {
                throw ReadError.damaged(path: segment.path, offset: offset, position: position)
            }
            offset += Int64(header.frameSize)
            position = header.endPosition
            let isWanted =
                header.kind == .batch && position > range.lowerBound
                && (wanted?.contains(StreamID(header.stream)) ?? true)
            if isWanted {
                let bytes = window.bytes.raw.extracting(
                    bodyStart..<(bodyStart + Int(header.bodyLength)))
                if try !body(FrameView(header, body: bytes)) { return false }
            }
        }
        return true
    }
}
