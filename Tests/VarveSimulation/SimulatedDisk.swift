import VarveBytes
import VarveSystem

/// A disk with the memory of a kernel before it. What is written or renamed is seen at once and
/// durable after a sync; what the power failing leaves of the rest is decided sector by sector.
///
///     write, resize  -->  cached bytes + pending changes  -- sync -->  durable bytes
///     link, unlink   -->  names        + pending names    -- sync of the directory -->  durable
///
/// A plain value: copy it to try two futures of one disk.
struct SimulatedDisk {
    /// The unit that the hardware writes whole or not at all.
    static let sector = 512

    struct Inode {
        var durable: [UInt8] = []
        var cached: [UInt8] = []
        var pending: [Change] = []
    }

    enum Change {
        case write(Int, [UInt8])
        case resize(Int)
    }

    enum NameChange {
        case directory(String)
        case link(String, Int)
        case unlink(String)
        case rename(String, String, Int)

        /// The path whose directory must be synced.
        var path: String {
            switch self {
            case .directory(let path), .link(let path, _), .unlink(let path),
                .rename(_, let path, _):
                path
            }
        }
    }

    private(set) var inodes: [Inode] = []
    private(set) var names: [String: Int] = [:]
    private var durableNames: [String: Int] = [:]
    private var directories: Set<String> = ["/"]
    private var durableDirectories: Set<String> = ["/"]
    private var pendingNames: [NameChange] = []
    /// Bytes of all files together.
    var capacity = Int.max
    /// Names of files held locked, with the holder's text.
    var locks: [String: String] = [:]

    // MARK: What a running kernel shows

    mutating func createDirectory(_ path: String) throws(SystemError) {
        if directories.contains(path) { return }
        let parent = Self.directory(of: path)
        if !directories.contains(parent) { try createDirectory(parent) }
        directories.insert(path)
        pendingNames.append(.directory(path))
    }

    func list(_ directory: String) throws(SystemError) -> [String] {
        guard directories.contains(directory) else {
            throw SystemError(
                operation: "opendir", subject: directory, code: SystemError.notFoundCode)
        }
        return names.keys.filter { Self.directory(of: $0) == directory }
            .map { String($0.dropFirst(directory.utf8.count + 1)) }.sorted()
    }

    func inode(_ path: String) throws(SystemError) -> Int {
        guard let inode = names[path] else {
            throw SystemError(operation: "open", subject: path, code: SystemError.notFoundCode)
        }
        return inode
    }

    mutating func create(_ path: String) throws(SystemError) -> Int {
        guard directories.contains(Self.directory(of: path)) else {
            throw SystemError(operation: "open", subject: path, code: SystemError.notFoundCode)
        }
        if let inode = names[path] {
            resize(inode, to: 0)
            return inode
        }
        inodes.append(Inode())
        names[path] = inodes.count - 1
        pendingNames.append(.link(path, inodes.count - 1))
        return inodes.count - 1
    }

    mutating func rename(_ path: String, to newPath: String) throws(SystemError) {
        let inode = try inode(path)
        names[path] = nil
        names[newPath] = inode
        pendingNames.append(.rename(path, newPath, inode))
    }

    mutating func remove(_ path: String) throws(SystemError) {
        _ = try inode(path)
        names[path] = nil
        pendingNames.append(.unlink(path))
    }

    mutating func write(_ bytes: RawSpan, to inode: Int, at offset: Int) {
        let end = offset + bytes.byteCount
        if inodes[inode].cached.count < end { extend(inode, to: end) }
        inodes[inode].cached.overwrite(at: offset, with: bytes)
        inodes[inode].pending.append(.write(offset, bytes.copied()))
    }

    mutating func resize(_ inode: Int, to size: Int) {
        if size < inodes[inode].cached.count {
            inodes[inode].cached.removeLast(inodes[inode].cached.count - size)
        } else {
            extend(inode, to: size)
        }
        inodes[inode].pending.append(.resize(size))
    }

    private mutating func extend(_ inode: Int, to size: Int) {
        let missing = size - inodes[inode].cached.count
        inodes[inode].cached.append(contentsOf: repeatElement(0, count: missing))
    }

    /// Bytes that all files with a name take.
    var used: Int { names.values.reduce(0) { $0 + inodes[$1].cached.count } }

    /// Writes what is pending, and nothing else: pages that an earlier sync lost stay lost.
    mutating func sync(_ inode: Int) {
        for change in inodes[inode].pending {
            let size = inodes[inode].durable.count
            let wanted = Self.size(after: change, size)
            if wanted < size {
                inodes[inode].durable.removeLast(size - wanted)
            } else if wanted > size {
                inodes[inode].durable.append(contentsOf: repeatElement(0, count: wanted - size))
            }
            if case .write(let offset, let bytes) = change {
                inodes[inode].durable.overwrite(at: offset, with: bytes.raw)
            }
        }
        inodes[inode].pending = []
    }

    /// A sync that fails: some of the pages reached the disk, the kernel takes all for clean. They
    /// are seen until they are dropped from memory; no later sync writes them.
    mutating func failSync(_ inode: Int, _ random: inout SimulatedRandom) {
        inodes[inode].durable = Self.remains(of: inodes[inode], &random)
        inodes[inode].pending = []
    }

    /// Drops clean pages from memory; pages not synced stay.
    mutating func dropCache(_ inode: Int) {
        if inodes[inode].pending.isEmpty { inodes[inode].cached = inodes[inode].durable }
    }

    mutating func syncDirectory(_ path: String) {
        var kept: [NameChange] = []
        for change in pendingNames {
            if Self.directory(of: change.path) == path {
                settle(change)
            } else {
                kept.append(change)
            }
        }
        pendingNames = kept
    }

    private mutating func settle(_ change: NameChange) {
        switch change {
        case .directory(let path): durableDirectories.insert(path)
        case .link(let path, let inode): durableNames[path] = inode
        case .unlink(let path): durableNames[path] = nil
        case .rename(let path, let newPath, let inode):
            if durableNames[path] == inode { durableNames[path] = nil }
            durableNames[newPath] = inode
        }
    }

    // MARK: Disasters

    /// The power fails and returns: what was not synced is there, old, or torn, in any order.
    mutating func losePower(_ random: inout SimulatedRandom) {
        locks = [:]
        for index in inodes.indices where !inodes[index].pending.isEmpty {
            inodes[index].durable = Self.remains(of: inodes[index], &random)
            inodes[index].pending = []
        }
        for index in inodes.indices { inodes[index].cached = inodes[index].durable }
        let mode = random.below(4)
        let survivors = random.below(pendingNames.count + 1)
        for (number, change) in pendingNames.enumerated() {
            let survives =
                switch mode {
                case 0: false
                case 1: true
                case 2: number < survivors
                default: random.chance(50)
                }
            if survives { settle(change) }
        }
        pendingNames = []
        directories = durableDirectories
        names = durableNames.filter { directories.contains(Self.directory(of: $0.key)) }
        durableNames = names
    }

    /// The process dies; the kernel keeps what it has.
    mutating func killProcess() { locks = [:] }

    /// What a power failure leaves of a file: sizes up to some change; each sector as it was after
    /// some of the writes to it, or, where one was in flight, with garbage in their place.
    private static func remains(of inode: Inode, _ random: inout SimulatedRandom) -> [UInt8] {
        let changes = inode.pending
        if changes.isEmpty { return inode.durable }
        let mode = random.below(6)
        let sizes = mode == 0 ? 0 : mode == 1 ? changes.count : random.below(changes.count + 1)
        var size = inode.durable.count
        for change in changes.prefix(sizes) { size = Self.size(after: change, size) }
        // Beyond the first torn sector nothing is left, in the mode that tears at one place.
        let tear = random.below(max(1, inode.cached.count))
        let leavesGarbage = random.chance(20)
        var result = inode.durable
        let largest = changes.reduce(result.count) { max($0, Self.size(after: $1, 0)) }
        if result.count < largest {
            result.append(contentsOf: repeatElement(0, count: largest - result.count))
        }
        for (number, change) in changes.enumerated() {
            switch change {
            case .resize(let newSize) where number < sizes && newSize < result.count:
                for at in newSize..<result.count { result[at] = 0 }
            case .resize: break
            case .write(let offset, let bytes):
                var at = offset
                while at < offset + bytes.count {
                    let end = min(offset + bytes.count, (at / Self.sector + 1) * Self.sector)
                    let reachesDisk =
                        switch mode {
                        case 0: false
                        case 1: true
                        case 2: at < tear
                        case 3: at >= tear
                        default: random.chance(mode == 4 ? 50 : 85)
                        }
                    if reachesDisk {
                        result.overwrite(
                            at: at, with: bytes.raw.extracting((at - offset)..<(end - offset)))
                    } else if leavesGarbage, random.chance(10) {
                        for place in at..<end { result[place] = UInt8(random.below(256)) }
                    }
                    at = end
                }
            }
        }
        if result.count > size { result.removeLast(result.count - size) }
        if result.count < size {
            result.append(contentsOf: repeatElement(0, count: size - result.count))
        }
        return result
    }

    private static func size(after change: Change, _ size: Int) -> Int {
        switch change {
        case .write(let offset, let bytes): max(size, offset + bytes.count)
        case .resize(let newSize): newSize
        }
    }

    /// Flips one bit of a file at rest, in memory and on the disk.
    mutating func flipBit(_ bit: Int, of path: String) throws(SystemError) {
        let inode = try inode(path)
        let mask = UInt8(1) << UInt8(bit % 8)
        if bit / 8 < inodes[inode].durable.count { inodes[inode].durable[bit / 8] ^= mask }
        if bit / 8 < inodes[inode].cached.count { inodes[inode].cached[bit / 8] ^= mask }
    }

    /// Loses a file at rest.
    mutating func lose(_ path: String) {
        names[path] = nil
        durableNames[path] = nil
    }

    /// Empties a file at rest.
    mutating func empty(_ path: String) throws(SystemError) {
        let inode = try inode(path)
        inodes[inode].durable = []
        inodes[inode].cached = []
    }

    /// The bytes of a file.
    func bytes(_ path: String) throws(SystemError) -> [UInt8] { inodes[try inode(path)].cached }

    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
