import VarveBytes
import VarveFormats
import VarveNode

/// A stretch of history lived again: events are appended in the order of their times, and each
/// request is answered when exactly the events before it have arrived.
struct Backtest {
    private let model: String
    private let events: [Event]
    private let requests: Table
    private let idColumn: String?
    private let times: EventTimes

    init(_ invocation: Invocation) throws {
        model = try invocation.required("model")
        idColumn = invocation.value("id")
        let times = try EventTimes(invocation)
        self.times = times
        let path = try invocation.required("requests")
        do {
            let bytes = try readInput(path)
            requests = try Table(csv: bytes.raw, types: ["time": .timestamp])
        } catch let error as CSVError {
            throw CommandError.failure("\(path): \(error)")
        }
        if let idColumn, requests[idColumn] == nil {
            throw CommandError.usage("\(path) has no column \(idColumn)")
        }
        var events: [Event] = []
        for (stream, path) in try invocation.pairs("events") {
            events += try times.events(stream, path).filter { $0.time >= times.since }
        }
        // Stable, so that events of equal times keep the order of the options.
        self.events = events.enumerated()
            .sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
            .map(\.element)
    }

    /// The request's rows in order of time.
    private func rows() -> [(time: Timestamp, row: Int)] {
        let moments = requests["time"]
        return (0..<requests.rowCount)
            .compactMap { row in (moments?.timestamp(row)).map { ($0, row) } }
            .filter { $0.0 >= times.since && $0.0 < times.until }
            .sorted { ($0.0, $0.1) < ($1.0, $1.1) }
    }

    /// Appends, asks, and tells how it went.
    func run(_ invocation: Invocation) throws -> Int32 {
        try Session.with(invocation) { session in
            guard let address = session.address else {
                throw CommandError.unavailable(
                    "backtest needs a running node: varve serve --dir \(invocation.directory)")
            }
            var feed = try RecordFeed(address)
            let needs = try needs(session)
            let rows = rows()
            var progress = Progress("predicting", total: rows.count)
            var (next, mismatches, appended) = (0, 0, 0)
            for (time, row) in rows {
                let first = next
                while next < events.count, events[next].time < time {
                    try feed.send(events[next].value, to: events[next].stream)
                    next += 1
                }
                var position: JSON?
                if next > first {
                    appended += try feed.finish()
                    position = try session.json("GET", "/v1/position")["position"]
                }
                let reply = try session.json(
                    "POST", "/v1/predict",
                    body: Array(body(row, time, needs, position).text.utf8))
                if reply["definitions_match"]?.boolValue == false { mismatches += 1 }
                progress.advance(1)
            }
            while next < events.count, events[next].time < times.until {
                try feed.send(events[next].value, to: events[next].stream)
                next += 1
            }
            appended += try feed.finish()
            progress.finish()
            let seconds = progress.seconds
            if invocation.wantsJSON {
                show(
                    JSON.object([
                        .init("predictions", .integer(Int64(rows.count))),
                        .init("events", .integer(Int64(appended))),
                        .init("seconds", .number(seconds)),
                        .init("definition_mismatches", .integer(Int64(mismatches))),
                    ]).text)
            } else {
                show(
                    "\(rows.count.grouped) predictions between \(appended.grouped) events in"
                        + " \(seconds.fixed(1)) s")
                if mismatches > 0 {
                    show(
                        "\(mismatches.grouped) of them were served with other definitions than the"
                            + " model was registered for")
                }
            }
            return ExitCode.success
        }
    }

    /// Key fields and inputs that the model's service needs.
    private struct Needs {
        let keys: [String]
        let inputs: [String]
    }

    private func needs(_ session: Session) throws -> Needs {
        let name = model.prefix { $0 != "@" && $0 != ":" }
        let models = try session.json("GET", "/v1/models")["models"]?.arrayValue ?? []
        let service = models.first { $0["name"]?.stringValue == String(name) }?["versions"]?
            .arrayValue?.last?["service"]?.stringValue
        let json = try session.json("GET", "/v1/services/\((service ?? "").asSegment)")
        func names(_ group: String) -> [String] {
            (json[group]?.objectValue ?? []).map(\.name)
        }
        return Needs(keys: names("keys"), inputs: names("inputs"))
    }

    private func body(_ row: Int, _ time: Timestamp, _ needs: Needs, _ position: JSON?) -> JSON {
        func members(_ names: [String]) -> JSON {
            .object(
                names.compactMap { name in
                    requests[name].map { JSON.Member(name, Self.json($0.cell(row))) }
                })
        }
        var request = [
            JSON.Member("model", .string(model)), .init("keys", members(needs.keys)),
            .init("inputs", members(needs.inputs)), .init("at", .string(time.description)),
        ]
        if let idColumn, let id = requests[idColumn]?.cell(row) {
            request.append(.init("id", .string(Self.json(id).stringValue ?? Self.json(id).text)))
        }
        if let position { request.append(.init("min_position", position)) }
        return .object(request)
    }

    private static func json(_ cell: Column.Cell) -> JSON {
        switch cell {
        case .null: .null
        case .bool(let value): .bool(value)
        case .int64(let value): .integer(value)
        case .float64(let value): .number(value)
        case .string(let value): .string(value)
        case .timestamp(let value): .string(value.description)
        }
    }
}
