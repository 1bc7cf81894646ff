import Synchronization
import VarveBytes
import VarveSystem

/// Something that goes wrong at the nth call of its kind from now.
enum Fault: Equatable {
    /// The power fails at the nth call that changes anything.
    case powerLoss
    /// The process dies there.
    case kill
    case writeError
    case syncError
    case readError
    case noSpace
}

/// The file system of a simulated machine. One thread drives it, from one seed.
final class SimulatedFileSystem: FileSystem {
    /// Protected by: the mutex. The simulation itself is one thread.
    struct Machine {
        var disk = SimulatedDisk()
        var random: SimulatedRandom
        /// Counts down the calls until a fault strikes.
        var faults: [(fault: Fault, countdown: Int)] = []
        /// Set when the machine or the process is down: every call fails until it is started.
        var downBy: Fault?
        /// A digest of everything that was done: equal for equal runs.
        var digest: UInt64 = 0
        var calls = 0
        /// The calls, one a line, when they are kept.
        var trace: [String]?
        var bug: PlantedBug?
        /// With `PlantedBug.acknowledgeBeforeSync`: the file whose sync was put off.
        var putOff: Int?
    }

    let machine: Mutex<Machine>

    init(seed: UInt64, bug: PlantedBug? = nil) {
        machine = Mutex(Machine(random: SimulatedRandom(seed: seed), bug: bug))
    }

    init(_ machine: Machine) { self.machine = Mutex(machine) }

    /// The same machine, to try another future.
    func forked() -> SimulatedFileSystem { SimulatedFileSystem(machine.withLock { $0 }) }

    /// Arms a fault for the nth call of its kind, counted from 0.
    func arm(_ fault: Fault, in calls: Int) {
        machine.withLock { $0.faults.append((fault, calls)) }
    }

    func disarm() { machine.withLock { $0.faults = [] } }

    /// Which fault took the process down; nil while it runs.
    var downBy: Fault? { machine.withLock { $0.downBy } }

    /// Starts the machine, or a new process on it, again.
    func restart() {
        machine.withLock { machine in
            machine.faults = []
            machine.downBy = nil
        }
    }

    /// Takes the process down, with the machine or without.
    func stop(_ fault: Fault) { machine.withLock { $0.stop(fault) } }

    func withDisk<R>(_ body: (inout SimulatedDisk) throws(SystemError) -> sending R)
        throws(SystemError) -> sending R
    {
        try machine.withLock { machine throws(SystemError) in try body(&machine.disk) }
    }

    /// Keeps a line for every call from now on.
    func keepTrace() { machine.withLock { $0.trace = [] } }

    var trace: [String] { machine.withLock { $0.trace ?? [] } }

    /// The disk as it is now.
    var disk: SimulatedDisk { machine.withLock { $0.disk } }

    /// Whether the calls' order and content were the same, for two runs of a seed.
    var digest: UInt64 { machine.withLock { $0.digest } }

    /// Calls so far.
    var calls: Int { machine.withLock { $0.calls } }

    // MARK: FileSystem

    func createDirectory(_ path: String) throws(SystemError) {
        try change("mkdir", path) { disk throws(SystemError) in try disk.createDirectory(path) }
    }

    func list(_ directory: String) throws(SystemError) -> [String] {
        try machine.withLock { machine throws(SystemError) in
            try machine.begin("opendir", directory, [])
            return try machine.disk.list(directory)
        }
    }

    func open(_ path: String, _ mode: FileMode) throws(SystemError) -> any File {
        if case .create = mode {
            let inode = try change("create", path, [.noSpace]) { disk throws(SystemError) in
                try disk.create(path)
            }
            return SimulatedFile(path, inode, self)
        }
        return try machine.withLock { machine throws(SystemError) in
            try machine.begin("open", path, [])
            return SimulatedFile(path, try machine.disk.inode(path), self)
        }
    }

    func rename(_ path: String, to newPath: String) throws(SystemError) {
        try change("rename", newPath) { disk throws(SystemError) in
            try disk.rename(path, to: newPath)
        }
    }

    func remove(_ path: String) throws(SystemError) {
        try change("unlink", path) { disk throws(SystemError) in try disk.remove(path) }
    }

    func syncDirectory(_ path: String) throws(SystemError) {
        if machine.withLock({ $0.bug == .forgetDirectorySync }) { return }
        try change("fsync", path, [.syncError]) { disk throws(SystemError) in
            disk.syncDirectory(path)
        }
    }

    func lock(_ path: String) throws(SystemError) -> (any FileLock)? {
        try machine.withLock { machine throws(SystemError) in
            try machine.begin("flock", path, [])
            if machine.disk.locks[path] != nil { return nil }
            machine.disk.locks[path] = ""
            return SimulatedLock(path, self)
        }
    }

    func lockHolder(_ path: String) throws(SystemError) -> String? {
        machine.withLock { $0.disk.locks[path] }
    }

    /// A call that changes something: faults strike before it, or after it was done.
    fileprivate func change<R>(
        _ operation: String, _ subject: String, _ kinds: [Fault] = [],
        _ body: (inout SimulatedDisk) throws(SystemError) -> sending R
    ) throws(SystemError) -> sending R {
        try machine.withLock { machine throws(SystemError) in
            try machine.begin(operation, subject, kinds)
            let fault = machine.strike([.powerLoss, .kill])
            let strikesFirst = fault != nil && machine.random.chance(50)
            if let fault, strikesFirst {
                machine.stop(fault)
                throw SystemError(
                    operation: operation, subject: subject, code: SystemError.inputOutputCode)
            }
            let result = try body(&machine.disk)
            if let fault {
                machine.stop(fault)
                throw SystemError(
                    operation: operation, subject: subject, code: SystemError.inputOutputCode)
            }
            return result
        }
    }
}

extension SimulatedFileSystem.Machine {
    /// Counts a call, and fails it when it is its turn or nothing runs any more.
    mutating func begin(_ operation: String, _ subject: String, _ kinds: [Fault])
        throws(SystemError)
    {
        if let inode = putOff {
            putOff = nil
            if downBy == nil { disk.sync(inode) }
        }
        calls += 1
        note(operation)
        note(subject)
        trace?.append("\(calls) \(operation) \(subject)\(downBy == nil ? "" : " (down)")")
        let isDown = downBy != nil
        if isDown || strike(kinds.filter { $0 != .noSpace && $0 != .syncError }) != nil {
            throw SystemError(
                operation: operation, subject: subject, code: SystemError.inputOutputCode)
        }
        if strike(kinds.filter { $0 == .noSpace }) != nil {
            throw SystemError(
                operation: operation, subject: subject, code: SystemError.outOfSpaceCode)
        }
    }

    mutating func strike(_ kinds: [Fault]) -> Fault? {
        var struck: Fault?
        for index in faults.indices where kinds.contains(faults[index].fault) {
            faults[index].countdown -= 1
            if faults[index].countdown < 0 {
                struck = faults[index].fault
                trace?.append("    fault: \(faults[index].fault)")
            }
        }
        faults.removeAll { $0.countdown < 0 }
        return struck
    }

    mutating func stop(_ fault: Fault) {
        putOff = nil
        downBy = fault
        trace?.append("    stopped: \(fault)")
        if fault == .powerLoss { disk.losePower(&random) } else { disk.killProcess() }
    }

    mutating func note(_ text: String) { note(KeyHash.hash(Array(text.utf8).raw)) }

    mutating func note(_ value: UInt64) {
        digest = (digest ^ value) &* 0x9e37_79b9_7f4a_7c15
        digest ^= digest >> 29
    }
}

private final class SimulatedFile: File {
    let path: String
    private let inode: Int
    private let system: SimulatedFileSystem

    init(_ path: String, _ inode: Int, _ system: SimulatedFileSystem) {
        self.path = path
        self.inode = inode
        self.system = system
    }

    func size() throws(SystemError) -> Int64 {
        try system.machine.withLock { machine throws(SystemError) in
            try machine.begin("fstat", path, [])
            return Int64(machine.disk.inodes[inode].cached.count)
        }
    }

    func read(
        _ count: Int, at offset: Int64, into buffer: inout [UInt8], start: Int
    ) throws(SystemError) -> Int {
        let bytes = try system.machine.withLock { machine throws(SystemError) in
            try machine.begin("pread", path, [.readError])
            return machine.disk.inodes[inode].cached
        }
        let first = min(Int(offset), bytes.count)
        let end = min(first + count, bytes.count)
        buffer.overwrite(at: start, with: bytes.raw.extracting(first..<end))
        return end - first
    }

    func nextData(from offset: Int64) -> Int64? {
        let bytes = system.machine.withLock { $0.disk.inodes[inode].cached }
        guard let next = bytes.indices.dropFirst(Int(offset)).first(where: { bytes[$0] != 0 })
        else { return nil }
        // File systems know of pages.
        return max(offset, Int64(next) & ~4095)
    }

    func write(_ bytes: RawSpan, at offset: Int64) throws(SystemError) {
        let copy = bytes.copied()
        try system.machine.withLock { machine throws(SystemError) in
            try machine.begin("pwrite", path, [])
            machine.note(KeyHash.hash(copy.raw))
            machine.trace?.append("    \(copy.count) bytes at \(offset)")
            let fault = machine.strike([.powerLoss, .kill, .writeError])
            let isTooMuch = machine.isFull(
                by: Int(offset) + copy.count - machine.disk.inodes[inode].cached.count)
            // A call that fails may have written any part of its bytes.
            let count =
                fault == nil && !isTooMuch ? copy.count : machine.random.below(copy.count + 1)
            machine.disk.write(copy.raw.extracting(0..<count), to: inode, at: Int(offset))
            if let fault, fault != .writeError { machine.stop(fault) }
            if fault != nil || isTooMuch {
                throw SystemError(
                    operation: "pwrite", subject: path,
                    code: isTooMuch ? SystemError.outOfSpaceCode : SystemError.inputOutputCode)
            }
        }
    }

    func sync() throws(SystemError) {
        try system.machine.withLock { machine throws(SystemError) in
            try machine.begin("fdatasync", path, [])
            let fault = machine.strike([.powerLoss, .kill, .syncError])
            if let fault {
                if fault == .syncError {
                    machine.disk.failSync(inode, &machine.random)
                } else {
                    if machine.random.chance(50) { machine.disk.sync(inode) }
                    machine.stop(fault)
                }
                throw SystemError(
                    operation: "fdatasync", subject: path, code: SystemError.inputOutputCode)
            }
            switch machine.bug {
            case .skipSync: break
            case .acknowledgeBeforeSync: machine.putOff = inode
            default: machine.disk.sync(inode)
            }
        }
    }

    func allocate(_ range: Range<Int64>) throws(SystemError) {
        try system.machine.withLock { machine throws(SystemError) in
            try machine.begin("fallocate", path, [.noSpace])
            let size = machine.disk.inodes[inode].cached.count
            let wanted = Int(range.upperBound)
            if machine.isFull(by: wanted - size) {
                throw SystemError(
                    operation: "fallocate", subject: path, code: SystemError.outOfSpaceCode)
            }
            if let fault = machine.strike([.powerLoss, .kill]) {
                if machine.random.chance(50), wanted > size {
                    machine.disk.resize(inode, to: wanted)
                }
                machine.stop(fault)
                throw SystemError(
                    operation: "fallocate", subject: path, code: SystemError.inputOutputCode)
            }
            if wanted > size { machine.disk.resize(inode, to: wanted) }
        }
    }

    func truncate(to size: Int64) throws(SystemError) {
        try system.change("ftruncate", path) { disk throws(SystemError) in
            disk.resize(inode, to: Int(size))
        }
    }

    /// All of the file: what is dropped is up to the kernel.
    func dropCache(from offset: Int64) {
        system.machine.withLock { machine in
            if machine.downBy == nil { machine.disk.dropCache(inode) }
        }
    }
}

extension SimulatedFileSystem.Machine {
    func isFull(by bytes: Int) -> Bool { bytes > 0 && disk.used + bytes > disk.capacity }
}

private final class SimulatedLock: FileLock {
    private let path: String
    private let system: SimulatedFileSystem

    init(_ path: String, _ system: SimulatedFileSystem) {
        self.path = path
        self.system = system
    }

    func setText(_ text: String) throws(SystemError) {
        system.machine.withLock { $0.disk.locks[path] = text }
    }

    func release() { system.machine.withLock { $0.disk.locks[path] = nil } }
}
