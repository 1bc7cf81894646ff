import VarveBytes
import VarveFormats

/// A line of an event file.
struct Event {
    let time: Timestamp
    let stream: String
    let value: [UInt8]
}

/// Which events of a file are wanted, by the time in one of their fields.
struct EventTimes {
    let since: Timestamp
    let until: Timestamp
    private let field: String

    /// The options that say so.
    static let options = [
        Command.Option("time", "FIELD", "the field that holds an event's time (default: time)"),
        Command.Option("since", "TIME", "leave out events before this time"),
        Command.Option("until", "TIME", "leave out what is at this time or later"),
    ]

    init(_ invocation: Invocation) throws {
        field = invocation.value("time") ?? "time"
        since = try Self.time(invocation, "since") ?? .distantPast
        until = try Self.time(invocation, "until") ?? .distantFuture
    }

    private static func time(_ invocation: Invocation, _ name: String) throws -> Timestamp? {
        guard let text = invocation.value(name) else { return nil }
        guard let time = Timestamp(parsing: text) else {
            throw CommandError.usage(
                "--\(name) is \"\(text)\", expected a time such as 2013-03-16T00:00:00Z")
        }
        return time
    }

    /// The events of a file, in its order.
    /// - Throws: `CommandError` naming the first line without a time.
    func events(_ stream: String, _ path: String) throws -> [Event] {
        let name = Array(field.utf8)
        var events: [Event] = []
        for (index, line) in try readInput(path).split(separator: UInt8(ascii: "\n")).enumerated() {
            let value = Array(line)
            guard let time = Self.time(value, name) else {
                throw CommandError.failure(
                    "\(path): line \(index + 1) has no time in \(field), expected one such as"
                        + " 2013-03-16T00:00:00Z")
            }
            events.append(Event(time: time, stream: stream, value: value))
        }
        return events
    }

    private static func time(_ line: [UInt8], _ field: [UInt8]) -> Timestamp? {
        var scanner = JSONScanner(line.raw)
        // What is no JSON has no time; the node says what is wrong with it.
        guard (try? scanner.beginObject()) != nil else { return nil }
        while let name = (try? scanner.nextName()) ?? nil {
            guard let scalar = try? scanner.scalar() else { return nil }
            if scanner.matches(name, field.raw), case .string(let text) = scalar {
                return (try? scanner.text(text)).flatMap { Timestamp(parsing: $0) }
            }
        }
        return nil
    }
}
