public import VarveBytes
public import VarveSystem

/// Looks into a data directory without taking part: no lock, no change, also while a node uses it.
/// What it shows of a log in use are the frames that are on disk at that moment, which may be a
/// group ahead of what is acknowledged.
public struct LogInspection {
    /// What is known of a segment.
    public struct SegmentInfo: Sendable, Equatable {
        /// The file.
        public let path: String
        /// Counts the segments since the log began.
        public let number: Int
        /// Its records.
        public let positions: Range<Int64>
        /// Bytes of the file; reserved space counts, what retention removed does not.
        public let bytes: Int64
        /// Frames, ticks included.
        public let frames: Int64
        /// Whether it has its footer.
        public let isSealed: Bool
        /// Whether retention removed its records; header and footer are left.
        public let isRetired: Bool
        /// The Merkle root over its frames.
        public let root: Digest
        /// When its first and last frame were written; nil without frames.
        public let ingestTimes: ClosedRange<Timestamp>?
    }

    /// What is known of a log.
    public struct Info: Sendable {
        /// The name of the log.
        public let log: LogID
        /// The last epoch that wrote something.
        public let epoch: UInt32
        /// Its segments, the open one last.
        public let segments: [SegmentInfo]
        /// Its streams, by number.
        public let streams: [StreamInfo]
        /// The head over all that is there.
        public let head: LogHead
        /// How the last segment ends; anything but `cleanEnd` is dealt with at the next opening.
        public let ending: RecoveryDecision
    }

    private let directory: String
    private let files: any FileSystem

    /// An inspection of a data directory.
    public init(directory: String, fileSystem files: any FileSystem = PosixFileSystem()) {
        self.directory = directory
        self.files = files
    }

    /// A reader of what is on disk; it does not follow what comes later.
    /// - Throws: `LogError.damaged` and others, as opening does.
    public func reader() throws(LogError) -> LogReader { LogReader(try opened().state) }

    private func opened() throws(LogError) -> LogOpening.Opened {
        try LogOpening(
            directory: "\(directory)/log", options: LogOptions(), files: files,
            now: Timestamp(microseconds: 0), newID: LogID([UInt8](repeating: 0, count: 16)),
            isThreaded: false, isReadOnly: true
        ).open()
    }

    /// Describes the log, its segments and streams. Reads headers and footers, and the frames of
    /// segments that are not sealed.
    public func info() throws(LogError) -> Info {
        let opened = try opened()
        let (summaries, _) = opened.state.summaries()
        let segments = opened.state.withIndex { $0.segments }
        var known: [SegmentInfo] = []
        for segment in segments {
            var bytes = try Recovery.system { () throws(SystemError) in
                try files.open(segment.path, .read).size()
            }
            if segment.isRetired, let trailer = segment.trailer {
                bytes -= trailer.footerOffset - Int64(SegmentHeader.size)
            }
            let summary = summaries[segment.number]
            let first = segment.trailer?.firstIngestTime ?? segment.entries.first?.ingestTime
            let last = segment.trailer?.lastIngestTime ?? segment.entries.last?.ingestTime
            var times: ClosedRange<Timestamp>?
            if let first, let last, first <= last {
                times = Timestamp(microseconds: first)...Timestamp(microseconds: last)
            }
            known.append(
                SegmentInfo(
                    path: segment.path, number: segment.number,
                    positions: summary.base..<summary.end, bytes: bytes, frames: summary.frames,
                    isSealed: (segment.trailer?.sections ?? 0) > 0, isRetired: segment.isRetired,
                    root: summary.root,
                    ingestTimes: times))
        }
        let reader = LogReader(opened.state)
        return Info(
            log: opened.state.log, epoch: opened.writer.epoch - 1, segments: known,
            streams: reader.streams(), head: reader.head(), ending: opened.report.decision)
    }

    /// The segment files of the directory, in order.
    public func segmentPaths() throws(LogError) -> [String] {
        try Recovery.system { () throws(SystemError) in try files.list("\(directory)/log") }
            .filter { $0.hasSuffix(SegmentHeader.suffix) }.map { "\(directory)/log/\($0)" }
    }

    /// Writes out what a segment file holds, line by line: header, frames, footer. Works on damaged
    /// files as far as they can be read.
    /// - Parameter line: takes a line; answers whether to go on.
    public func dump(segment path: String, _ line: (String) -> Bool) throws(LogError) {
        try SegmentDump(path, files).write(line)
    }
}
