import VarveBytes
import VarveFormats
public import VarveSystem

/// Reads a whole log and checks every byte of it that means something: headers, the chain of
/// roots, each frame, its place and its batch, the Merkle trees, and the footers against the
/// frames. Changes nothing, takes no lock: a log in use is checked up to what is written then.
public struct LogVerifier {
    /// What is wrong with a log.
    public struct Finding: Sendable, Equatable, CustomStringConvertible {
        /// The file.
        public let path: String
        /// The byte in the file where the damaged piece begins.
        public let offset: Int64
        /// The position of the first record that is affected; nil where none is.
        public let position: Int64?
        /// What is wrong.
        public let reason: String

        /// Where and what, in one line.
        public var description: String {
            "\(path): byte \(offset)\(position.map { ", position \($0)" } ?? ""): \(reason)"
        }
    }

    /// How far a run is.
    public struct Progress: Sendable, Equatable {
        /// Bytes checked, of all.
        public var bytes: Int64 = 0
        /// Bytes of all segment files.
        public var totalBytes: Int64 = 0
        /// Segments checked.
        public var segments = 0
        /// Segment files.
        public var totalSegments = 0
        /// Records in the frames checked.
        public var records: Int64 = 0
        /// Findings so far.
        public var findings = 0
    }

    /// What a run found.
    public struct Result: Sendable {
        /// The log.
        public internal(set) var log: LogID?
        /// Damage, in order; empty for a sound log.
        public internal(set) var findings: [Finding] = []
        /// Counts of what was checked.
        public internal(set) var progress = Progress()
        /// Segments whose records retention removed; of these the footers are checked.
        public internal(set) var retiredSegments = 0
        /// Frames checked, ticks included.
        public internal(set) var frames: Int64 = 0
        /// The head over what was checked; nil when something is missing or altered.
        public internal(set) var head: LogHead?
        /// Bytes after the last frame of the last segment that are not zero: the tail of a log that
        /// did not stop cleanly. Opening the log deals with them.
        public internal(set) var tornBytes: Int64 = 0

        /// Whether nothing is wrong.
        public var isSound: Bool { findings.isEmpty }
    }

    let directory: String
    let files: any FileSystem
    /// The most findings kept.
    static let findingLimit = 1000

    /// A verifier of a data directory.
    public init(directory: String, fileSystem files: any FileSystem = PosixFileSystem()) {
        self.directory = "\(directory)/log"
        self.files = files
    }

    /// Checks the log.
    /// - Parameters:
    ///   - heads: heads noted earlier; each must be what the log's beginning gives.
    ///   - progress: called every few megabytes; answers whether to go on.
    /// - Throws: `LogError.system` when the log cannot be read; damage is a finding.
    public func verify(
        against heads: [LogHead] = [], progress: (Progress) -> Bool = { _ in true }
    ) throws(LogError) -> Result {
        let names = try Recovery.system { () throws(SystemError) in try files.list(directory) }
        let segments = names.filter { $0.hasSuffix(SegmentHeader.suffix) }
        var run = VerifierRun(files: files, directory: directory, heads: heads)
        run.result.progress.totalSegments = segments.count
        for name in segments {
            run.result.progress.totalBytes += try Recovery.system { () throws(SystemError) in
                try files.open("\(directory)/\(name)", .read).size()
            }
        }
        if segments.isEmpty {
            run.find(directory, 0, 0, "there are no segments")
            return run.result
        }
        for (index, name) in segments.enumerated() {
            let isLast = index == segments.count - 1
            guard try run.check(name, isLast: isLast, progress) else { return run.result }
        }
        run.finish()
        return run.result
    }
}

/// One pass over a log.
struct VerifierRun {
    let files: any FileSystem
    let directory: String
    var heads: [LogHead]
    var result = LogVerifier.Result()
    private var summaries: [SegmentSummary] = []
    private var history = MerkleFrontier()
    private var isChainBroken = false
    var nextOffsets: [UInt32: Int64] = [:]
    var epoch: UInt32 = 0
    var ingestTime: Int64 = 0

    /// The segments that were checked.
    var before: [SegmentSummary] { summaries }

    init(files: any FileSystem, directory: String, heads: [LogHead]) {
        self.files = files
        self.directory = directory
        self.heads = heads
    }

    mutating func find(_ path: String, _ offset: Int64, _ position: Int64?, _ reason: String) {
        guard result.findings.count < LogVerifier.findingLimit else { return }
        result.findings.append(
            LogVerifier.Finding(path: path, offset: offset, position: position, reason: reason))
        result.progress.findings = result.findings.count
    }

    /// Checks one segment; answers whether to go on.
    mutating func check(
        _ name: String, isLast: Bool, _ progress: (LogVerifier.Progress) -> Bool
    ) throws(LogError) -> Bool {
        let path = "\(directory)/\(name)"
        let file = try Recovery.system { () throws(SystemError) in try files.open(path, .read) }
        let size = try Recovery.system { () throws(SystemError) in try file.size() }
        let expected = summaries.last?.end ?? 0
        guard let header = try header(file, name, path, expected) else {
            // Nothing in it can be placed without its header.
            summaries.append(
                SegmentSummary(base: expected, end: expected, frames: 0, root: .zero))
            result.progress.segments += 1
            return progress(result.progress)
        }
        let footer = try Recovery.system { () throws(SystemError) in
            try SealedFooter(file, log: header.log, base: header.basePosition)
        }
        var scan = FrameScan(header: header, end: footer?.trailer.footerOffset ?? size)
        if header.isRetired {
            try retired(file, path, &scan, footer)
        } else {
            guard try frames(file, path, &scan, isLast: isLast, footer, progress) else {
                return false
            }
        }
        let summary = SegmentSummary(
            base: header.basePosition, end: scan.position,
            frames: Int64(scan.leaves.count / MerkleTree.size), root: MerkleTree.root(scan.leaves))
        if let footer {
            try check(footer, file, path, scan, summary)
            if isLast {
                find(
                    path, size, summary.end,
                    "the segment is sealed, which is done only when there is a next one: the"
                        + " segment after it is lost")
            }
        } else if !isLast, !header.isRetired, try isUnfinished(file, from: scan.offset, size) {
            find(
                path, scan.offset, nil,
                "the footer is damaged or was not finished; opening the log writes it anew")
        }
        checkHeads(scan, summary)
        // What the chain says of a damaged segment is what it was.
        let chained = scan.isDamaged ? footer?.trailer.summary ?? summary : summary
        summaries.append(chained)
        history.append(chained.leaf)
        result.progress.segments += 1
        result.progress.bytes += size - scan.counted
        return progress(result.progress)
    }

    /// Whether there is something after the frames of a segment that has no valid footer. One that
    /// ended moments ago has reserved space there, or nothing.
    private func isUnfinished(_ file: any File, from offset: Int64, _ size: Int64)
        throws(LogError) -> Bool
    {
        var bytes = [UInt8](repeating: 0, count: Int(max(0, size - offset)))
        let count = try Recovery.system { () throws(SystemError) in
            try file.read(bytes.count, at: offset, into: &bytes, start: 0)
        }
        return !bytes.raw.extracting(0..<count).isAllZero
    }

    private mutating func header(
        _ file: any File, _ name: String, _ path: String, _ expected: Int64
    ) throws(LogError) -> SegmentHeader? {
        let header: SegmentHeader
        do {
            header = try SegmentHeader(readFrom: file)
        } catch {
            find(path, 0, expected, "\(error)")
            return nil
        }
        if result.log == nil { result.log = header.log }
        if header.log != result.log {
            find(path, 16, expected, "the segment is of another log, \(header.log.bytes.hex)")
            return nil
        }
        if SegmentHeader.fileName(header.basePosition) != name {
            find(path, 32, expected, "the header says base position \(header.basePosition)")
        }
        if header.basePosition != expected || header.number != Int64(summaries.count) {
            find(
                path, 32, expected,
                "segment \(header.number) begins at position \(header.basePosition), expected"
                    + " segment \(summaries.count) at \(expected)")
        }
        let chains =
            header.previousRoot == summaries.last?.root ?? .zero
            && (header.historyRoot == history.root || isChainBroken)
        // A segment that is known to be damaged has been reported.
        // One break shows in the history root of every later header: it is reported once.
        if header.historyRoot != history.root { isChainBroken = true }
        if !chains, summaries.last?.root != .zero || summaries.isEmpty {
            find(
                path, 48, expected,
                "the frames before this segment do not give the root that its header names: they"
                    + " were altered")
        }
        return header
    }
}
