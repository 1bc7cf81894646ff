import VarveBytes
import VarveFormats
import VarveSystem

/// Finds damaged frames and what is known of them.
struct SalvageScan {
    private let salvage: Salvage
    private var found: [Salvage.Damage] = []
    /// By stream: the offset that comes next, as far as the frames before tell.
    private var nextOffsets: [UInt32: Int64] = [:]
    private var epoch: UInt32 = 0
    private var ingestTime: Int64 = 0

    init(_ salvage: Salvage) { self.salvage = salvage }

    mutating func damages() throws(LogError) -> [Salvage.Damage] {
        let names = try Recovery.system { () throws(SystemError) in
            try salvage.files.list(salvage.logDirectory)
        }
        let segments = names.filter { $0.hasSuffix(SegmentHeader.suffix) }
        for (index, name) in segments.enumerated() {
            let file = try salvage.open("\(salvage.logDirectory)/\(name)")
            let header = try SegmentHeader(readFrom: file)
            // There are no frames to be damaged.
            if header.isRetired { continue }
            let (footer, known) = try Recovery.system { () throws(SystemError) in
                let footer = try SealedFooter(file, log: header.log, base: header.basePosition)
                return (footer, try footer?.contents(of: file))
            }
            if let footer, let known {
                try checkSealed(file, header, footer, known)
            } else {
                try checkOpen(file, header, isLast: index == segments.count - 1)
            }
        }
        return found
    }

    /// The footer knows every frame and its hash: each is checked where it must be.
    private mutating func checkSealed(
        _ file: any File, _ header: SegmentHeader, _ footer: SealedFooter,
        _ known: (entries: [FrameEntry], leaves: [UInt8])
    ) throws(LogError) {
        var window = FileWindow(
            file, size: footer.trailer.footerOffset, log: header.log, base: header.basePosition,
            block: SegmentScan.block)
        for (number, entry) in known.entries.enumerated() {
            let leaf = Array(known.leaves[(32 * number)..<(32 * number + 32)])
            if let (frame, bodyStart) = try window.frame(at: entry.fileOffset) {
                var computed: [UInt8] = []
                let start = bodyStart - FrameHeader.size
                FrameHeader.appendLeaf(
                    of: window.bytes.raw.extracting(start..<(start + frame.frameSize)),
                    to: &computed)
                note(frame)
                if computed == leaf { continue }
            }
            let lost = FrameHeader(
                bodyLength: entry.bodyLength, count: entry.count,
                basePosition: entry.basePosition, ingestTime: max(ingestTime, entry.ingestTime),
                commitPromised: header.basePosition, stream: entry.stream, bodyChecksum: 0,
                epoch: max(epoch, header.epoch), kind: .batch, flags: entry.flags,
                baseOffset: entry.baseOffset)
            let isTick = entry.kind == .tick
            add(
                file, entry.fileOffset..<(entry.fileOffset + Int64(entry.frameSize)),
                entry.basePosition..<entry.endPosition, isTick ? [] : [lost], leaf,
                obstacle: isTick
                    ? "it is a tick, whose hash a redacted frame of its size cannot carry; restore"
                        + " the segment from a backup" : nil)
            nextOffsets[entry.stream] = isTick ? nextOffsets[entry.stream] : entry.endOffset
        }
    }

    private mutating func note(_ header: FrameHeader) {
        epoch = max(epoch, header.epoch)
        ingestTime = max(ingestTime, header.ingestTime)
        if header.kind != .tick {
            nextOffsets[header.stream] = header.baseOffset + Int64(header.count)
        }
    }

    private mutating func add(
        _ file: any File, _ bytes: Range<Int64>, _ positions: Range<Int64>,
        _ frames: [FrameHeader], _ leaves: [UInt8], obstacle: String?
    ) {
        var streams: [StreamID: Range<Int64>] = [:]
        for frame in frames where frame.kind != .tick {
            streams[StreamID(frame.stream)] =
                frame.baseOffset..<(frame.baseOffset + Int64(frame.count))
        }
        found.append(
            Salvage.Damage(
                path: file.path, bytes: bytes, positions: positions, streams: streams,
                obstacle: obstacle, frames: frames, leaves: leaves))
    }

    // MARK: Segments without a footer

    /// Without a footer a damaged frame is known by its header, or by what is missing between its
    /// neighbours.
    private mutating func checkOpen(_ file: any File, _ header: SegmentHeader, isLast: Bool)
        throws(LogError)
    {
        let size = try Recovery.system { () throws(SystemError) in try file.size() }
        var window = FileWindow(
            file, size: size, log: header.log, base: header.basePosition,
            block: SegmentScan.block)
        var (offset, position) = (Int64(SegmentHeader.size), header.basePosition)
        while offset < size {
            if let (frame, _) = try window.frame(at: offset) {
                note(frame)
                offset += Int64(frame.frameSize)
                position = frame.endPosition
                continue
            }
            let rest = try window.survey(from: offset, notOlderThan: epoch)
            guard (rest.promised ?? 0) > position else { return }
            var next = offset + 8
            while next < size, try window.frame(at: next) == nil { next += 8 }
            guard next < size, let (after, _) = try window.frame(at: next) else { return }
            let lost = try frames(
                &window, offset..<next, position..<after.basePosition, size, header)
            add(
                file, offset..<next, position..<after.basePosition, lost ?? [],
                [UInt8](repeating: 0, count: 32 * (lost?.count ?? 0)),
                obstacle: !isLast
                    ? "the segment has no footer to tell its hashes; restore it from a backup"
                    : lost == nil ? "the streams of its records are not known" : nil)
            offset = next
            position = after.basePosition
        }
    }

    /// Headers for the frames that stood in a gap: from a header that is still valid, or, for each
    /// stream, from the offsets that are missing between the frames before and after.
    private func frames(
        _ window: inout FileWindow, _ bytes: Range<Int64>, _ positions: Range<Int64>,
        _ size: Int64, _ header: SegmentHeader
    ) throws(LogError) -> [FrameHeader]? {
        let length = Int(bytes.upperBound - bytes.lowerBound)
        if let whole = try window.header(at: bytes.lowerBound), whole.frameSize == length,
            whole.basePosition == positions.lowerBound, whole.kind == .batch
        {
            return [whole]
        }
        if positions.isEmpty, length.isMultiple(of: FrameHeader.size) {
            let tick = FrameHeader(
                bodyLength: 0, count: 0, basePosition: positions.lowerBound,
                ingestTime: ingestTime, commitPromised: positions.lowerBound, stream: 0,
                bodyChecksum: 0, epoch: max(epoch, header.epoch), kind: .tick, flags: 0,
                baseOffset: 0)
            return Array(repeating: tick, count: length / FrameHeader.size)
        }
        var missing: [(stream: UInt32, offset: Int64, count: Int64)] = []
        var seen: Set<UInt32> = []
        var offset = bytes.upperBound
        while offset < size, let (frame, _) = try window.frame(at: offset) {
            if frame.kind != .tick, seen.insert(frame.stream).inserted {
                let expected = nextOffsets[frame.stream] ?? 0
                if frame.baseOffset > expected {
                    missing.append((frame.stream, expected, frame.baseOffset - expected))
                }
            }
            offset += Int64(frame.frameSize)
        }
        let known = missing.reduce(0) { $0 + $1.count }
        guard known == Int64(positions.count), !missing.isEmpty else { return nil }
        // Every lost frame took at least as much room as a redacted one does.
        let smallest = FrameHeader.frameSize(body: Redaction.size)
        guard smallest * missing.count <= length else { return nil }
        var position = positions.lowerBound
        return missing.enumerated().map { number, part in
            let isLast = number == missing.count - 1
            let room = isLast ? length - smallest * number : smallest
            defer { position += part.count }
            return FrameHeader(
                bodyLength: UInt32(room - FrameHeader.size), count: UInt32(part.count),
                basePosition: position, ingestTime: ingestTime,
                commitPromised: header.basePosition, stream: part.stream, bodyChecksum: 0,
                epoch: max(epoch, header.epoch), kind: .batch, flags: 0, baseOffset: part.offset)
        }
    }
}
