import VarveBytes
import VarveSystem

/// Brings the segments of a directory back into use, or starts the first one.
///
/// Sealed segments are taken by their footer: their frames are not read. The headers chain them:
/// each names the root of the segment before it and the root over all. Segments without a whole
/// footer are read frame by frame, and get a footer later; the last one never has one.
struct LogOpening {
    /// `DIR/log`.
    let directory: String
    let options: LogOptions
    let files: any FileSystem
    let now: Timestamp
    /// The name of the log, should it be a new one.
    let newID: LogID
    /// Whether the log is given threads.
    let isThreaded: Bool
    /// Whether nothing may be changed: what recovery would cut is left where it is.
    var isReadOnly = false

    struct Opened {
        let writer: LogWriter
        let state: LogState
        let keeper: SegmentKeeper
        let report: RecoveryReport
    }

    /// A segment file and what is known of it.
    private struct Found {
        let file: any File
        let header: SegmentHeader
        var footer: SealedFooter?
        var rows: [SealedFooter.StreamRow] = []
        var scanned = Recovery.Scanned()
        var summary: SegmentSummary?
        /// The state after its last frame, where the frames were read.
        var pipeline = AppendPipeline()
        var epoch: UInt32 = 0

        var number: Int { Int(header.number) }
    }

    func open() throws(LogError) -> Opened {
        let all = try Recovery.system { () throws(SystemError) in
            // A segment may be appended to only once its name is durable.
            if !isReadOnly { try files.syncDirectory(directory) }
            return try files.list(directory)
        }
        let names = all.filter { $0.hasSuffix(SegmentHeader.suffix) }
        let identity = try LogIdentity.read(directory, all, files)
        if names.isEmpty {
            if let identity {
                throw .invalidSegment(
                    path: directory, reason: "log \(identity.bytes.hex) was here, and no segment is"
                )
            }
            if isReadOnly { throw .system("\(directory): there is no log") }
            return try created()
        }
        var found: [Found] = []
        for name in names { found.append(try segment(name, identity ?? found.first?.header.log)) }
        let log = found[0].header.log
        if identity == nil, !isReadOnly {
            try Recovery.system { () throws(SystemError) in
                try LogIdentity.write(log, directory, files)
            }
        }
        var distrusted: Set<Int> = []
        while true {
            var recovery = Recovery(log: log, files: files, directory: directory, options: options)
            recovery.report.segments = found.count
            recovery.isReadOnly = isReadOnly
            recovery.isThreaded = isThreaded
            guard let bad = try recover(&found, &recovery, distrusted) else {
                // Not before it is known that the log opens: one that does not is not changed.
                if !isReadOnly { try removeLeftovers(all) }
                return opened(found, recovery)
            }
            distrusted.insert(bad)
        }
    }

    /// Goes through the segments in order.
    /// - Parameter distrusted: indices of segments whose footer is not to be used.
    /// - Returns: the index of a segment whose footer turns out to be damaged, for another try.
    private func recover(
        _ found: inout [Found], _ recovery: inout Recovery, _ distrusted: Set<Int>
    ) throws(LogError) -> Int? {
        var history = MerkleFrontier()
        var previous: SegmentSummary?
        var isCurrent = true
        for index in found.indices {
            let (file, header) = (found[index].file, found[index].header)
            try check(header, file.path, after: previous, history)
            let next = index + 1 < found.count ? found[index + 1].header.basePosition : nil
            var footer = try Recovery.system { () throws(SystemError) in
                try SealedFooter(file, log: header.log, base: header.basePosition)
            }
            if next == nil, footer != nil {
                throw .damaged(
                    path: file.path, offset: 0, position: footer?.trailer.summary.end ?? 0,
                    reason: "the segment is sealed, which is done only when there is a next one:"
                        + " the segment after it is lost")
            }
            if distrusted.contains(index) || footer?.trailer.summary.end != next { footer = nil }
            if let footer, let rows = try section(.streams, footer, file) {
                found[index].footer = footer
                found[index].rows = SealedFooter.rows(rows)
                found[index].summary = footer.trailer.summary
                recovery.epoch = max(recovery.epoch, footer.trailer.epoch)
                isCurrent = false
            } else {
                if header.isRetired {
                    throw .damaged(
                        path: file.path, offset: 0, position: header.basePosition,
                        reason: "its records were removed by retention, and the footer, which is"
                            + " all that is left, is damaged; restore the file from a backup")
                }
                if !isCurrent {
                    guard try restore(found[index - 1], &recovery) else { return index - 1 }
                }
                isCurrent = true
                try scan(&found[index], &recovery, next: next)
            }
            if let summary = found[index].summary {
                history.append(summary.leaf)
                previous = summary
            }
        }
        return nil
    }

    /// Checks that a segment follows the one before it.
    private func check(
        _ header: SegmentHeader, _ path: String, after previous: SegmentSummary?,
        _ history: MerkleFrontier
    ) throws(LogError) {
        let expected = previous?.end ?? 0
        guard header.basePosition == expected, header.number == history.count else {
            throw .damaged(
                path: path, offset: 0, position: expected,
                reason: "segment \(header.number) starts at position \(header.basePosition),"
                    + " expected segment \(history.count) at \(expected)")
        }
        guard header.previousRoot == previous?.root ?? .zero, header.historyRoot == history.root
        else {
            throw .damaged(
                path: path, offset: 48, position: expected,
                reason: "the frames before it do not give the root that its header names: they"
                    + " were altered")
        }
    }

    private func section(
        _ kind: SegmentFooter.Section, _ footer: SealedFooter, _ file: any File
    ) throws(LogError) -> [UInt8]? {
        try Recovery.system { () throws(SystemError) in try footer.section(kind, of: file) }
    }

    /// Restores the state after a sealed segment; answers whether its footer is whole.
    private func restore(_ segment: Found, _ recovery: inout Recovery) throws(LogError) -> Bool {
        guard let footer = segment.footer,
            let streams = try section(.streamTable, footer, segment.file),
            let producers = try section(.producers, footer, segment.file),
            let table = try? StreamTable(reading: streams.raw),
            let known = try? ProducerTable(reading: producers.raw)
        else { return false }
        recovery.restore(table, known, footer.trailer)
        return true
    }

    private func scan(_ segment: inout Found, _ recovery: inout Recovery, next: Int64?)
        throws(LogError)
    {
        // What the last process wrote but did not sync must not be trusted before it is; and after
        // a failed sync the kernel may show bytes that the disk does not have.
        let file = segment.file
        if next == nil, !isReadOnly {
            try Recovery.system { () throws(SystemError) in try file.sync() }
        }
        if !isReadOnly { file.dropCache(from: 0) }
        segment.scanned = try recovery.read(file, segment.header, next: next)
        segment.footer = nil
        segment.pipeline = recovery.pipeline
        segment.epoch = recovery.epoch
        let leaves = segment.scanned.leaves
        if let next {
            segment.summary = SegmentSummary(
                base: segment.header.basePosition, end: next,
                frames: Int64(leaves.count / MerkleTree.size), root: MerkleTree.root(leaves))
        }
    }

    private func opened(_ found: [Found], _ recovery: Recovery) -> Opened {
        let log = recovery.log
        var index = LogIndex()
        for name in recovery.names { index.register(name) }
        let keeper = SegmentKeeper(
            log: log, directory: directory, files: files, options: options)
        var unsealed: [Int64: [UInt8]] = [:]
        var last = found[found.count - 1]
        for segment in found {
            var known = Segment(
                number: segment.number, base: segment.header.basePosition, path: segment.file.path)
            if let footer = segment.footer {
                known.trailer = footer.trailer
                index.add(known, rows: segment.rows)
                if segment.header.isRetired { index.retire(known.number, rows: segment.rows) }
                continue
            }
            let entries = segment.scanned.entries
            guard let summary = segment.summary else {
                known.file = segment.file
                index.append(known)
                for entry in entries { index.add(entry) }
                last = segment
                continue
            }
            // As good as sealed: what its footer will say is known, and until it is written
            // lookups derive it from the frames.
            known.trailer = SegmentFooter.trailer(
                summary, entries, end: segment.scanned.end, epoch: segment.epoch)
            index.add(
                known, rows: SealedFooter.rows(SegmentFooter.streamDirectory(entries).streams))
            unsealed[known.base] = segment.scanned.leaves
            keeper.seal(
                SegmentKeeper.Ended(
                    number: known.number, base: known.base, end: segment.scanned.end,
                    file: segment.file, path: known.path, summary: summary, epoch: segment.epoch,
                    pipeline: segment.pipeline, entries: entries))
        }
        let tree = LogTree(
            summaries: found.compactMap(\.summary),
            base: last.header.basePosition, end: recovery.pipeline.nextPosition,
            leaves: last.scanned.leaves, unsealed: unsealed, isThreaded: isThreaded)
        return start(last, recovery, index, tree, keeper)
    }

    private func start(
        _ last: Found, _ recovery: Recovery, _ index: LogIndex, _ tree: LogTree,
        _ keeper: SegmentKeeper
    ) -> Opened {
        let log = recovery.log
        let segment = Segment(
            number: last.number, base: last.header.basePosition, path: last.file.path)
        // A size that cannot be read is one that nothing is known of: space is reserved anew.
        let size = (try? last.file.size()) ?? last.scanned.end
        let writer = LogWriter(
            log: log, epoch: recovery.epoch + 1, directory: directory, files: files,
            options: options, tree: tree, keeper: keeper, pipeline: recovery.pipeline,
            start: LogWriter.Start(
                segment: segment, file: last.file, end: last.scanned.end, size: size))
        let state = LogState(
            log: log, options: options, index: index, commit: writer.commit, tree: tree,
            cache: SegmentCache(
                log: log, files: files, fileLimit: options.openFiles,
                footerLimit: options.footerBytes))
        return Opened(writer: writer, state: state, keeper: keeper, report: recovery.report)
    }

    /// Removes what a removal or a copy that was interrupted left.
    private func removeLeftovers(_ all: [String]) throws(LogError) {
        let leftover = SegmentHeader.suffix + RetiredSegment.temporarySuffix
        try Recovery.system { () throws(SystemError) in
            for name in all where name.hasSuffix(leftover) {
                try files.remove("\(directory)/\(name)")
            }
        }
    }

    private func segment(_ name: String, _ log: LogID?) throws(LogError) -> Found {
        let path = "\(directory)/\(name)"
        let file = try Recovery.system { () throws(SystemError) in
            try files.open(path, isReadOnly ? .read : .readWrite)
        }
        let header = try SegmentHeader(readFrom: file)
        guard SegmentHeader.fileName(header.basePosition) == name else {
            throw .invalidSegment(
                path: path, reason: "its header says base position \(header.basePosition)")
        }
        guard header.log == log ?? header.log else {
            throw .invalidSegment(
                path: path,
                reason: "it is of log \(header.log.bytes.hex), expected"
                    + " \(log?.bytes.hex ?? "any")")
        }
        return Found(file: file, header: header)
    }

    private func created() throws(LogError) -> Opened {
        let header = SegmentHeader(
            epoch: 1, log: newID, basePosition: 0, creationTime: now.microseconds,
            previousRoot: .zero, number: 0, historyRoot: MerkleTree.emptyRoot)
        let file = try Recovery.system { () throws(SystemError) in
            let next = SegmentKeeper.preparedName
            let file = try LogWriter.place(
                header, in: try files.open("\(directory)/\(next)", .create),
                named: SegmentHeader.fileName(0), next, directory, files)
            try LogIdentity.write(newID, directory, files)
            return file
        }
        var recovery = Recovery(
            log: header.log, files: files, directory: directory, options: options)
        recovery.report.segments = 1
        return opened([Found(file: file, header: header)], recovery)
    }
}
