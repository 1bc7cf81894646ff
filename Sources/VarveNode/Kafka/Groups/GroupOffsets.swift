import VarveLog
import VarveSystem

/// The committed offsets of all groups: read by any thread, made durable by one of their own,
/// which syncs all commits that wait at once.
///
///     commits --> mailbox --> [ write + sync ] --> visible --> completions
final class GroupOffsets: Sendable {
    private struct Commit {
        let changes: [OffsetChange]
        let completion: @Sendable (Bool) -> Void
    }

    private struct Mailbox {
        var commits: [Commit] = []
        var isStopping = false
        /// Why nothing is committed any more.
        var failure: String?
    }

    private let mailbox = Monitor(Mailbox())
    private let offsets: Monitor<OffsetFile.Offsets>
    private let thread = Monitor<WorkerThread?>(nil)
    private let report: @Sendable (String) -> Void

    /// The most offsets that are kept, over all groups.
    static let limit = 1 << 20

    /// Opens the offsets in a directory; without one they last as long as the process.
    init(
        directory: String?, log: LogID, files: any FileSystem,
        report: @escaping @Sendable (String) -> Void
    ) throws {
        self.report = report
        var file: OffsetFile?
        var found: OffsetFile.Offsets = [:]
        if let directory {
            let opened = try OffsetFile.open(in: directory, log: log, files: files)
            if opened.tornBytes > 0 {
                report(
                    "\(directory)/\(OffsetFile.name): the last \(opened.tornBytes) bytes were no"
                        + " whole commits; they were kept in \(OffsetFile.name).torn")
            }
            file = opened.file
            found = opened.offsets
        }
        offsets = Monitor(found)
        let ready = file
        thread.withLock { $0 = WorkerThread(name: "groups") { [self] in run(ready) } }
    }

    /// What a group has committed.
    func offsets(of group: String) -> [StreamName: CommittedOffset] {
        offsets.withLock { $0[group] ?? [:] }
    }

    /// Groups that have committed something.
    func groups() -> [String] { offsets.withLock { $0.keys.sorted() } }

    /// Makes changes durable, then visible.
    /// - Parameter completion: told whether they are; runs on a thread that must not block.
    func commit(_ changes: [OffsetChange], completion: @escaping @Sendable (Bool) -> Void) {
        let accepted = mailbox.withLock { mailbox in
            guard mailbox.failure == nil, !mailbox.isStopping else { return false }
            mailbox.commits.append(Commit(changes: changes, completion: completion))
            return true
        }
        if accepted { mailbox.wakeAll() } else { completion(false) }
    }

    /// Forgets what groups have read of a topic; waits until that is durable.
    func forget(topic: String) {
        let changes = offsets.withLock { offsets in
            offsets.flatMap { group, streams in
                streams.keys.filter { $0.name == topic }.map {
                    OffsetChange(group: group, stream: $0, committed: nil)
                }
            }
        }
        if changes.isEmpty { return }
        let done = Monitor(false)
        commit(changes) { _ in
            done.withLock { $0 = true }
            done.wakeAll()
        }
        done.wait(until: { $0 }) { _ in }
    }

    private func run(_ opened: OffsetFile?) {
        var file = opened
        while true {
            let commits = mailbox.wait(until: { !$0.commits.isEmpty || $0.isStopping }) { mailbox in
                defer { mailbox.commits = [] }
                return mailbox.commits
            }
            if commits.isEmpty { return }
            let isDurable = write(commits.flatMap(\.changes), &file)
            for commit in commits { commit.completion(isDurable) }
        }
    }

    private func write(_ changes: [OffsetChange], _ file: inout OffsetFile?) -> Bool {
        guard mailbox.withLock({ $0.failure }) == nil else { return false }
        do {
            let count = offsets.withLock { $0.values.reduce(0) { $0 + $1.count } }
            let isGrowing = changes.contains { $0.committed != nil }
            guard !isGrowing || count + changes.count <= Self.limit else {
                report(
                    "offsets are not committed: \(count) are kept, at most \(Self.limit) may be;"
                        + " delete groups that are not used")
                return false
            }
            try file?.append(changes)
            let all = offsets.withLock { offsets in
                for change in changes { change.apply(to: &offsets) }
                return offsets
            }
            try file?.compactIfWorthwhile(all)
            return true
        } catch {
            // What a failed write or sync left behind is unknown: nothing is written after it.
            let reason = "\(error)"
            mailbox.withLock { $0.failure = reason }
            report("offsets are not committed any more, restart the node: \(reason)")
            return false
        }
    }

    /// Commits what waits, and ends the thread.
    func close() {
        mailbox.withLock { $0.isStopping = true }
        mailbox.wakeAll()
        thread.withLock { $0 }?.join()
    }
}
