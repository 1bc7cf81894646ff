import VarveSystem

/// The one thread that appends. Callers put requests into a bounded mailbox; the thread takes all
/// that wait and has the core append them as one group: while one group is being synced, the next
/// one gathers.
///
///     callers --> mailbox --> core: [ write + sync ] --> index, commit position --> completions
final class Appender: Sendable {
    private struct Mailbox {
        var requests: [LogRequest] = []
        var bytes = 0
        var isStopping = false
    }

    private let mailbox = Monitor(Mailbox())
    private let options: LogOptions

    init(options: LogOptions) { self.options = options }

    /// Hands a request to the thread; waits while the mailbox is full.
    func submit(_ request: LogRequest) {
        let size = request.size
        let limit = options.mailboxBytes
        let accepted = mailbox.wait(
            until: { $0.bytes == 0 || $0.bytes + size <= limit || $0.isStopping }
        ) { mailbox in
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

    /// The thread's body. After a failed write or sync the core refuses whatever comes.
    func run(_ core: LogCore) {
        var core = core
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
            // The core keeps its failure, and whoever waits for an answer has got it.
            if !requests.isEmpty {
                tickDue = (try? core.process(requests)) != nil
            } else if isStopping {
                try? core.finish()
                return
            } else if tickDue {
                try? core.tick()
                tickDue = false
            }
        }
    }

    /// Takes requests up to the group's size, at least one.
    private static func group(_ requests: inout [LogRequest], limit: Int) -> [LogRequest] {
        var (count, bytes) = (0, 0)
        while count < requests.count, count == 0 || bytes + requests[count].size <= limit {
            bytes += requests[count].size
            count += 1
        }
        let taken = Array(requests.prefix(count))
        requests.removeFirst(count)
        return taken
    }
}
