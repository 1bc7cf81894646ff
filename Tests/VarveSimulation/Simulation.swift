import VarveBytes
import VarveFormats
@_spi(Simulation) import VarveLog
import VarveSystem

/// One life after another of a log on a simulated machine, all from one seed: appends, reads and
/// rolls, until the power fails, the process is killed or it is closed; damage while it lies
/// still; and a recovery, which is checked against the model.
///
/// Invariants: what was acknowledged, or seen, is there, once, in order, unchanged; what was
/// refused is not; positions and offsets are dense; recovery does the same again when it is
/// interrupted or repeated; damage to acknowledged data is reported; nothing else stops the log
/// from opening.
public struct Simulation {
    /// What a run did.
    public struct Statistics: Sendable, Equatable {
        public var lives = 0
        public var records: Int64 = 0
        public var crashes = 0
        public var tornTails = 0
        public var refusals = 0
        public var removals = 0
        public var calls = 0
        /// Equal for equal runs.
        public var digest: UInt64 = 0

        /// Nothing done.
        public init() {}
    }

    static let directory = "/data"
    static let logDirectory = "/data/log"

    let seed: UInt64
    let bug: PlantedBug?
    var random: SimulatedRandom
    var system: SimulatedFileSystem
    var clock: ManualClock
    var options = LogOptions()
    var model = LogModel()
    var workload = Workload()
    var statistics = Statistics()
    /// Whether the space ran out on purpose: appends may be refused for it.
    var mayLackSpace = false
    /// The time of the last record known.
    var lastIngestTime: Int64 = 0
    let largestValue: Int
    /// Heads that were noted.
    var heads: [LogHead] = []
    /// Whether a footer may be damaged that nobody repaired.
    var isScarred = false

    /// Prepares a run; equal arguments make equal runs.
    public init(seed: UInt64, bug: PlantedBug? = nil) {
        self.seed = seed
        self.bug = bug
        random = SimulatedRandom(seed: seed)
        system = SimulatedFileSystem(seed: seed ^ 0xd15c, bug: bug)
        clock = ManualClock(Timestamp(microseconds: 1_700_000_000_000_000))
        options.segmentBytes = Int64(random.pick([1500, 4 << 10, 16 << 10, 64 << 10]))
        options.reserveBytes = Int64(random.pick([512, 4 << 10, 20_000]))
        options.closeBytes = Int64(random.pick([1, 800, 1 << 20]))
        options.ignoresChecksums = bug == .ignoreChecksum
        largestValue = random.pick([100, 1000, 6000])
    }

    /// Runs `lives` lives of about `steps` steps.
    /// - Throws: `Violation`, with what did not hold.
    public mutating func run(lives: Int, steps: Int) throws -> Statistics {
        for _ in 0..<lives {
            statistics.lives += 1
            var core = try recovered()
            try live(&core, steps: random.below(steps) + 1)
            try endLife(core)
        }
        // The last word is had by a log opened without any fault.
        system.disarm()
        let core = try recovered(quietly: true)
        while try core.keep() {}
        core.release()
        let verified = try LogVerifier(directory: Self.directory, fileSystem: system).verify(
            against: heads)
        if isScarred { return finished() }
        try require(
            verified.isSound && verified.tornBytes == 0,
            "a sound log does not verify: \(verified.findings)")
        try require(
            verified.head == core.reader.head() && verified.progress.records == model.remaining,
            "verify gives head \(String(describing: verified.head)), expected"
                + " \(core.reader.head())")
        return finished()
    }

    private mutating func finished() -> Statistics {
        statistics.records = model.end
        statistics.digest = system.digest
        statistics.calls = system.calls
        return statistics
    }

    /// The calls of the file system, one a line, after `keepTrace`.
    public var trace: [String] { system.trace }

    /// Keeps a line for every call, to look at a seed that fails.
    public func keepTrace() { system.keepTrace() }

    // MARK: Living

    private mutating func live(_ core: inout LogCore, steps: Int) throws {
        armSomething()
        for _ in 0..<steps {
            clock.advance(
                byMicroseconds: Int64(random.below(5000)) - (random.chance(5) ? 9_000_000 : 0))
            do {
                switch random.below(100) {
                case 0..<60: try appendGroup(&core)
                case 60..<66: try core.tick()
                case 66..<76: try core.keep()
                case 76..<88: try readSomething(core.reader)
                case 88..<91: try retain(core)
                case 91..<93: changeSpace()
                case 93..<96: armSomething()
                default: try model.check(core.reader, mayAdopt: false)
                }
            } catch let error as AppendError {
                guard case .stopped = error else { throw Violation("a step threw \(error)") }
            } catch let error as ReadError {
                // A failing disk is told of, not hidden; the data is judged at the next recovery.
                guard case .system = error else { throw Violation("reading failed: \(error)") }
            }
            if system.downBy != nil { return }
            if core.reader.failure != nil {
                try stillReads(core)
                return
            }
        }
    }

    /// A log that stopped refuses appends and reads on.
    private mutating func stillReads(_ core: LogCore) throws {
        system.disarm()
        var core = core
        let answers = Answers(1)
        let (bytes, _) = try Workload.batch(&random, largest: 10, decoy: { [] })
        do {
            try core.process([.batch(bytes, .catalog, [], answers.batch(0))])
            throw Violation("a log that failed went on appending")
        } catch _ as AppendError {}
        guard case .failure(.stopped) = try answers.all()[0] else {
            throw Violation("a log that failed took a batch in")
        }
        try model.check(core.reader, mayAdopt: false)
    }

    private mutating func armSomething() {
        switch random.below(12) {
        case 0: system.arm(.powerLoss, in: random.below(60))
        case 1: system.arm(.kill, in: random.below(60))
        case 2: system.arm(.syncError, in: random.below(20))
        case 3: system.arm(.writeError, in: random.below(20))
        case 4: system.arm(.readError, in: random.below(20))
        case 5:
            system.arm(.noSpace, in: random.below(6))
            mayLackSpace = true
        default: break
        }
    }

    private mutating func changeSpace() {
        let isFull = random.chance(50)
        mayLackSpace = true
        let free = random.below(8000)
        _ = try? system.withDisk { disk throws(SystemError) in
            disk.capacity = isFull ? disk.used + free : Int.max
        }
    }

    // MARK: Dying and rising

    private mutating func endLife(_ core: LogCore) throws {
        if system.downBy == nil {
            switch random.below(3) {
            case 0:
                // A log that stopped or has no space cannot promise; it still lets go.
                var core = core
                if core.reader.failure == nil {
                    try? core.finish()
                    if random.chance(50) { while (try? core.keep()) == true {} }
                }
                if system.downBy == nil { core.release() }
                if system.downBy == nil, random.chance(50) { system.stop(.powerLoss) }
            case 1: system.stop(.powerLoss)
            default: system.stop(.kill)
            }
        }
        statistics.crashes += system.downBy == nil ? 0 : 1
        system.restart()
        if random.chance(20) { try damageSomething() }
    }

    /// Opens the log, through as many more crashes as it takes.
    private mutating func recovered(quietly: Bool = false) throws -> LogCore {
        _ = try? system.withDisk { disk throws(SystemError) in disk.capacity = Int.max }
        if random.chance(25) { try repeats() }
        var attempts = 0
        while true {
            attempts += 1
            if !quietly, attempts < 5, random.chance(30) {
                let faults: [Fault] = [
                    .powerLoss, .kill, .syncError, .writeError, .readError, .noSpace,
                ]
                system.arm(random.pick(faults), in: random.below(12))
            }
            let opened = Result { try open(system) }
            if system.downBy != nil {
                system.restart()
                continue
            }
            system.disarm()
            switch opened {
            case .failure(let error as LogError):
                guard case .system = error, attempts < 5 else {
                    throw Violation("the log does not open: \(error)")
                }
            case .failure(let error): throw error
            case .success(let core):
                do {
                    try model.check(core.reader, mayAdopt: true)
                } catch let error as ReadError {
                    throw Violation("what was recovered cannot be read: \(error)")
                }
                model.settleDoubts()
                workload.settle(model)
                if core.recovery.tornBytes > 0 { statistics.tornTails += 1 }
                if random.chance(50) { while try core.keep() {} }
                return core
            }
        }
    }

    func open(_ system: SimulatedFileSystem) throws(LogError) -> LogCore {
        try LogCore.open(
            directory: Self.directory, options: options, fileSystem: system, clock: clock,
            newID: LogID((0..<16).map { UInt8(truncatingIfNeeded: seed &+ UInt64($0)) }))
    }

    /// Recovering twice, with a crash between, gives what recovering once gives.
    private mutating func repeats() throws {
        let once = system.forked()
        let twice = system.forked()
        guard let first = try? open(once) else { return }
        guard let second = try? open(twice) else {
            throw Violation("a log opens once, but not in another try")
        }
        try require(
            try Self.contents(first.reader) == Self.contents(second.reader),
            "two recoveries of the same disk differ")
        twice.stop(random.chance(50) ? .powerLoss : .kill)
        twice.restart()
        let third = try open(twice)
        try require(
            try Self.contents(first.reader) == Self.contents(third.reader),
            "a recovery after a recovery changed the log")
        try require(third.recovery.tornBytes == 0, "a torn tail was found twice")
    }

    static func contents(_ reader: LogReader) throws -> [UInt64] {
        var contents: [UInt64] = []
        try reader.read(from: Position(0)) { frame in
            contents.append(UInt64(frame.basePosition.value))
            contents.append(KeyHash.hash(frame.body))
            return true
        }
        return contents
    }
}
