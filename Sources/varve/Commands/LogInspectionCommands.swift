import VarveBytes
import VarveFormats
import VarveLog

/// Looking into a log, and keeping it safe. None of these needs a node; `salvage` and `restore`
/// need that none has the directory open.
let logInspectionCommands = [
    Command(
        "log info", "Describes the log: segments, streams, head, how it ends",
        example: "varve log info --dir /var/lib/varve"
    ) { invocation in
        let info = try available { () throws(LogError) in
            try LogInspection(directory: invocation.directory).info()
        }
        if invocation.wantsJSON { show(json(info).pretty) } else { showInfo(info) }
        return ExitCode.success
    },
    Command(
        "log tail", "Shows the last records", arguments: ["[COUNT]"],
        options: [.init("stream", "NAME", "of this stream only")],
        example: "varve log tail 5 --stream varve.predictions"
    ) { invocation in
        guard let count = Int64(invocation.positional.first ?? "10"), count >= 0 else {
            throw CommandError.usage("\(invocation.positional[0]) is no number of records")
        }
        try showTail(count, invocation)
        return ExitCode.success
    },
    Command(
        "log dump", "Prints what a segment file holds, frame by frame", arguments: ["FILE"],
        example: "varve log dump varve-data/log/00000000000000000000.varve"
    ) { invocation in
        try available { () throws(LogError) in
            try LogInspection(directory: invocation.directory)
                .dump(segment: invocation.positional[0]) { line in
                    show(line)
                    return true
                }
        }
        return ExitCode.success
    },
    Command(
        "log salvage", "Finds damaged frames, and by name redacts them or cuts the log there",
        options: [
            .init("redact", nil, "put redacted frames in their place, keep all that follows"),
            .init("truncate", nil, "remove everything from the first of them on"),
        ],
        example: "varve log salvage --dir /var/lib/varve"
    ) { invocation in
        guard !(invocation.has("redact") && invocation.has("truncate")) else {
            throw CommandError.usage("salvage takes --redact or --truncate, not both")
        }
        let report = try available { () throws(LogError) in
            let salvage = Salvage(directory: invocation.directory)
            if invocation.has("redact") { return try salvage.redact() }
            return invocation.has("truncate") ? try salvage.truncate() : try salvage.examine()
        }
        for damage in report.damages { show("\(damage)") }
        for path in report.keptAside { show("kept aside: \(path)") }
        if report.damages.isEmpty { show("no damaged frame") }
        if let end = report.end { show("the log ends at position \(end.value)") }
        return report.damages.isEmpty || report.end != nil ? ExitCode.success : ExitCode.failure
    },
    Command(
        "log backup", "Copies the log, also while a node runs, and verifies the copy",
        arguments: ["DEST"], example: "varve log backup /mnt/backup/varve"
    ) { invocation in
        let report = try available { () throws(LogError) in
            try Backup().back(up: invocation.directory, to: invocation.positional[0])
        }
        showCopy(report, invocation)
        return ExitCode.success
    },
    Command(
        "log restore", "Copies a backup into a data directory that holds no log",
        arguments: ["BACKUP"], example: "varve log restore /mnt/backup/varve --dir varve-data"
    ) { invocation in
        let report = try available { () throws(LogError) in
            try Backup().restore(invocation.positional[0], to: invocation.directory)
        }
        showCopy(report, invocation)
        return ExitCode.success
    },
]

/// Turns a log's error into one that says that the directory cannot be used.
private func available<Result>(_ body: () throws(LogError) -> Result) throws(CommandError)
    -> Result
{
    do {
        return try body()
    } catch {
        throw .unavailable("\(error)")
    }
}

private func showInfo(_ info: LogInspection.Info) {
    show("log \(info.log.bytes.hex), epoch \(info.epoch), position \(info.head.position.value)")
    var segments = TextTable(
        ["segment", "positions", "frames", "bytes", "sealed", "from", "to"], right: [1, 2, 3])
    for segment in info.segments {
        segments.add([
            String(segment.path.split(separator: "/").last ?? ""),
            "\(segment.positions.lowerBound)..<\(segment.positions.upperBound)",
            Int(segment.frames).grouped, Int(segment.bytes).grouped,
            segment.isRetired ? "retired" : segment.isSealed ? "yes" : "no",
            segment.ingestTimes?.lowerBound.description ?? "-",
            segment.ingestTimes?.upperBound.description ?? "-",
        ])
    }
    show(segments.text + "\n")
    var streams = TextTable(["stream", "partition", "offsets"], right: [1, 2])
    for stream in info.streams {
        streams.add([
            stream.name.name, "\(stream.name.partition)",
            "\(stream.startOffset)..<\(stream.highWatermark)",
        ])
    }
    show(streams.text)
    show("\nending: \(info.ending)")
}

private func json(_ info: LogInspection.Info) -> JSON {
    .object([
        .init("log", .string(info.log.bytes.hex)), .init("epoch", .integer(Int64(info.epoch))),
        .init("head", .string(info.head.note)), .init("ending", .string("\(info.ending)")),
        .init(
            "segments",
            .array(
                info.segments.map { segment in
                    .object([
                        .init("path", .string(segment.path)),
                        .init("from", .integer(segment.positions.lowerBound)),
                        .init("to", .integer(segment.positions.upperBound)),
                        .init("frames", .integer(segment.frames)),
                        .init("bytes", .integer(segment.bytes)),
                        .init("sealed", .bool(segment.isSealed)),
                        .init("retired", .bool(segment.isRetired)),
                        .init("root", .string(segment.root.description)),
                    ])
                })),
    ])
}

private func showTail(_ count: Int64, _ invocation: Invocation) throws {
    let inspection = LogInspection(directory: invocation.directory)
    let reader = try available { () throws(LogError) in try inspection.reader() }
    var streams: Set<StreamID>?
    if let name = invocation.value("stream") {
        streams = Set(reader.streams().filter { $0.name.name == name }.map(\.id))
        if streams?.isEmpty ?? true { throw CommandError.failure("there is no stream \(name)") }
    }
    let names = Dictionary(uniqueKeysWithValues: reader.streams().map { ($0.id, $0.name.name) })
    // Positions are shared by all streams: those of one are looked for in the whole log.
    let end = reader.commitPosition
    let start = streams == nil ? max(reader.startPosition.value, end.value - count) : 0
    var lines: [String] = []
    var scratch: [UInt8] = []
    try reader.read(from: Position(start), streams: streams) { frame in
        let (base, name, ingest) = (
            frame.basePosition.value, names[frame.streamID] ?? "", frame.ingestTime
        )
        try RecordBatch.forEachRecord(frame.body, scratch: &scratch) { record in
            let position = base + Int64(record.offsetDelta)
            guard position >= start else { return }
            var text = "null"
            if let value = record.value {
                text = String(decoding: value.copied().prefix(2000), as: UTF8.self)
            }
            lines.append("\(position)  \(ingest)  \(name)  \(text)")
            if lines.count > Int(count) { lines.removeFirst(lines.count - Int(count)) }
        }
        return true
    }
    for line in lines { show(line) }
}

private func showCopy(_ report: Backup.Report, _ invocation: Invocation) {
    if invocation.wantsJSON {
        show(
            JSON.object([
                .init("copied", .integer(Int64(report.copied))),
                .init("unchanged", .integer(Int64(report.unchanged))),
                .init("bytes", .integer(report.bytes)), .init("head", .string(report.head.note)),
            ]).pretty)
        return
    }
    show(
        "\(report.copied) segments copied, \(report.unchanged) were there, \(report.bytes.formatted)"
            + " bytes, up to position \(report.head.position.value); the copy is sound")
}

extension Int64 {
    fileprivate var formatted: String { Int(self).grouped }
}
