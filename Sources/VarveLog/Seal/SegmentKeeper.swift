import VarveBytes
import VarveSystem

/// Looks after the segments beside the one that is written: gives ended ones their footer, and has
/// the next one ready before it is needed, so that rolling does not wait and a full disk is known
/// early. Work is done by whoever calls `work`: a thread, or a simulation.
///
/// Protected by: the monitor; one caller works at a time.
final class SegmentKeeper: Sendable {
    /// A segment that ended.
    struct Ended: Sendable {
        let number: Int
        let base: Int64
        /// Where its frames end.
        let end: Int64
        let file: any File
        let path: String
        let summary: SegmentSummary
        let epoch: UInt32
        /// The state after its last frame.
        let pipeline: AppendPipeline
        /// Its frames, unless readers have them in memory.
        var entries: [FrameEntry]?
    }

    private struct State {
        var ended: [Ended] = []
        var prepared: (any File)?
        var wantsPrepared = false
        var isStopping = false
        var isWorking = false
    }

    /// The name of the file that becomes the next segment.
    static let preparedName = "next"

    private let monitor = Monitor(State())
    private let log: LogID
    private let directory: String
    private let files: any FileSystem
    private let options: LogOptions

    init(log: LogID, directory: String, files: any FileSystem, options: LogOptions) {
        self.log = log
        self.directory = directory
        self.files = files
        self.options = options
    }

    /// Asks for a footer.
    func seal(_ ended: Ended) {
        monitor.withLock { $0.ended.append(ended) }
        monitor.wakeAll()
    }

    /// Asks for the next segment.
    func prepare() {
        let isNew = monitor.withLock { state in
            defer { state.wantsPrepared = true }
            return !state.wantsPrepared && state.prepared == nil
        }
        if isNew { monitor.wakeAll() }
    }

    /// The file for the next segment, if it is ready; otherwise it is created now.
    func takeNext() throws(SystemError) -> any File {
        let prepared = monitor.wait(until: { !$0.isWorking || $0.prepared != nil }) { state in
            defer {
                state.prepared = nil
                state.wantsPrepared = false
            }
            return state.prepared
        }
        if let prepared { return prepared }
        return try files.open("\(directory)/\(Self.preparedName)", .create)
    }

    /// What came of looking for work.
    enum Progress { case done, idle, noSpace }

    /// Does one piece of work, if there is one.
    /// - Throws: when nothing more may be written by this process. A full disk is no failure: the
    ///   work is tried again.
    func work(_ state: LogState, prepares mayPrepare: Bool = true) throws(AppendError) -> Progress {
        let (ended, prepares) = monitor.withLock { state in
            let task = (
                state.ended.first, mayPrepare && state.wantsPrepared && state.prepared == nil
            )
            state.isWorking = task.0 == nil && task.1
            return task
        }
        defer {
            monitor.withLock { $0.isWorking = false }
            monitor.wakeAll()
        }
        do {
            if let ended {
                try write(ended, state)
                monitor.withLock { _ = $0.ended.removeFirst() }
                return .done
            }
            if prepares {
                let file = try files.open("\(directory)/\(Self.preparedName)", .create)
                try file.allocate(0..<options.segmentBytes)
                try file.sync()
                monitor.withLock { $0.prepared = file }
                return .done
            }
        } catch {
            // Without space the roll itself says so, should it come to that.
            if error.isOutOfSpace { return .noSpace }
            throw .stopped("\(error)")
        }
        return .idle
    }

    /// Writes a footer after the last frame and cuts the reserved rest off. The trailer is written
    /// only when all before it is durable: one that is valid stands for a whole footer. Until it is
    /// there, recovery reads the frames instead.
    private func write(_ ended: Ended, _ state: LogState) throws(SystemError) {
        let entries = ended.entries ?? state.entries(of: ended.number)
        let names = state.names(ended.pipeline.nextOffsets.count)
        let content = SegmentFooter.Content(
            log: log, base: ended.base, end: ended.end, entries: entries,
            leaves: state.tree.unsealedLeaves(base: ended.base) ?? [], summary: ended.summary,
            epoch: ended.epoch, pipeline: ended.pipeline, names: names)
        let bytes = SegmentFooter.encode(content)
        let trailer = bytes.count - SegmentTrailer.size
        try ended.file.write(bytes.raw.extracting(0..<trailer), at: ended.end)
        try ended.file.sync()
        try ended.file.write(
            bytes.raw.extracting(trailer..<bytes.count), at: ended.end + Int64(trailer))
        try ended.file.truncate(to: ended.end + Int64(bytes.count))
        try ended.file.sync()
        try state.sealed(ended)
    }

    /// The thread's body: works while there is something to do; at the end it still writes the
    /// footers that wait.
    func run(_ state: LogState) {
        while true {
            let isStopping = monitor.withLock { $0.isStopping }
            do {
                switch try work(state, prepares: !isStopping) {
                case .done: continue
                case .idle:
                    if isStopping { return }
                    monitor.wait(
                        until: {
                            $0.isStopping || !$0.ended.isEmpty
                                || ($0.wantsPrepared && $0.prepared == nil)
                        }, timeout: nil
                    ) { _ in }
                case .noSpace:
                    if isStopping { return }
                    monitor.wait(until: { $0.isStopping }, timeout: options.retryAfter) { _ in }
                }
            } catch {
                return state.fail(error)
            }
        }
    }

    /// Lets the thread end.
    func stop() {
        monitor.withLock { $0.isStopping = true }
        monitor.wakeAll()
    }
}
