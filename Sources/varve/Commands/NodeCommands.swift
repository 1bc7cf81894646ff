import VarveFormats
import VarveLog
import VarveNode
import VarveProjections
import VarveSystem

/// Running a node, and looking at one.
let nodeCommands = [
    Command(
        "serve", "Runs a node: Kafka, Redis protocol and HTTP, until SIGTERM or Ctrl-C",
        options: [
            .init("kafka-port", "PORT", "port of the Kafka protocol (default 9092; 0: any)"),
            .init("http-port", "PORT", "port of HTTP (default 8080; 0: any)"),
            .init("resp-port", "PORT", "port of the Redis protocol (default 6379; 0: any)"),
            .init(
                "host", "ADDRESS",
                "where Kafka clients connect (default 127.0.0.1; others need users)"),
            .init("advertise", "HOST", "what Kafka clients are told to connect to (default: host)"),
            .init(
                "memory", "SIZE",
                "such as 2GiB: facts beyond that nobody asks for go to a file (default: a third of"
                    + " the machine's)"),
            .init("no-auto-create", nil, "do not create streams that producers name"),
            .init(
                "snapshot-seconds", "S",
                "save projections so long after records that are not saved (default 300)"),
            .init(
                "snapshot-records", "N", "save them after so many records (default 1000000)"),
        ],
        example: "varve serve --dir /var/lib/varve --kafka-port 9092 --http-port 8080"
    ) { invocation in try serve(invocation) },
    Command(
        "status", "Shows positions, lags and sizes of log and projections",
        example: "varve status --json"
    ) { invocation in
        try Session.with(invocation) { session in
            let json = try session.json("GET", "/v1/status")
            if invocation.wantsJSON { show(json.pretty) } else { showStatus(json) }
            return ExitCode.success
        }
    },
    Command(
        "retention", "Removes now what retention lets go; says why other segments stay",
        example: "varve retention"
    ) { invocation in
        try Session.with(invocation) { session in
            let json = try session.json("POST", "/v1/retention")
            if invocation.wantsJSON { show(json.pretty) } else { showRetention(json) }
            return ExitCode.success
        }
    },
]

private func showRetention(_ json: JSON) {
    show(
        "\(json.text("removed_segments")) segments removed, \(json.text("removed_bytes")) bytes of"
            + " record batches")
    for item in json["kept"]?.arrayValue ?? [] {
        show("\(item.text("segments")) kept: \(item.text("reason"))")
    }
}

private func serve(_ invocation: Invocation) throws -> Int32 {
    var options = NodeOptions(directory: invocation.directory)
    options.host = invocation.value("host") ?? options.host
    options.advertisedHost = invocation.value("advertise")
    options.kafkaPort = try port(invocation, "kafka-port", options.kafkaPort)
    options.httpPort = try port(invocation, "http-port", options.httpPort)
    options.respPort = try port(invocation, "resp-port", options.respPort)
    options.createsStreams = !invocation.has("no-auto-create")
    options.onlineMemory = try invocation.size("memory") ?? NodeOptions.usualOnlineMemory
    let snapshots = SnapshotSchedule()
    let seconds = try invocation.integer(
        "snapshot-seconds", default: Int(snapshots.interval.components.seconds))
    let records = try invocation.integer("snapshot-records", default: Int(snapshots.records))
    guard seconds > 0, records > 0 else {
        throw CommandError.usage(
            "--snapshot-seconds is \(seconds) and --snapshot-records \(records), expected at"
                + " least 1")
    }
    options.snapshots = SnapshotSchedule(
        records: Int64(records), interval: .seconds(seconds))
    // Before any other thread exists: they all inherit that these signals are not for them.
    let signal = try TerminationSignal()
    ProcessMemory.keepFreedBlocks()
    let node: Node
    do {
        node = try Node(options)
    } catch {
        throw CommandError.unavailable("\(error)")
    }
    let server: NodeServer
    do {
        server = try NodeServer(node, options) { note("varve: \($0)") }
    } catch {
        try? node.close()
        throw CommandError.unavailable("\(error)")
    }
    let recovery = node.log.recovery
    if let file = recovery.tornFile {
        note("varve: \(recovery.tornBytes) bytes of a torn tail were cut off, kept in \(file)")
    }
    if let problem = node.online.snapshotProblem { note("varve: folding anew: \(problem)") }
    show(
        invocation.wantsJSON
            ? server.address.text
            : "varve serves \(options.directory): Kafka at"
                + " \(server.address.text("kafka")), HTTP at \(server.address.text("http")),"
                + " Redis protocol at \(server.address.text("resp")), log at position"
                + " \(node.log.commitPosition.value)")
    _ = signal.wait()
    server.stop()
    try node.close()
    return ExitCode.success
}

private func port(_ invocation: Invocation, _ name: String, _ standard: UInt16) throws -> UInt16 {
    let number = try invocation.integer(name, default: Int(standard))
    guard let port = UInt16(exactly: number) else {
        throw CommandError.usage("--\(name) is \(number), expected 0 to 65535")
    }
    return port
}

private func showStatus(_ json: JSON) {
    show("log \(json.text("log")), epoch \(json.text("epoch"))")
    var projections = TextTable(["projection", "position", "lag", "blocked"], right: [2])
    for item in json["projections"]?.arrayValue ?? [] {
        projections.add(["name", "position", "lag", "blocked"].map { item.text($0) })
    }
    show("\n" + projections.text)
    var streams = TextTable(["stream", "records"], right: [1])
    for item in json["streams"]?.arrayValue ?? [] {
        streams.add([
            item.text("name"), Int(item["records"]?.integerValue ?? 0).grouped,
        ])
    }
    show("\n" + streams.text)
    var views = TextTable(["view", "keys", "facts", "bytes", "on disk"], right: [1, 2, 3, 4])
    for item in json["views"]?.arrayValue ?? [] {
        views.add([
            item.text("view"), Int(item["keys"]?.integerValue ?? 0).grouped,
            Int(item["facts"]?.integerValue ?? 0).grouped,
            Int(item["bytes"]?.integerValue ?? 0).grouped,
            Int(item["paged_bytes"]?.integerValue ?? 0).grouped,
        ])
    }
    if !views.isEmpty { show("\n" + views.text) }
    if let limit = json["online_memory"]?["limit"]?.integerValue {
        show("\nviews may take \(Int(limit).grouped) bytes of memory")
    }
    if let reason = json["online_memory"]?["unmoved"]?.stringValue {
        show("\nfacts beyond that could not be moved to a file: \(reason)")
    }
    for item in json["offline_unreadable"]?.arrayValue ?? [] {
        show(
            "\(item.text("stream")): \(item.text("records")) records are not in the offline store's"
                + " tables, the first at \(item.text("first")): its definition cannot read them")
    }
    for item in json["unreadable"]?.arrayValue ?? [] {
        show(
            "\n\(item.text("records")) records of \(item.text("stream")) do not fit its definition,"
                + " the first at \(item.text("first")): \(item.text("reason"))")
    }
    let stale = (json["needs_rebuild"]?.arrayValue ?? []).compactMap(\.stringValue)
    if !stale.isEmpty {
        show("\n\(stale.joined(separator: ", ")) changed: `varve rebuild online` shows the difference")
    }
}
