import VarveBytes
import VarveFormats
import VarveLog
import VarveNode
import VarveSystem

/// Appending records, and replaying them live.
let streamCommands = [
    Command(
        "append", "Appends NDJSON lines as records of a stream; durable when it ends",
        arguments: ["STREAM", "FILE"], options: EventTimes.options,
        example: "varve append departures fixtures/flights/departures.ndjson.lz4"
    ) { invocation in
        let stream = invocation.positional[0]
        let body = try wanted(invocation, stream, invocation.positional[1])
        return try Session.with(invocation, creates: true) { session in
            let count: Int
            if let address = session.address {
                var feed = try RecordFeed(address)
                var progress = Progress("appending to \(stream)", total: body.count)
                for line in body.split(separator: UInt8(ascii: "\n")) {
                    try feed.send(Array(line), to: stream)
                    progress.advance(line.count + 1)
                }
                count = try feed.finish()
                progress.finish()
            } else {
                let json = try session.json(
                    "POST", "/v1/streams/\(stream.asSegment)/records", body: body)
                count = Int(json["appended"]?.integerValue ?? 0)
            }
            show(
                invocation.wantsJSON
                    ? JSON.object([.init("appended", .integer(Int64(count)))]).text
                    : "\(count.grouped) records appended to \(stream)")
            return ExitCode.success
        }
    },
    Command(
        "streams", "Lists streams", example: "varve streams"
    ) { invocation in
        try Session.with(invocation) { session in
            let json = try session.json("GET", "/v1/streams")
            if invocation.wantsJSON {
                show(json.pretty)
                return ExitCode.success
            }
            var table = TextTable(["stream", "partition", "records", "declared"], right: [1, 2])
            for item in json["streams"]?.arrayValue ?? [] {
                table.add([
                    item.text("name"), item.text("partition"),
                    Int(item["records"]?.integerValue ?? 0).grouped, item.text("declared"),
                ])
            }
            show(table.text)
            return ExitCode.success
        }
    },
    Command(
        "backtest",
        "Replays event files in order of time and asks for a prediction for each request",
        options: [
            .init("model", "NAME@ALIAS", "the model that is asked"),
            .init("events", "STREAM=FILE", "NDJSON events, in order of their time", repeats: true),
            .init("requests", "FILE.csv", "rows with time, id, keys and inputs"),
            .init("id", "COLUMN", "the column that names each prediction"),
        ] + EventTimes.options,
        example: "varve backtest --model late@champion --requests spine-later.csv --id flight"
            + " --events departures=departures.ndjson.lz4 --since 2013-03-16T00:00:00Z"
    ) { invocation in try Backtest(invocation).run(invocation) },
]

/// The lines of a file, those at the wanted times where the command line asks for some.
private func wanted(_ invocation: Invocation, _ stream: String, _ path: String) throws -> [UInt8] {
    guard invocation.has("since") || invocation.has("until") else { return try readInput(path) }
    let times = try EventTimes(invocation)
    var body: [UInt8] = []
    for event in try times.events(stream, path)
    where event.time >= times.since && event.time < times.until {
        body.append(contentsOf: event.value)
        body.append(UInt8(ascii: "\n"))
    }
    return body
}

/// Sends records to a node's Kafka port, and turns what it refuses into an error.
struct RecordFeed {
    private let producer: KafkaProducer
    private var sent = 0
    /// Streams that are known to be there.
    private var known: Set<String> = []

    init(_ address: Session.Address) throws {
        var options = KafkaProducer.Options()
        if let token = address.token {
            options.credentials = .init(user: NodeToken.user, password: token)
        }
        producer = try KafkaProducer(
            host: address.kafka.host, port: address.kafka.port, options: options)
    }

    /// Sends one record, when enough of them wait.
    mutating func send(_ value: [UInt8], to stream: String) throws {
        if value.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) { return }
        // Asking for a topic is what creates it, where the node does that.
        if !known.contains(stream) {
            _ = try producer.partitions(of: stream)
            known.insert(stream)
        }
        let now = SystemClock().now().microseconds.flooredDivision(by: 1000).quotient
        try producer.send(
            Record(key: nil, value: value, timestamp: now),
            to: StreamName(name: stream, partition: 0))
        sent += 1
        try check(producer.takeResults())
    }

    /// Waits until everything sent is durable; answers how many records that were.
    mutating func finish() throws -> Int {
        try check(try producer.flush())
        defer { sent = 0 }
        return sent
    }

    private func check(_ results: [KafkaProducer.BatchResult]) throws {
        for result in results {
            if case .failure(let refusal) = result.outcome {
                let line = result.firstRecord + (refusal.records.first?.index ?? 0) + 1
                throw CommandError.failure(
                    "\(result.stream.name): record \(line) was refused:"
                        + " \(refusal.records.first?.message ?? refusal.description);"
                        + " batches before it were appended, its own was not")
            }
        }
    }
}
