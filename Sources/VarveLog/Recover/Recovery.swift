import VarveBytes
import VarveFormats
import VarveSystem

/// Reads the frames of segments without a footer from front to back, and rebuilds what the log
/// keeps in memory.
struct Recovery {
    let log: LogID
    let files: any FileSystem
    let directory: String
    let options: LogOptions
    /// The state after the last frame that was read.
    var pipeline = AppendPipeline()
    /// The streams, by number.
    var names: [StreamName] = []
    private var known: Set<StreamName> = []
    var report = RecoveryReport()
    var epoch: UInt32 = 0
    /// Whether a torn tail is left where it is.
    var isReadOnly = false
    /// Whether frames are hashed by a thread of their own.
    var isThreaded = false

    /// What a segment holds.
    struct Scanned {
        var entries: [FrameEntry] = []
        var leaves: [UInt8] = []
        /// Where the frames end.
        var end = Int64(SegmentHeader.size)
    }

    /// Bytes read at a time.
    private static let block = 2 << 20

    init(log: LogID, files: any FileSystem, directory: String, options: LogOptions) {
        self.log = log
        self.files = files
        self.directory = directory
        self.options = options
        register(Log.catalogName)
    }

    /// Goes on from what the footer of a sealed segment remembers.
    mutating func restore(
        _ table: StreamTable, _ producers: ProducerTable, _ trailer: SegmentTrailer
    ) {
        for name in table.names { register(name) }
        pipeline = AppendPipeline(
            nextPosition: trailer.summary.end, lastIngestTime: trailer.lastIngestTime,
            nextOffsets: table.nextOffsets, producers: producers)
    }

    /// Reads one segment, which begins where the state ends.
    /// - Parameter next: the base position of the segment after it.
    mutating func read(_ file: any File, _ header: SegmentHeader, next: Int64?)
        throws(LogError) -> Scanned
    {
        let base = header.basePosition
        guard base == pipeline.nextPosition else {
            throw .damaged(
                path: file.path, offset: 0, position: pipeline.nextPosition,
                reason: "the segment starts at position \(base)")
        }
        epoch = max(epoch, header.epoch)
        let size = try Self.system { () throws(SystemError) in try file.size() }
        var window = FileWindow(
            file, size: size, log: log, base: base, block: Self.block,
            ignoresChecksums: options.ignoresChecksums)
        var scanned = Scanned()
        var hashing = LeafHashing(base: base, isThreaded: isThreaded)
        while let frame = try window.frame(at: scanned.end), continues(frame.header) {
            let start = frame.bodyStart - FrameHeader.size
            hashing.add(
                window.bytes.raw.extracting(start..<(start + frame.header.frameSize)),
                end: frame.header.endPosition)
            scanned.entries.append(
                try take(
                    frame.header, window, bodyStart: frame.bodyStart, at: scanned.end, file.path))
            scanned.end += Int64(frame.header.frameSize)
        }
        scanned.leaves = hashing.leaves()
        report.frames += scanned.entries.count
        try settle(file, &window, scanned.end, next)
        return scanned
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
    ) throws(LogError) -> FrameEntry {
        epoch = max(epoch, header.epoch)
        if header.kind == .tick {
            pipeline.observe(ingestTime: header.ingestTime)
            return FrameEntry(header, at: offset, maxTimestamp: 0)
        }
        guard pipeline.nextOffset(of: header.stream) != nil else {
            throw .damaged(
                path: path, offset: offset, position: header.basePosition,
                reason: "stream \(header.stream) was never registered")
        }
        let placed = Appended(
            basePosition: Position(header.basePosition), baseOffset: header.baseOffset,
            count: Int(header.count), ingestTime: Timestamp(microseconds: header.ingestTime),
            isDuplicate: false)
        if header.kind == .redacted {
            pipeline.skip(to: placed, stream: StreamID(header.stream))
            return FrameEntry(header, at: offset, maxTimestamp: 0)
        }
        let body = window.bytes.raw.extracting(bodyStart..<(bodyStart + Int(header.bodyLength)))
        let batch: RecordBatchHeader
        do {
            batch = try RecordBatchHeader(reading: body)
        } catch {
            throw .damaged(
                path: path, offset: offset, position: header.basePosition, reason: "\(error)")
        }
        pipeline.commit(placed, batch, stream: StreamID(header.stream))
        if header.stream == StreamID.catalog.value {
            for name in StreamRegistration.names(in: body) { register(name) }
        }
        return FrameEntry(header, at: offset, maxTimestamp: batch.maxTimestamp)
    }

    private mutating func register(_ name: StreamName) {
        guard known.insert(name).inserted else { return }
        names.append(name)
        if pipeline.nextOffsets.count < names.count { pipeline.addStream() }
    }

    /// Decides about the bytes after the last whole frame, and cuts a torn tail.
    private mutating func settle(
        _ file: any File, _ window: inout FileWindow, _ offset: Int64, _ next: Int64?
    ) throws(LogError) {
        let position = pipeline.nextPosition
        let rest = try window.survey(
            from: offset, notOlderThan: epoch, dropsCache: !isReadOnly)
        let header = try window.header(at: offset).flatMap { continues($0) ? $0 : nil }
        let decision = RecoveryDecision(
            RecoveryEvidence(
                hasNext: next != nil, reachesNext: next == position, restIsZero: rest.isZero,
                hasHeader: header != nil, hasLaterFrame: rest.promised != nil,
                promisesMore: (rest.promised ?? 0) > position))
        if next == nil { report.decision = decision }
        switch decision.action {
        case .goOn: break
        case .cut where isReadOnly: report.tornBytes = rest.lastNonZero - offset
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
