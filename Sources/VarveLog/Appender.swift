import VarveBytes
import VarveFormats
import VarveSystem

/// The one thread that appends. Callers put requests into a bounded mailbox; the thread takes all
/// that wait, writes them as one group, publishes them, and then answers.
///
///     callers --> mailbox --> [ write + sync ] --> index, commit position --> completions
final class Appender: Sendable {
    /// What the thread is asked to do.
    enum Request: Sendable {
        case batch([UInt8], StreamID, FrameFlags, @Sendable (Result<Appended, AppendError>) -> Void)
        case streams([StreamName], @Sendable (AppendError?) -> Void)
    }

    private struct Mailbox {
        var requests: [Request] = []
        var bytes = 0
        var isStopping = false
    }

    private let mailbox = Monitor(Mailbox())
    private let options: LogOptions

    init(options: LogOptions) { self.options = options }

    /// Hands a request to the thread; waits while the mailbox is full.
    func submit(_ request: Request) {
        let size = request.size
        let limit = options.mailboxBytes
        let accepted = mailbox.wait(until: { $0.bytes == 0 || $0.bytes + size <= limit || $0.isStopping })
        { mailbox in
            if mailbox.isStopping { return false }
            mailbox.requests.append(request)
            mailbox.bytes += size
            return true
        }
        if accepted { mailbox.wakeAll() } else { request.refuse(.stopped("it is being closed")) }
    }

    /// Lets the thread end after what is in the mailbox.
    func stop() {
        mailbox.withLock { $0.isStopping = true }
        mailbox.wakeAll()
    }

    /// The thread's body.
    func run(_ writer: LogWriter, publishing publisher: any LogPublisher, clock: any Clock) {
        var writer = writer
        var tickDue = true
        while true {
            let (requests, isStopping) = mailbox.wait(
                until: { !$0.requests.isEmpty || $0.isStopping },
                timeout: tickDue ? options.tickAfter : nil
            ) { mailbox in
                let taken = Self.group(&mailbox.requests, limit: options.groupBytes)
                mailbox.bytes -= taken.reduce(0) { $0 + $1.size }
                return (taken, mailbox.isStopping && mailbox.requests.isEmpty)
            }
            mailbox.wakeAll()
            do {
                if requests.isEmpty, tickDue || isStopping {
                    try writer.tick(now: clock.now())
                    tickDue = false
                } else if !requests.isEmpty {
                    try Self.append(requests, &writer, publisher, clock)
                    tickDue = true
                }
                if isStopping, requests.isEmpty { return }
            } catch {
                publisher.fail(error)
                for request in requests { request.refuse(error) }
                refuseAll(error)
                return
            }
        }
    }

    /// After a failed write or sync nothing more is written: later requests are refused at once.
    private func refuseAll(_ error: AppendError) {
        while true {
            let (requests, isStopping) = mailbox.wait(
                until: { !$0.requests.isEmpty || $0.isStopping }
            ) { mailbox in
                defer {
                    mailbox.requests = []
                    mailbox.bytes = 0
                }
                return (mailbox.requests, mailbox.isStopping)
            }
            for request in requests { request.refuse(error) }
            if isStopping { return }
        }
    }

    /// Takes requests up to the group's size, at least one.
    private static func group(_ requests: inout [Request], limit: Int) -> [Request] {
        var (count, bytes) = (0, 0)
        while count < requests.count, count == 0 || bytes + requests[count].size <= limit {
            bytes += requests[count].size
            count += 1
        }
        let taken = Array(requests.prefix(count))
        requests.removeFirst(count)
        return taken
    }

    private static func append(
        _ requests: [Request], _ writer: inout LogWriter, _ publisher: any LogPublisher,
        _ clock: any Clock
    ) throws(AppendError) {
        var batches: [LogWriter.Request] = []
        var completions: [@Sendable (Result<Appended, AppendError>) -> Void] = []
        func write() throws(AppendError) {
            if batches.isEmpty { return }
            let outcome = try writer.append(batches, now: clock.now())
            publisher.publish(outcome.additions, commit: writer.commit)
            for (completion, result) in zip(completions, outcome.results) { completion(result) }
            batches = []
            completions = []
        }
        for request in requests {
            switch request {
            case .batch(let batch, let stream, let flags, let completion):
                batches.append(LogWriter.Request(batch: batch, stream: stream, flags: flags))
                completions.append(completion)
            case .streams(let names, let completion):
                // What was asked before it comes before it.
                do {
                    try write()
                } catch {
                    completion(error)
                    for completion in completions { completion(.failure(error)) }
                    throw error
                }
                completion(try register(names, &writer, publisher, clock))
            }
        }
        try write()
    }

    /// Registers streams that are not there yet, in one batch of the catalog. Answers why they
    /// are not, if the log lives on.
    private static func register(
        _ names: [StreamName], _ writer: inout LogWriter, _ publisher: any LogPublisher,
        _ clock: any Clock
    ) throws(AppendError) -> AppendError? {
        let (missing, next) = publisher.missingStreams(names)
        if missing.isEmpty { return nil }
        let now = clock.now()
        let records = missing.enumerated().map {
            StreamRegistration.record($1, id: next + $0, time: now)
        }
        let request: LogWriter.Request
        do {
            request = LogWriter.Request(
                batch: try RecordBatch.encode(records), stream: .catalog, flags: [])
        } catch {
            return .invalidBatch("\(error)")
        }
        let outcome = try writer.append([request], now: now)
        if case .failure(let error)? = outcome.results.first { return error }
        for _ in missing { writer.addStream() }
        publisher.publish(outcome.additions, registering: missing, commit: writer.commit)
        return nil
    }
}

/// Where the appender makes committed frames visible.
protocol LogPublisher: Sendable {
    func publish(_ additions: [LogWriter.Addition], registering: [StreamName], commit: Int64)
    func missingStreams(_ names: [StreamName]) -> (missing: [StreamName], nextID: Int)
    func fail(_ error: AppendError)
}

extension LogPublisher {
    func publish(_ additions: [LogWriter.Addition], commit: Int64) {
        publish(additions, registering: [], commit: commit)
    }
}

extension Appender.Request {
    /// Bytes it takes in the mailbox.
    var size: Int {
        switch self {
        case .batch(let batch, _, _, _): batch.count + FrameHeader.size
        case .streams(let names, _): names.reduce(FrameHeader.size) { $0 + $1.name.utf8.count }
        }
    }

    func refuse(_ error: AppendError) {
        switch self {
        case .batch(_, _, _, let completion): completion(.failure(error))
        case .streams(_, let completion): completion(error)
        }
    }
}
