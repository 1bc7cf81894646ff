import VarveBytes
import VarveFormats
import VarveSystem

/// Reads segments from front to back and rebuilds everything the log keeps in memory.
struct Recovery {
    let log: LogID
    let files: any FileSystem
    let directory: String
    let options: LogOptions
    var index = LogIndex()
    var pipeline = AppendPipeline()
    var report = RecoveryReport()
    var epoch: UInt32 = 0
    /// Where the last segment's next frame goes.
    var end: Int64 = 0

    /// Bytes read at a time.
    private static let block = 4 << 20

    /// Reads one segment; segments come in order of base position.
    /// - Parameter next: the base position of the segment after it.
    mutating func read(_ file: any File, _ header: SegmentHeader, next: Int64?) throws(LogError) {
        let base = header.basePosition
        guard base == pipeline.nextPosition else {
            throw .damaged(
                path: file.path, offset: 0, position: pipeline.nextPosition,
                reason: "the segment starts at position \(base)")
        }
        index.segments.append(Segment(base: base, file: file))
        report.segments += 1
        epoch = max(epoch, header.epoch)
        let size = try Self.system { () throws(SystemError) in try file.size() }
        var window = FileWindow(
            file, size: size, log: log, base: base, block: Self.block,
            ignoresChecksums: options.ignoresChecksums)
        var offset = Int64(SegmentHeader.size)
        while let frame = try window.frame(at: offset), continues(frame.header) {
            try take(frame.header, window, bodyStart: frame.bodyStart, at: offset, file.path)
            offset += Int64(frame.header.frameSize)
        }
        end = offset
        try settle(file, &window, offset, next)
    }

    /// Whether a valid frame is the one that comes next. One left from an earlier life of the bytes
    /// is not.
    private func continues(_ header: FrameHeader) -> Bool {
        header.epoch >= epoch && header.basePosition == pipeline.nextPosition
            && header.ingestTime >= pipeline.lastIngestTime
            && header.commitPromised <= header.basePosition
            && (header.kind == .tick
                || pipeline.nextOffset(of: header.stream).map { $0 == header.baseOffset } ?? true)
    }

    private mutating func take(
        _ header: FrameHeader, _ window: borrowing FileWindow, bodyStart: Int, at offset: Int64,
        _ path: String
    ) throws(LogError) {
        report.frames += 1
        epoch = max(epoch, header.epoch)
        if header.kind == .tick {
            pipeline.observe(ingestTime: header.ingestTime)
            return
        }
        let batch: RecordBatchHeader
        do {
            batch = try RecordBatchHeader(
                reading: window.bytes.raw.extracting(
                    bodyStart..<(bodyStart + Int(header.bodyLength))))
        } catch {
            throw .damaged(
                path: path, offset: offset, position: header.basePosition, reason: "\(error)")
        }
        if header.stream == 0, index.streams.isEmpty { register(Log.catalogName) }
        guard Int(header.stream) < index.streams.count else {
            throw .damaged(
                path: path, offset: offset, position: header.basePosition,
                reason: "stream \(header.stream) was never registered")
        }
        pipeline.commit(
            Appended(
                basePosition: Position(header.basePosition), baseOffset: header.baseOffset,
                count: Int(header.count),
                ingestTime: Timestamp(microseconds: header.ingestTime), isDuplicate: false),
            batch, stream: StreamID(header.stream))
        index.add(
            FrameEntry(
                fileOffset: offset, basePosition: header.basePosition,
                baseOffset: header.baseOffset, maxTimestamp: batch.maxTimestamp,
                bodyLength: header.bodyLength, count: header.count, stream: header.stream))
        if header.stream == 0 {
            let body = window.bytes.raw.extracting(
                bodyStart..<(bodyStart + Int(header.bodyLength)))
            for name in StreamRegistration.names(in: body) { register(name) }
        }
    }

    mutating func register(_ name: StreamName) {
        if index.ids[name] != nil { return }
        index.register(name)
        pipeline.addStream()
    }

    /// Decides about the bytes after the last whole frame, and cuts a torn tail.
    private mutating func settle(
        _ file: any File, _ window: inout FileWindow, _ offset: Int64, _ next: Int64?
    ) throws(LogError) {
        let position = pipeline.nextPosition
        let rest = try window.survey(from: offset, notOlderThan: epoch)
        let header = try window.header(at: offset).flatMap { continues($0) ? $0 : nil }
        let evidence = RecoveryEvidence(
            hasNext: next != nil, reachesNext: next == position, restIsZero: rest.isZero,
            hasHeader: header != nil, hasLaterFrame: rest.promised != nil,
            promisesMore: (rest.promised ?? 0) > position)
        let decision = RecoveryDecision(evidence)
        if next == nil { report.decision = decision }
        switch decision.action {
        case .goOn: break
        case .refuse:
            throw .damaged(
                path: file.path, offset: offset, position: position,
                reason: Self.reason(decision, rest, next))
        case .cut:
            let lost = try window.copy(offset..<rest.lastNonZero)
            let name = "torn-\(position)-\(offset)-\(epoch)"
            try Self.system { () throws(SystemError) in
                try files.replace(name, in: directory, with: lost)
                try file.truncate(to: offset)
                try file.sync()
            }
            report.tornBytes = Int64(lost.count)
            report.tornFile = "\(directory)/\(name)"
            let written = max(rest.endPosition, header.map { $0.endPosition } ?? 0)
            if written > position { report.cutPositions = position..<written }
        }
    }

    private static func reason(
        _ decision: RecoveryDecision, _ rest: FileWindow.Rest, _ next: Int64?
    ) -> String {
        switch decision {
        case .recordsMissing:
            "the next segment begins at position \(next ?? 0)"
        case .damagedBody:
            "the frame's body does not match its checksum, and a later frame promises that every"
                + " record below position \(rest.promised ?? 0) is durable"
        case .damagedHeader:
            "there is no valid frame, and a later one promises that every record below position"
                + " \(rest.promised ?? 0) is durable"
        default: "the evidence contradicts itself (\(decision))"
        }
    }

    static func system<R>(_ body: () throws(SystemError) -> R) throws(LogError) -> R {
        do {
            return try body()
        } catch {
            throw .system("\(error)")
        }
    }
}
