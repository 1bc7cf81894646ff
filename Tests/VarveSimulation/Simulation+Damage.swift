import VarveBytes
import VarveLog
import VarveSystem

extension Simulation {
    /// What must happen when a damaged log is opened.
    enum Verdict: Equatable {
        /// It opens and nothing is missing.
        case unharmed
        /// It does not open.
        case refused
        /// It opens without the frames from a position on, which nobody had promised, and says so;
        /// or it does not open.
        case cut(Int64)
    }

    /// Damages a file at rest, opens the log, and expects the damage to be judged rightly. A log
    /// that does not open is repaired, as from a copy.
    mutating func damageSomething() throws {
        _ = try system.withDisk { disk throws(SystemError) in disk.capacity = Int.max }
        // The damage is to a log at rest, not to one that still has a crash to recover from.
        guard let core = try? open(system), system.downBy == nil else {
            return system.restart()
        }
        try model.check(core.reader, mayAdopt: true)
        model.settleDoubts()
        workload.settle(model)
        system.stop(.kill)
        system.restart()
        let names = try system.disk.list(Self.logDirectory).filter { $0.hasSuffix(".varve") }
        guard !names.isEmpty else { return }
        let name = random.pick(names)
        let path = "\(Self.logDirectory)/\(name)"
        let intact = system.forked()
        let verdict: Verdict
        var what = "the damaged file is \(name)"
        switch random.below(10) {
        case 0:
            try system.withDisk { disk throws(SystemError) in try disk.empty(path) }
            verdict = .refused
        case 1 where names.count > 1 && name != names.last:
            _ = try system.withDisk { disk throws(SystemError) in disk.lose(path) }
            verdict = .refused
        default:
            let bytes = try system.disk.bytes(path)
            let bit = chosenBit(of: bytes)
            what += ", byte \(bit / 8)"
            verdict = judge(bit / 8, bytes, isLast: name == names.last)
            try system.withDisk { disk throws(SystemError) in try disk.flipBit(bit, of: path) }
        }
        try judgeOpening(verdict, intact, what)
    }

    /// A bit of a frame more often than one of the empty rest.
    private mutating func chosenBit(of bytes: [UInt8]) -> Int {
        let walk = SegmentWalk(bytes)
        let end = random.chance(85) ? walk.end : bytes.count
        return random.below(end * 8)
    }

    private func judge(_ byte: Int, _ bytes: [UInt8], isLast: Bool) -> Verdict {
        if byte < 128 { return .refused }
        let walk = SegmentWalk(bytes)
        guard let hit = walk.frames.first(where: { $0.range.contains(byte) }) else {
            return .unharmed
        }
        // Ticks at the end of a segment hold nothing that the next one does not know.
        if !isLast { return hit.base < (walk.frames.last?.end ?? 0) ? .refused : .unharmed }
        let promised = walk.frames.filter { $0.range.lowerBound > hit.range.lowerBound }
            .map(\.promised).max()
        return (promised ?? 0) > hit.base ? .refused : .cut(hit.base)
    }

    private mutating func judgeOpening(
        _ verdict: Verdict, _ intact: SimulatedFileSystem, _ what: String
    ) throws {
        let before = try fingerprint()
        let opened = Result { try open(system) }
        switch (opened, verdict) {
        case (.success(let core), .unharmed):
            try model.check(core.reader, mayAdopt: false)
            core.release()
        case (.success(let core), .cut(let position)):
            if position < model.end {
                try require(
                    core.recovery.tornBytes > 0, "acknowledged records were cut in silence")
                model.forget(from: position)
                workload.startAnew()
            }
            try model.check(core.reader, mayAdopt: false)
            core.release()
        case (.failure(let error as LogError), .refused), (.failure(let error as LogError), .cut):
            switch error {
            case .damaged, .invalidSegment: break
            default: throw Violation("damage was taken for \(error)")
            }
            statistics.refusals += 1
            try require(try fingerprint() == before, "a log that does not open was changed")
            system = intact
        case (.success, .refused):
            throw Violation("damage to acknowledged data was not noticed when opening; \(what)")
        case (.failure(let error), _):
            throw Violation("a log that is not damaged does not open: \(error); \(what)")
        }
    }

    /// A digest of all files of the log.
    private func fingerprint() throws -> [UInt64] {
        let disk = system.disk
        var prints: [UInt64] = []
        for name in try disk.list(Self.logDirectory) {
            var bytes = Array(name.utf8)
            bytes += try disk.bytes("\(Self.logDirectory)/\(name)")
            prints.append(KeyHash.hash(bytes.raw))
        }
        return prints
    }
}

extension Workload {
    /// After a loss that everybody knows of, producers begin a new epoch.
    mutating func startAnew() {
        for index in producers.indices {
            producers[index].epoch += 1
            producers[index].nextSequence = 0
            producers[index].acknowledged = []
            producers[index].unanswered = []
        }
    }
}
