import VarveBytes
import VarveFormats
import VarveSystem

/// What opening a log found and did.
public struct RecoveryReport: Sendable, Equatable {
    public internal(set) var segments = 0
    public internal(set) var frames = 0
    /// Bytes after the last whole frame that were cut off the last segment; 0 after a clean stop.
    public internal(set) var tornBytes: Int64 = 0
    /// Where those bytes were kept.
    public internal(set) var tornFile: String?
}

/// What stands where the next frame should begin. An invalid frame is a torn tail only if nothing
/// after it proves that it had been acknowledged.
///
///     rest of the file        later valid frame         last segment   decision
///     only zeros              -                         yes            end
///     not zeros               none                      yes            torn
///     -                       promises more than q      any            damaged
///     -                       promises at most q        yes            torn
///     anything                -                         no             damaged
enum RecoveryDecision: Equatable {
    case end
    case torn
    case damaged(String)

    /// - Parameters:
    ///   - position: q, the position the invalid frame would have had.
    ///   - promised: the largest commit position that a valid frame after it promises.
    static func decide(
        restIsZero: Bool, isLastSegment: Bool, position: Int64, promised: Int64?
    ) -> RecoveryDecision {
        if !isLastSegment { return .damaged("the segment ends before the next one begins") }
        if let promised, promised > position {
            return .damaged(
                "a later frame promises that every record below position \(promised) is durable")
        }
        return restIsZero ? .end : .torn
    }
}

/// Reads segments from front to back and rebuilds everything the log keeps in memory.
struct Recovery {
    let log: LogID
    let files: any FileSystem
    let directory: String
    var index = LogIndex()
    var pipeline = AppendPipeline()
    var report = RecoveryReport()
    var epoch: UInt32 = 0
    /// Where the last segment's next frame goes.
    var end: Int64 = 0

    /// Bytes read at a time.
    private static let block = 4 << 20

    /// Reads one segment; segments come in order of base position.
    mutating func read(
        _ file: any File, base: Int64, headerEpoch: UInt32, isLast: Bool
    ) throws(LogError) {
        guard base == pipeline.nextPosition else {
            throw .damaged(
                path: file.path, offset: 0, position: pipeline.nextPosition,
                reason: "the segment starts at position \(base)")
        }
        index.segments.append(Segment(base: base, file: file))
        report.segments += 1
        epoch = max(epoch, headerEpoch)
        var window = FileWindow(file, block: Self.block)
        var offset = Int64(SegmentHeader.size)
        let size = try Self.system { () throws(SystemError) in try file.size() }
        while let frame = try window.frame(at: offset, size, log: log, base: base),
            frame.header.basePosition == pipeline.nextPosition
        {
            try take(frame.header, window, bodyStart: frame.bodyStart, at: offset, file.path)
            offset += Int64(frame.header.frameSize)
        }
        end = offset
        if offset < size { try settle(file, &window, offset, size, base, isLast) }
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
        _ file: any File, _ window: inout FileWindow, _ offset: Int64, _ size: Int64, _ base: Int64,
        _ isLast: Bool
    ) throws(LogError) {
        let rest = try window.survey(from: offset, to: size, log: log, base: base)
        let decision = RecoveryDecision.decide(
            restIsZero: rest.isZero, isLastSegment: isLast, position: pipeline.nextPosition,
            promised: rest.promised)
        switch decision {
        case .damaged(let reason):
            throw .damaged(
                path: file.path, offset: offset, position: pipeline.nextPosition, reason: reason)
        case .end: break
        case .torn:
            let lost = try window.copy(offset..<rest.lastNonZero)
            let name = "torn-\(pipeline.nextPosition)-\(offset)-\(epoch)"
            try Self.system { () throws(SystemError) in
                try files.replace(name, in: directory, with: lost)
                try file.truncate(to: offset)
                try file.sync()
            }
            report.tornBytes = Int64(lost.count)
            report.tornFile = "\(directory)/\(name)"
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
