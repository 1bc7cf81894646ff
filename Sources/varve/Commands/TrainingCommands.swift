import VarveFormats
import VarveProtocols
import VarveSystem

/// Training sets.
let trainingCommands = [
    Command(
        "training-set create", "Builds a point-in-time training set and keeps its manifest",
        options: [
            .init("service", "NAME", "the service whose columns are computed"),
            .init(
                "spine", "FILE|STREAM",
                "the rows: a .csv, .parquet or .arrow file, or a stream of the log"),
            .init("mode", "MODE", "as-known (default) or as-corrected"),
            .init("basis", "POSITION", "use the log below this position (default: all)"),
            .init("time", "COLUMN", "the spine's column that holds T (default: time)"),
            .init("label", "EXPR", "of a stream's records: what the column `label` holds"),
            .init("label-delay", "DURATION", "T is so long before the record's event time"),
            .init("split", "T1[,T2]", "add a column `split`: train, [validation,] test by T"),
            .init("gap", "DURATION", "rows so long before a cutoff are on no side"),
            .init("memory", "SIZE", "such as 2GiB: facts beyond go to a file (default: no limit)"),
            .init("threads", "N", "default: as many as there are cores"),
            .init("out", "FILE.csv|.arrow|.parquet", "where the set goes (`-`: standard output)"),
            .init("report", "FILE.html", "also write a page: leak meter and distributions"),
        ],
        example: "varve training-set create --service arrival_delay"
            + " --spine fixtures/flights/spine.csv --out train.csv"
    ) { invocation in
        let service = try invocation.required("service")
        let spine = try invocation.required("spine")
        let out = try invocation.required("out")
        let endings = [".csv", ".lz4", ".parquet", ".arrow", ".arrows", ".feather"]
        let isFile = spine == "-" || endings.contains { spine.hasSuffix($0) }
        let memory = try invocation.size("memory")
        ProcessMemory.useHugePages()
        let body = isFile ? try readInput(spine) : []
        // Before any other thread exists: Ctrl-C then stops the build instead of the process.
        let signal = try TerminationSignal()
        return try Session.with(invocation, needsFeatures: false) { session in
            let job = try session.json(
                "POST", "/v1/training-sets",
                query: [
                    ("service", service), ("spine_stream", isFile ? nil : spine),
                    ("mode", invocation.value("mode")), ("basis", invocation.value("basis")),
                    ("time", invocation.value("time")), ("label", invocation.value("label")),
                    ("label_delay", invocation.value("label-delay")),
                    ("split", invocation.value("split")), ("gap", invocation.value("gap")),
                    ("memory", memory.map { "\($0)" }), ("threads", invocation.value("threads")),
                    ("format", try format(of: out)), ("job", "true"),
                ], body: body)
            guard try follow(job.text("job"), session, signal) else {
                note("varve: cancelled; nothing was kept")
                return ExitCode.failure
            }
            let response = try OutputFile.with(out) { file in
                try session.download("GET", "/v1/jobs/\(job.text("job").asSegment)/set") {
                    // The connection closes, which tells the node.
                    if signal.wait(timeout: .zero) != nil {
                        throw CommandError(
                            description: "cancelled; \(out) was not written",
                            code: ExitCode.failure)
                    }
                    try file.write($0)
                }
            }
            let id = response.headers["Varve-Training-Set"] ?? ""
            let manifest = try session.json("GET", "/v1/training-sets/\(id.asSegment)")
            if let path = invocation.value("report") { try writeReport(id, path, session) }
            if out != "-" { showManifest(manifest, invocation, out) }
            return ExitCode.success
        }
    },
    Command(
        "training-set reproduce", "Builds a training set again: the same bytes, or an error",
        arguments: ["ID"],
        options: [.init("out", "FILE.csv|.arrow|.parquet", "where the set goes")],
        example: "varve training-set reproduce ts-4f1c09d2a7be --out again.csv"
    ) { invocation in
        let out = try invocation.required("out")
        ProcessMemory.useHugePages()
        return try Session.with(invocation, needsFeatures: false) { session in
            _ = try OutputFile.with(out) { file in
                try session.download(
                    "POST", "/v1/training-sets/\(invocation.positional[0].asSegment)/reproduce",
                    query: [("format", try format(of: out))]
                ) { try file.write($0) }
            }
            if out != "-", !invocation.wantsJSON {
                show("\(out): identical to the manifest of \(invocation.positional[0])")
            }
            return ExitCode.success
        }
    },
    Command(
        "training-set verify", "Builds a training set again and compares it with its manifest",
        arguments: ["ID"], example: "varve training-set verify ts-4f1c09d2a7be"
    ) { invocation in
        ProcessMemory.useHugePages()
        return try Session.with(invocation, needsFeatures: false) { session in
            let id = invocation.positional[0]
            let json = try session.json("POST", "/v1/training-sets/\(id.asSegment)/verify")
            show(
                invocation.wantsJSON
                    ? json.pretty
                    : "\(id): \(json.text("rows")) rows of \(json.text("columns")) columns are"
                        + " identical to the manifest")
            return ExitCode.success
        }
    },
    Command(
        "training-set diff", "Says how two training sets differ, and why",
        arguments: ["A", "B"],
        example: "varve training-set diff ts-4f1c09d2a7be ts-90d1ac54b2f7"
    ) { invocation in
        try Session.with(invocation, needsFeatures: false) { session in
            let (one, other) = (invocation.positional[0], invocation.positional[1])
            let json = try session.json(
                "GET", "/v1/training-sets/\(one.asSegment)/diff/\(other.asSegment)")
            showDiff(json, invocation)
            return ExitCode.success
        }
    },
    Command(
        "training-set show", "Shows a training set's manifest", arguments: ["ID"],
        options: [.init("report", "FILE.html", "write a page: leak meter and distributions")],
        example: "varve training-set show ts-4f1c09d2a7be"
    ) { invocation in
        try Session.with(invocation, needsFeatures: false) { session in
            let manifest = try session.json(
                "GET", "/v1/training-sets/\(invocation.positional[0].asSegment)")
            if let path = invocation.value("report") {
                try writeReport(invocation.positional[0], path, session)
            }
            showManifest(manifest, invocation, nil)
            return ExitCode.success
        }
    },
    Command(
        "training-set list", "Lists training sets", example: "varve training-set list"
    ) { invocation in
        try Session.with(invocation, needsFeatures: false) { session in
            let json = try session.json("GET", "/v1/training-sets")
            if invocation.wantsJSON {
                show(json.pretty)
                return ExitCode.success
            }
            var table = TextTable(["id", "service", "mode", "basis", "rows"], right: [3, 4])
            for set in json["training_sets"]?.arrayValue ?? [] {
                table.add(["id", "service", "mode", "basis", "rows"].map { set.text($0) })
            }
            show(table.text)
            return ExitCode.success
        }
    },
]

/// Waits until a job's set can be fetched, and shows how far it has come.
/// - Returns: false when it was cancelled, by Ctrl-C or by somebody else.
private func follow(
    _ id: String, _ session: Session, _ signal: TerminationSignal
) throws -> Bool {
    let path = "/v1/jobs/\(id.asSegment)"
    var progress = Progress("facts and rows", total: 0)
    defer { progress.finish() }
    var pause = Duration.milliseconds(2)
    while true {
        let job = try session.json("GET", path)
        func count(_ name: String) -> Int { Int(job[name]?.integerValue ?? 0) }
        let done = count("facts") + count("rows")
        progress.advance(
            done - progress.done, of: max(done, count("facts_at_most") + count("rows_in_all")))
        switch job.text("phase") {
        // Built, and fetched while it is being written.
        case "running" where job["is_kept"]?.boolValue == true: return true
        case "waiting", "running": break
        case "cancelled": return false
        // A failure is told to whoever asks for the set.
        default: return true
        }
        if signal.wait(timeout: pause) != nil { _ = try session.send("DELETE", path) }
        pause = min(pause * 2, .milliseconds(10))
    }
}

private func writeReport(_ id: String, _ path: String, _ session: Session) throws {
    try writeOutput(path, try session.send("GET", "/v1/training-sets/\(id.asSegment)/report").body)
}

private func showDiff(_ json: JSON, _ invocation: Invocation) {
    if invocation.wantsJSON { return show(json.pretty) }
    if let reason = json["reason"]?.stringValue { return show(reason) }
    let changed = (json["code_changed"]?.arrayValue ?? []).compactMap(\.stringValue)
    if !changed.isEmpty {
        show(
            "not what the manifest says (other code, or a changed log): "
                + changed.joined(separator: ", "))
    }
    let columns = json["columns"]?.arrayValue ?? []
    if columns.isEmpty { return show("no cell differs") }
    var table = TextTable(
        ["column", "rows that differ", "by definitions", "by data", "first row"],
        right: [1, 2, 3, 4])
    for column in columns {
        table.add(
            ["name", "rows", "by_definitions", "by_data", "first_row"].map { column.text($0) })
    }
    show(table.text)
}

private func format(of path: String) throws(CommandError) -> String {
    if path == "-" || path.hasSuffix(".csv") { return "csv" }
    if path.hasSuffix(".arrow") { return "arrow" }
    if path.hasSuffix(".parquet") { return "parquet" }
    throw .usage("--out is \(path), expected a name that ends with .csv, .arrow or .parquet")
}

private func showManifest(_ manifest: JSON, _ invocation: Invocation, _ path: String?) {
    if invocation.wantsJSON {
        show(manifest.pretty)
        return
    }
    let columns = manifest["columns"]?.arrayValue ?? []
    var table = TextTable(
        ["column", "present", "null share", "mean", "leaks", "latest differs"],
        right: [1, 2, 3, 4, 5])
    for column in columns {
        let statuses = column["statuses"]
        let present = statuses?["present"]?.integerValue ?? 0
        let rows = manifest["rows"]?.integerValue ?? 0
        let share = rows == 0 ? 0 : Double(rows - present) / Double(rows)
        table.add([
            column.text("name"), Int(present).grouped, (100 * share).fixed(1) + "%",
            column["profile"]?.fixed("mean", 3) ?? "-", column.text("leaks"),
            column.text("latest_differs"),
        ])
    }
    show(table.text)
    let leaks = columns.reduce(0) { $0 + ($1["leaks"]?.integerValue ?? 0) }
    let latest = columns.reduce(0) { $0 + ($1["latest_differs"]?.integerValue ?? 0) }
    let cells = Int64(columns.count) * (manifest["rows"]?.integerValue ?? 0)
    for stream in manifest["unreadable"]?.objectValue ?? [] {
        note(
            "varve: \(stream.value.text) records of \(stream.name) cannot be read by its definition,"
                + " and are in no cell")
    }
    show(
        """

        \(manifest.text("id"))\(path.map { " in \($0)" } ?? ""): \(manifest.text("rows")) rows, \
        \(manifest.text("mode")), basis \(manifest.text("basis"))
        leak meter: \(Int(leaks).grouped) of \(Int(cells).grouped) cells would change if late and \
        corrected data were used; a plain join on the newest values would change \
        \(Int(latest).grouped)
        """)
}
