import VarveBytes
import VarveFormats
public import VarveSystem

/// Copies of a log. A copy is a data directory: it opens, verifies and is restored by copying it
/// back. It is made from the files alone, also while a node uses them: sealed segments as they are,
/// of the open one what is promised, so that a copy never holds what the log may still lose.
public struct Backup {
    /// What was copied.
    public struct Report: Sendable, Equatable {
        /// Segments copied.
        public internal(set) var copied = 0
        /// Sealed segments that the copy had already.
        public internal(set) var unchanged = 0
        /// Bytes written.
        public internal(set) var bytes: Int64 = 0
        /// The head over the copy: every record below its position is in it.
        public internal(set) var head: LogHead
    }

    private let files: any FileSystem
    /// Bytes copied at a time.
    private static let block = 4 << 20

    /// Copies made through a file system.
    public init(fileSystem files: any FileSystem = PosixFileSystem()) { self.files = files }

    /// Copies the log of a data directory into another directory, or brings an earlier copy there
    /// up to date; then verifies the copy.
    /// - Parameter progress: called for each segment with how many are done, of how many.
    /// - Throws: `LogError.damaged` when the copy does not verify.
    public func back(
        up directory: String, to destination: String, progress: (Int, Int) -> Void = { _, _ in }
    ) throws(LogError) -> Report {
        let (from, to) = ("\(directory)/log", "\(destination)/log")
        let all = try Recovery.system { () throws(SystemError) in
            try files.createDirectory(to)
            try files.syncDirectory(destination)
            return try files.list(from)
        }
        try checkIdentity(from, to, all)
        for name in all where name == LogIdentity.name {
            try Recovery.system { () throws(SystemError) in
                try files.replace(name, in: to, with: try files.contents(of: "\(from)/\(name)"))
            }
        }
        let names = all.filter { $0.hasSuffix(SegmentHeader.suffix) }
        var report = Report(head: LogHead(LogID([UInt8](repeating: 0, count: 16)), []))
        for (index, name) in names.enumerated() {
            try copy(name, from, to, isLast: index == names.count - 1, &report)
            progress(index + 1, names.count)
        }
        // A segment that was copied before retention removed its records keeps them in the copy.
        report.head = try verified(destination)
        return report
    }

    /// Copies a backup into a data directory that holds no log.
    public func restore(
        _ backup: String, to directory: String, progress: (Int, Int) -> Void = { _, _ in }
    ) throws(LogError) -> Report {
        _ = try verified(backup)
        let target = "\(directory)/log"
        let present = try Recovery.system { () throws(SystemError) in
            try files.createDirectory(target)
            return try files.list(target)
        }
        guard !present.contains(where: { $0.hasSuffix(SegmentHeader.suffix) }) else {
            throw .system(
                "\(directory) holds a log; restore into an empty directory and exchange the two")
        }
        return try back(up: backup, to: directory, progress: progress)
    }

    /// Refuses to mix two logs.
    private func checkIdentity(_ from: String, _ to: String, _ names: [String]) throws(LogError) {
        let theirs = try Recovery.system { () throws(SystemError) in try files.list(to) }
        guard let mine = try LogIdentity.read(from, names, files) else {
            throw .system("\(from) holds no log, or one that was never opened")
        }
        if let other = try LogIdentity.read(to, theirs, files), other != mine {
            throw .system(
                "\(to) holds a copy of log \(other.bytes.hex), this is log \(mine.bytes.hex)")
        }
    }

    private func verified(_ directory: String) throws(LogError) -> LogHead {
        let result = try LogVerifier(directory: directory, fileSystem: files).verify()
        guard let head = result.head else {
            let finding = result.findings.first
            throw .damaged(
                path: finding?.path ?? directory, offset: finding?.offset ?? 0,
                position: finding?.position ?? 0,
                reason: finding?.reason ?? "the backup does not verify")
        }
        return head
    }

    private func copy(
        _ name: String, _ from: String, _ to: String, isLast: Bool, _ report: inout Report
    ) throws(LogError) {
        let file = try Recovery.system { () throws(SystemError) in
            try files.open("\(from)/\(name)", .read)
        }
        let header = try SegmentHeader(readFrom: file)
        let footer = try Recovery.system { () throws(SystemError) in
            try SealedFooter(file, log: header.log, base: header.basePosition)
        }
        let size: Int64
        if let footer {
            size =
                footer.trailer.footerOffset + footer.trailer.footerLength
                + Int64(SegmentTrailer.size)
        } else {
            size = try promisedEnd(of: file, header, isLast: isLast)
        }
        if let footer, try has("\(to)/\(name)", footer, size) {
            report.unchanged += 1
            return
        }
        var ranges = [0..<size]
        if header.isRetired, let trailer = footer?.trailer {
            ranges = [0..<Int64(SegmentHeader.size), trailer.footerOffset..<size]
        }
        try Recovery.system { () throws(SystemError) in
            let temporary = "\(to)/\(name)\(RetiredSegment.temporarySuffix)"
            let target = try files.open(temporary, .create)
            for range in ranges { try RetiredSegment.copy(range, from: file, to: target) }
            try target.sync()
            try files.rename(temporary, to: "\(to)/\(name)")
            try files.syncDirectory(to)
        }
        report.copied += 1
        report.bytes += ranges.reduce(0) { $0 + Int64($1.count) }
    }

    /// Whether the copy of a sealed segment is there already.
    private func has(_ path: String, _ footer: SealedFooter, _ size: Int64) throws(LogError) -> Bool
    {
        do {
            let file = try files.open(path, .read)
            guard try file.size() == size else { return false }
            var bytes = [UInt8](repeating: 0, count: SegmentTrailer.size)
            _ = try file.read(
                bytes.count, at: size - Int64(bytes.count), into: &bytes, start: 0)
            return footer.isTrailer(bytes)
        } catch {
            if error.isNotFound { return false }
            throw .system("\(error)")
        }
    }

    /// Where the frames end that are promised: of a segment that has a next one, all of them.
    private func promisedEnd(of file: any File, _ header: SegmentHeader, isLast: Bool)
        throws(LogError) -> Int64
    {
        let size = try Recovery.system { () throws(SystemError) in try file.size() }
        var window = FileWindow(
            file, size: size, log: header.log, base: header.basePosition, block: Self.block)
        var (offset, position) = (Int64(SegmentHeader.size), header.basePosition)
        var (promised, end) = (header.basePosition, offset)
        // Frames wait for a promise that covers them.
        var waiting: [(end: Int64, position: Int64)] = []
        while let (frame, _) = try window.frame(at: offset), frame.basePosition == position {
            offset += Int64(frame.frameSize)
            position = frame.endPosition
            promised = max(promised, frame.commitPromised)
            waiting.append((offset, position))
            while let first = waiting.first, !isLast || first.position <= promised {
                end = first.end
                waiting.removeFirst()
            }
        }
        return end
    }
}
