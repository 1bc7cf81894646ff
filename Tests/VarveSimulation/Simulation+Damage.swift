import VarveBytes
import VarveLog
import VarveSystem

extension Simulation {
    /// What must happen when a damaged log is opened.
    enum Verdict: Equatable {
        /// It opens and nothing is missing. What else is damaged is for `verify` to find, if there
        /// is anything.
        case unharmed(isFound: Bool)
        /// It does not open.
        case refused
        /// It is all that is left of a removed segment: it opens and nothing is missing, or it does
        /// not open.
        case remains
        /// It opens; reading stops at the frame that begins at a byte of a sealed segment.
        /// A tick in it may go unnoticed.
        case latent(Int64, isTick: Bool)
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
        // At rest there is only what the disk has: a footer whose sync failed may be in memory alone.
        try system.withDisk { disk throws(SystemError) in
            for name in names { disk.dropCache(try disk.inode("\(Self.logDirectory)/\(name)")) }
        }
        let name = random.pick(names)
        let path = "\(Self.logDirectory)/\(name)"
        let intact = system.forked()
        let verdict: Verdict
        var what = "the damaged file is \(name)"
        switch random.below(10) {
        case 0:
            try system.withDisk { disk throws(SystemError) in try disk.empty(path) }
            verdict = .refused
        case 1 where try isMissed(name, names):
            _ = try system.withDisk { disk throws(SystemError) in disk.lose(path) }
            verdict = .refused
        default:
            let bytes = try system.disk.bytes(path)
            let bit = chosenBit(of: bytes)
            what += ", byte \(bit / 8)"
            verdict = judge(bit / 8, bytes, isLast: name == names.last)
            try system.withDisk { disk throws(SystemError) in try disk.flipBit(bit, of: path) }
        }
        try judgeVerifying(verdict, path, what)
        try judgeOpening(verdict, intact, what)
    }

    /// `verify` finds damage to anything that counts, and names the very frame; and finds none in a
    /// sound log.
    private func judgeVerifying(_ verdict: Verdict, _ path: String, _ what: String) throws {
        let verifier = LogVerifier(directory: Self.directory, fileSystem: system)
        let findings = try verifier.verify().findings
        switch verdict {
        case .cut, .unharmed(isFound: false): break
        case .unharmed(isFound: true), .refused, .remains:
            try require(!findings.isEmpty, "verify found nothing; \(what)")
        case .latent(let offset, _):
            try require(
                findings.contains { $0.path == path && $0.offset == offset },
                "verify did not name the frame at byte \(offset): \(findings); \(what)")
        }
    }

    /// Whether the loss of a segment can be noticed: all but the last one's; its too, when the one
    /// before it is sealed or there is none.
    private func isMissed(_ name: String, _ names: [String]) throws -> Bool {
        guard name == names.last, names.count > 1 else { return true }
        return SegmentWalk(
            try system.disk.bytes("\(Self.logDirectory)/\(names[names.count - 2])")
        ).isSealed
    }

    /// A bit of a frame more often than one of the rest.
    private mutating func chosenBit(of bytes: [UInt8]) -> Int {
        let walk = SegmentWalk(bytes)
        let end = random.chance(75) ? walk.end : bytes.count
        return random.below(end * 8)
    }

    private func judge(_ byte: Int, _ bytes: [UInt8], isLast: Bool) -> Verdict {
        if byte < 128 { return .refused }
        let walk = SegmentWalk(bytes)
        if walk.isRetired { return byte < walk.footer ? .unharmed(isFound: false) : .remains }
        guard let hit = walk.frames.first(where: { $0.range.contains(byte) }) else {
            return .unharmed(isFound: walk.isSealed)
        }
        if walk.isSealed { return .latent(Int64(hit.range.lowerBound), isTick: hit.count == 0) }
        // The next segment's header names the root over these frames.
        if !isLast { return .refused }
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
            // Half of the time a damaged footer lives on, which only verify minds.
            if random.chance(50) { system = intact } else { isScarred = true }
        case (.success(let core), .remains):
            try model.check(core.reader, mayAdopt: false)
            core.release()
            system = intact
        case (.success(let core), .latent(let offset, let isTick)):
            try expectDamage(core.reader, at: offset, mayMiss: isTick, what)
            core.release()
            system = intact
        case (.success(let core), .cut(let position)):
            if position < model.end {
                try require(
                    core.recovery.tornBytes > 0, "acknowledged records were cut in silence")
                model.forget(from: position)
                workload.startAnew()
            }
            heads = []
            try model.check(core.reader, mayAdopt: false)
            core.release()
        case (.failure(let error as LogError), .refused), (.failure(let error as LogError), .cut),
            (.failure(let error as LogError), .remains),
            // A segment whose footer was damaged before is read frame by frame when it is opened.
            (.failure(let error as LogError), .latent) where isScarred:
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

    /// Reading gives what is before the damaged frame, then names that frame.
    private func expectDamage(
        _ reader: LogReader, at offset: Int64, mayMiss: Bool, _ what: String
    ) throws {
        var seen = 0
        do {
            try reader.read(from: Position(0)) { frame in
                seen = model.next(seen)
                try require(seen < model.frames.count, "more frames than there are")
                try model.check(frame, equals: model.frames[seen])
                seen += 1
                return true
            }
        } catch ReadError.damaged(_, let found, let position) {
            let index = model.next(seen)
            let next = index < model.frames.count ? model.frames[index].base : model.end
            return try require(
                // Without the footer nothing of the segment is given.
                found == offset && (position == next || isScarred),
                "damage was found at byte \(found), position \(position), expected byte"
                    + " \(offset), position \(next); \(what)")
        }
        try require(
            mayMiss, "damage to a sealed segment was not noticed when reading; \(what)")
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
