import VarveBytes
import VarveSystem

/// Recovers the segments in a directory, or starts the first one, and makes a writer that goes on
/// where they end.
struct LogOpening {
    /// `DIR/log`.
    let directory: String
    let options: LogOptions
    let files: any FileSystem
    let now: Timestamp
    /// The name of the log, should it be a new one.
    let newID: LogID

    struct Opened {
        let writer: LogWriter
        let index: LogIndex
        let report: RecoveryReport
    }

    func open() throws(LogError) -> Opened {
        let names = try Recovery.system { () throws(SystemError) in
            // A segment may be appended to only once its name is durable.
            try files.syncDirectory(directory)
            return try files.list(directory)
        }.filter { $0.hasSuffix(SegmentHeader.suffix) }
        if names.isEmpty { return try created() }
        var segments: [(file: any File, header: SegmentHeader)] = []
        for name in names { segments.append(try segment(name)) }
        var recovery: Recovery?
        for (number, (file, header)) in segments.enumerated() {
            var state =
                recovery
                ?? Recovery(
                    log: header.log, files: files, directory: directory, options: options)
            guard header.log == state.log else {
                throw .invalidSegment(
                    path: file.path, reason: "it is of another log than \(names[0])")
            }
            if recovery == nil { state.register(Log.catalogName) }
            let isLast = number == segments.count - 1
            // What the last process wrote but did not sync must not be trusted before it is.
            if isLast {
                try Recovery.system { () throws(SystemError) in try file.sync() }
                // After a failed sync the kernel may show bytes that the disk does not have.
                file.dropCache()
            }
            try state.read(
                file, header, next: isLast ? nil : segments[number + 1].header.basePosition)
            recovery = state
        }
        guard let recovery, let last = segments.last else { throw .system("\(directory): no segments") }
        let size = try Recovery.system { () throws(SystemError) in try last.file.size() }
        let writer = LogWriter(
            log: recovery.log, epoch: recovery.epoch + 1, directory: directory, files: files,
            options: options, pipeline: recovery.pipeline, file: last.file, segmentBase: last.header.basePosition,
            end: recovery.end, size: size)
        return Opened(writer: writer, index: recovery.index, report: recovery.report)
    }

    private func segment(_ name: String) throws(LogError) -> (any File, SegmentHeader) {
        let path = "\(directory)/\(name)"
        var bytes = [UInt8](repeating: 0, count: SegmentHeader.size)
        let (file, count) = try Recovery.system { () throws(SystemError) in
            let file = try files.open(path, .readWrite)
            return (file, try file.read(SegmentHeader.size, at: 0, into: &bytes, start: 0))
        }
        let header = try SegmentHeader(bytes.raw.extracting(0..<count), path: path)
        guard SegmentHeader.fileName(header.basePosition) == name else {
            throw .invalidSegment(
                path: path, reason: "its header says base position \(header.basePosition)")
        }
        return (file, header)
    }

    private func created() throws(LogError) -> Opened {
        let header = SegmentHeader(
            epoch: 1, log: newID, basePosition: 0,
            creationTime: now.microseconds)
        let file = try Recovery.system { () throws(SystemError) in
            try LogWriter.create(header, in: directory, files)
        }
        var recovery = Recovery(
            log: header.log, files: files, directory: directory, options: options)
        recovery.register(Log.catalogName)
        recovery.index.segments = [Segment(base: 0, file: file)]
        recovery.report.segments = 1
        let size = Int64(SegmentHeader.size)
        let writer = LogWriter(
            log: header.log, epoch: 1, directory: directory, files: files, options: options,
            pipeline: recovery.pipeline, file: file, segmentBase: 0, end: size, size: size)
        return Opened(writer: writer, index: recovery.index, report: recovery.report)
    }
}
