import VarveBytes
import VarveFormats
public import VarveSystem

/// Makes a log with damaged frames usable again, in one of two ways that must be asked for by name.
/// Takes the directory's lock: no node may use it.
///
/// `redact` puts a redacted frame, with the same positions and offsets, in the place of every
/// damaged one, and keeps everything after it. In a sealed segment the redacted frame carries the
/// leaf hash that the footer remembers, so roots, proofs and heads stand; in the open segment the
/// hash is lost with the frame, and heads that were noted since it began will not verify.
/// `truncate` removes everything from the first damaged frame on. What is overwritten or removed is
/// kept aside.
public struct Salvage {
    /// A damaged piece of the log.
    public struct Damage: Sendable, Equatable, CustomStringConvertible {
        /// The file.
        public let path: String
        /// Where it is in the file.
        public let bytes: Range<Int64>
        /// The records that are lost; empty for a tick.
        public let positions: Range<Int64>
        /// The streams they belong to, with the offsets that are lost; empty where that is unknown.
        public let streams: [StreamID: Range<Int64>]
        /// Why it cannot be redacted; nil when it can.
        public let obstacle: String?
        let frames: [FrameHeader]
        let leaves: [UInt8]

        /// Where, and what is lost.
        public var description: String {
            let known = streams.sorted { $0.key.value < $1.key.value }
                .map { "stream \($0.key.value) offsets \($0.value)" }.joined(separator: ", ")
            return "\(path): bytes \(bytes), positions \(positions)"
                + "\(known.isEmpty ? "" : ", \(known)")"
                + "\(obstacle.map { "; cannot be redacted: \($0)" } ?? "")"
        }
    }

    /// What was found, and done.
    public struct Report: Sendable, Equatable {
        /// Damaged frames, in order.
        public internal(set) var damages: [Damage] = []
        /// Files that hold what was overwritten or removed.
        public internal(set) var keptAside: [String] = []
        /// The position after the last record that is left; nil for a dry run.
        public internal(set) var end: Position?
    }

    let directory: String
    let files: any FileSystem
    let now: Timestamp

    /// A salvage of a data directory.
    public init(
        directory: String, fileSystem files: any FileSystem = PosixFileSystem(),
        clock: any Clock = SystemClock()
    ) {
        self.directory = directory
        self.files = files
        now = clock.now()
    }

    /// Looks for damage and changes nothing.
    /// - Throws: `LogError.invalidSegment` when a segment's header is damaged: only a backup of the
    ///   file helps.
    public func examine() throws(LogError) -> Report {
        try locked { () throws(LogError) in Report(damages: try damages()) }
    }

    /// Replaces every damaged frame by a redacted one.
    /// - Throws: `LogError.system` when one cannot be redacted; nothing is changed then.
    public func redact() throws(LogError) -> Report {
        try locked { () throws(LogError) in
            let damages = try damages()
            if let hopeless = damages.first(where: { $0.obstacle != nil }) {
                throw .system("\(hopeless)")
            }
            var report = Report(damages: damages)
            for damage in damages { try redact(damage, &report) }
            for path in Set(damages.map(\.path)).sorted() { try renewFooter(path) }
            report.end = try end()
            return report
        }
    }

    /// Removes everything from the first damaged frame on.
    public func truncate() throws(LogError) -> Report {
        try locked { () throws(LogError) in
            var report = Report(damages: try damages())
            guard let first = report.damages.first else { return report }
            let names = try Recovery.system { () throws(SystemError) in
                try files.list(logDirectory)
            }.filter { $0.hasSuffix(SegmentHeader.suffix) }.map { "\(logDirectory)/\($0)" }
            // From the end: whatever is interrupted, what is left is a beginning of the log.
            for path in names.reversed() where path > first.path {
                try Recovery.system { () throws(SystemError) in
                    try files.rename(path, to: path + ".removed")
                    try files.syncDirectory(logDirectory)
                }
                report.keptAside.append(path + ".removed")
            }
            let file = try open(first.path)
            let size = try Recovery.system { () throws(SystemError) in try file.size() }
            try keep(first.bytes.lowerBound..<size, of: file, &report)
            try Recovery.system { () throws(SystemError) in
                try file.truncate(to: first.bytes.lowerBound)
                try file.sync()
            }
            report.end = try end()
            return report
        }
    }

    private func damages() throws(LogError) -> [Damage] {
        var scan = SalvageScan(self)
        return try scan.damages()
    }

    var logDirectory: String { "\(directory)/log" }

    private func locked<R>(_ body: () throws(LogError) -> R) throws(LogError) -> R {
        let lock = try Recovery.system { () throws(SystemError) in
            try files.lock("\(directory)/lock")
        }
        guard let lock else {
            let holder = try Recovery.system { () throws(SystemError) in
                try files.lockHolder("\(directory)/lock")
            }
            throw .inUse(directory: directory, holder: holder ?? "")
        }
        defer { lock.release() }
        return try body()
    }

    func open(_ path: String) throws(LogError) -> any File {
        try Recovery.system { () throws(SystemError) in try files.open(path, .readWrite) }
    }

    /// Where the log ends, as an opening would see it.
    private func end() throws(LogError) -> Position {
        try LogInspection(directory: directory, fileSystem: files).reader().commitPosition
    }

    private func keep(_ range: Range<Int64>, of file: any File, _ report: inout Report)
        throws(LogError)
    {
        let name = file.path.split(separator: "/").last.map(String.init) ?? "segment"
        let aside = "salvaged-\(name)-\(range.lowerBound)"
        try Recovery.system { () throws(SystemError) in
            var bytes = [UInt8](repeating: 0, count: range.count)
            let count = try file.read(bytes.count, at: range.lowerBound, into: &bytes, start: 0)
            bytes.removeLast(bytes.count - count)
            try files.replace(aside, in: logDirectory, with: bytes)
        }
        report.keptAside.append("\(logDirectory)/\(aside)")
    }

    private func redact(_ damage: Damage, _ report: inout Report) throws(LogError) {
        let file = try open(damage.path)
        try keep(damage.bytes, of: file, &report)
        let header = try SegmentHeader(readFrom: file)
        var bytes: [UInt8] = []
        var offset = damage.bytes.lowerBound
        for (number, frame) in damage.frames.enumerated() {
            let seed = FrameHeader.seed(
                log: header.log, segmentBase: header.basePosition, fileOffset: offset)
            let leaf = Array(damage.leaves[(32 * number)..<(32 * number + 32)])
            if frame.kind == .tick {
                var writer = ByteWriter(capacity: FrameHeader.size)
                writer.zeros(FrameHeader.size)
                frame.write(to: &writer, at: 0, seed: seed)
                bytes += writer.bytes
            } else {
                bytes += Redaction.frame(
                    frame, leaf: leaf, time: now.microseconds, reason: .damage, seed: seed)
            }
            offset += Int64(frame.frameSize)
        }
        try Recovery.system { () throws(SystemError) in
            try file.write(bytes.raw, at: damage.bytes.lowerBound)
            try file.sync()
        }
    }

    /// Writes the footer of a sealed segment anew: its frame table says which frames are redacted.
    private func renewFooter(_ path: String) throws(LogError) {
        let file = try open(path)
        let header = try SegmentHeader(readFrom: file)
        try Recovery.system { () throws(SystemError) in
            guard let footer = try SealedFooter(file, log: header.log, base: header.basePosition),
                let streams = try footer.section(.streamTable, of: file),
                let producers = try footer.section(.producers, of: file),
                let table = try? StreamTable(reading: streams.raw),
                let known = try? ProducerTable(reading: producers.raw),
                let scan = try? SegmentScan(
                    file, log: header.log, base: header.basePosition,
                    end: footer.trailer.footerOffset)
            else { return }
            let bytes = SegmentFooter.encode(
                SegmentFooter.Content(
                    log: header.log, base: header.basePosition,
                    end: footer.trailer.footerOffset, entries: scan.entries, leaves: scan.leaves,
                    summary: footer.trailer.summary, epoch: footer.trailer.epoch,
                    pipeline: AppendPipeline(
                        nextPosition: footer.trailer.summary.end,
                        lastIngestTime: footer.trailer.lastIngestTime,
                        nextOffsets: table.nextOffsets, producers: known),
                    names: table.names))
            try file.write(bytes.raw, at: footer.trailer.footerOffset)
            try file.truncate(to: footer.trailer.footerOffset + Int64(bytes.count))
            try file.sync()
        }
    }
}
