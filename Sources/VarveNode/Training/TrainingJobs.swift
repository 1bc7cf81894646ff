import VarveFormats
import VarveSystem
import VarveTraining

/// Training sets that are built while their clients do something else, one after the other: a build
/// uses all cores itself.
///
///     waiting --> running --> done | failed | cancelled
///                 build, write
///
/// A set may be fetched as soon as it is built, while it is being written. A finished one waits to be
/// fetched, for a while, in the format that was asked for, in memory as long as `SpoolSpace` has room
/// there, then in a file: it can always be made again from its manifest.
final class TrainingJobs: Sendable {
    /// Jobs that wait for their turn; further ones are refused.
    static let waitingMax = 16
    /// Jobs that are remembered after they ended.
    static let endedMax = 64
    /// Sets that are kept to be fetched; those of older jobs are let go.
    static let setsMax = 8

    enum Phase: Sendable {
        case waiting, running
        case done(TrainingAnswer?, manifest: String)
        case failed(any Error)
        case cancelled

        var name: String {
            switch self {
            case .waiting: "waiting"
            case .running: "running"
            case .done: "done"
            case .failed: "failed"
            case .cancelled: "cancelled"
            }
        }

        var isEnded: Bool {
            switch self {
            case .waiting, .running: false
            case .done, .failed, .cancelled: true
            }
        }
    }

    /// What is to be done, as far as it is known beforehand.
    struct Work: Sendable {
        /// Records of the streams that are read: facts at most.
        var facts: Int
        /// Views: each answers all rows of the spine.
        var views: Int
    }

    private struct Job: Sendable {
        let id: String
        let service: String
        var phase = Phase.waiting
        var work: Work
        var facts = 0
        /// Rows answered by a view, of all views.
        var rows = 0
        /// Rows of the spine; 0 until the first were answered.
        var spineRows = 0
        var startedAt: ContinuousClock.Instant?
        var endedAt: ContinuousClock.Instant?
        var isCancelled = false
        /// The set while it is being written.
        var written: TrainingAnswer?
        /// Whether somebody fetches that already.
        var isTaken = false

        /// The set if it can be fetched.
        var kept: TrainingAnswer? {
            if case .done(let answer, _) = phase { return answer }
            return isTaken || isCancelled ? nil : written
        }

        /// Ends what there is of it: building, or writing.
        mutating func cancel() {
            if phase.isEnded { return }
            isCancelled = true
            written?.body.cancel()
        }

        /// What becomes of it once its set was written, as far as that went.
        func phase(after answer: TrainingAnswer) -> Phase {
            if isCancelled { return .cancelled }
            switch answer.body.failure {
            case nil: break
            // Nobody asked for that: whoever fetched it has gone.
            case SpoolError.cancelled? where isTaken: break
            case let failure?: return .failed(failure)
            }
            return .done(isTaken ? nil : answer, manifest: answer.manifest)
        }
    }

    private struct State: Sendable {
        var jobs: [Job] = []
        var count = 0

        mutating func with(_ id: String, _ body: (inout Job) -> Void) {
            guard let index = jobs.firstIndex(where: { $0.id == id }) else { return }
            body(&jobs[index])
        }
    }

    private let state = Monitor(State())
    private let pool = WorkerPool(name: "training", threads: 1, limit: waitingMax)

    /// Builds a set when its turn comes.
    /// - Parameter build: is handed what watches and cancels it.
    /// - Returns: the job's id.
    func start(
        service: String, _ work: Work,
        _ build: @escaping @Sendable (@escaping TrainingSet.Watcher) throws -> TrainingAnswer
    ) throws(NodeError) -> String {
        let id = state.withLock { state in
            state.count += 1
            let id = "job-\(state.count)"
            state.jobs.append(Job(id: id, service: service, work: work))
            return id
        }
        let isAccepted = pool.submit { [self] in run(id, build) }
        if isAccepted { return id }
        state.withLock { $0.jobs.removeAll { $0.id == id } }
        throw .conflict(
            "\(Self.waitingMax) training sets wait to be built; try again when one is done")
    }

    private func run(
        _ id: String, _ build: (@escaping TrainingSet.Watcher) throws -> TrainingAnswer
    ) {
        let isWanted = state.withLock { state in
            var isWanted = false
            state.with(id) { job in
                isWanted = !job.isCancelled
                job.phase = isWanted ? .running : .cancelled
                job.startedAt = .now
            }
            return isWanted
        }
        if !isWanted { return }
        let outcome = Result {
            let answer = try build { [self] step in try note(step, id) }
            try note(answer, id)
            answer.body.finish()
            return answer
        }
        state.withLock { state in
            state.with(id) { job in
                job.phase =
                    switch outcome {
                    case .success(let answer): job.phase(after: answer)
                    case .failure(TrainingError.cancelled): .cancelled
                    case .failure(let error): .failed(error)
                    }
                job.written = nil
                job.endedAt = .now
            }
            Self.forget(&state)
        }
        state.wakeAll()
        // What a large set was made of was large, too.
        if let count = try? outcome.get().body.byteCount, count >= SpooledBody.largeBytes {
            ProcessMemory.giveBack()
        }
    }

    /// The set is built, and about to be written.
    private func note(_ answer: TrainingAnswer, _ id: String) throws(TrainingError) {
        let isCancelled = state.withLock { state in
            var isCancelled = false
            state.with(id) { job in
                isCancelled = job.isCancelled
                job.written = answer
            }
            return isCancelled
        }
        if isCancelled { throw .cancelled }
    }

    private func note(_ step: TrainingSet.Progress, _ id: String) throws(TrainingError) {
        let isCancelled = state.withLock { state in
            var isCancelled = false
            state.with(id) { job in
                isCancelled = job.isCancelled
                switch step {
                case .facts(let count, _): job.facts += count
                case .rows(let count, let all, _):
                    job.rows += count
                    job.spineRows = all
                }
            }
            return isCancelled
        }
        if isCancelled { throw .cancelled }
    }

    /// Lets the sets of old jobs go, and jobs that ended long ago.
    private static func forget(_ state: inout State) {
        let full = state.jobs.indices.filter {
            if case .done(_?, _) = state.jobs[$0].phase { true } else { false }
        }
        for index in full.dropLast(setsMax) {
            if case .done(_, let manifest) = state.jobs[index].phase {
                state.jobs[index].phase = .done(nil, manifest: manifest)
            }
        }
        var surplus = state.jobs.count { $0.phase.isEnded } - endedMax
        state.jobs.removeAll { job in
            guard surplus > 0, job.phase.isEnded else { return false }
            surplus -= 1
            return true
        }
    }

    private func job(_ id: String) throws(NodeError) -> Job {
        try state.withLock { state throws(NodeError) in try Self.job(id, state) }
    }

    private static func job(_ id: String, _ state: borrowing State) throws(NodeError) -> Job {
        if let job = state.jobs.first(where: { $0.id == id }) { return job }
        let known = state.jobs.map(\.id)
        throw .notFound(
            "there is no job \(id); "
                + (known.isEmpty
                    ? "none was started" : "known are \(known.joined(separator: ", "))"))
    }

    /// How all jobs are doing, the oldest first.
    func all() -> [JSON] { state.withLock { $0.jobs }.map { Self.json($0) } }

    /// How a job is doing.
    func status(_ id: String) throws(NodeError) -> JSON { Self.json(try job(id)) }

    /// The set that a job built, be it written or not yet; it is let go.
    /// - Parameters:
    ///   - format: what it is expected to be written as; nil takes it as it is.
    ///   - keeps: whether it is only looked at.
    /// - Throws: `NodeError.conflict` while it is not there, or when it was fetched; the error that
    ///   the build ended with.
    func take(
        _ id: String, _ format: TrainingAnswer.Format?, keeps: Bool
    ) throws -> TrainingAnswer {
        // Looked at and taken at once: a body is handed out to one client only.
        let (phase, kept, taken) = try state.withLock { state throws(NodeError) in
            let job = try Self.job(id, state)
            if !keeps, let answer = job.kept, format ?? answer.format == answer.format {
                state.with(id) { taken in
                    taken.isTaken = true
                    if case .done(_, let manifest) = taken.phase {
                        taken.phase = .done(nil, manifest: manifest)
                    }
                }
            }
            return (job.phase, job.kept, job.isTaken ? job.written?.manifest : nil)
        }
        if let kept {
            if let format, format != kept.format {
                throw NodeError.badRequest(
                    "\(id) was asked for as \(kept.format), not as \(format): give format= with"
                        + " job=true, or reproduce \(kept.manifest)")
            }
            return kept
        }
        switch phase {
        case .done(_, let manifest):
            throw NodeError.conflict(
                "the set of \(id) is not kept any more: reproduce \(manifest) instead")
        case .failed(let error): throw error
        case .cancelled: throw TrainingError.cancelled
        case .running where taken != nil:
            throw NodeError.conflict(
                "the set of \(id) was handed out: reproduce \(taken ?? "it") instead")
        case .waiting, .running:
            throw NodeError.conflict("\(id) is not done yet: see GET /v1/jobs/\(id)")
        }
    }

    /// Stops a job that waits or runs; nothing of its set is kept, though it stays on record once it
    /// was built.
    func cancel(_ id: String) throws(NodeError) -> JSON {
        _ = try job(id)
        state.withLock { $0.with(id) { $0.cancel() } }
        return try status(id)
    }

    /// Cancels all jobs, and ends the thread.
    func stop() {
        state.withLock { state in
            for index in state.jobs.indices { state.jobs[index].cancel() }
        }
        pool.stop()
    }

    private static func json(_ job: Job) -> JSON {
        let seconds = job.startedAt.map { $0.duration(to: job.endedAt ?? .now).seconds } ?? 0
        var members: [JSON.Member] = [
            .init("job", .string(job.id)), .init("service", .string(job.service)),
            .init("phase", .string(job.phase.name)),
            .init("seconds", .number((1000 * seconds).rounded() / 1000)),
            .init("facts", .integer(Int64(job.facts))),
            .init("facts_at_most", .integer(Int64(job.work.facts))),
            .init("rows", .integer(Int64(job.rows))),
            .init("rows_in_all", .integer(Int64(job.spineRows * job.work.views))),
        ]
        switch job.phase {
        case .done(let answer, let manifest):
            members.append(.init("training_set", .string(manifest)))
            members.append(.init("is_kept", .bool(answer != nil)))
        case .failed(let error): members.append(.init("error", .string("\(error)")))
        case .running: members.append(.init("is_kept", .bool(job.kept != nil)))
        case .waiting, .cancelled: break
        }
        return .object(members)
    }
}

extension Duration {
    fileprivate var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
