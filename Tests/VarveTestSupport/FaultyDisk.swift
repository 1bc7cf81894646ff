public import Synchronization
import VarveBytes
public import VarveSystem

/// The kernel's file system, on a disk that fails when a test wants it to.
public final class FaultyDisk: FileSystem {
    /// What is wrong with the disk.
    public enum Fault: Sendable, Equatable {
        case none
        /// No file can grow.
        case full
        /// Nothing becomes durable.
        case sync
        /// Files with this in their path cannot be read.
        case unreadable(String)
    }

    public let fault = Mutex(Fault.none)
    private let files = PosixFileSystem()

    public init() {}

    public func createDirectory(_ path: String) throws(SystemError) { try files.createDirectory(path) }
    public func list(_ directory: String) throws(SystemError) -> [String] { try files.list(directory) }
    public func rename(_ path: String, to newPath: String) throws(SystemError) {
        try files.rename(path, to: newPath)
    }
    public func remove(_ path: String) throws(SystemError) { try files.remove(path) }
    public func syncDirectory(_ path: String) throws(SystemError) { try files.syncDirectory(path) }
    public func lock(_ path: String) throws(SystemError) -> (any FileLock)? { try files.lock(path) }
    public func lockHolder(_ path: String) throws(SystemError) -> String? { try files.lockHolder(path) }
    public func open(_ path: String, _ mode: FileMode) throws(SystemError) -> any File {
        FaultyFile(try files.open(path, mode), self)
    }
}

private final class FaultyFile: File {
    private let file: any File
    private let disk: FaultyDisk

    init(_ file: any File, _ disk: FaultyDisk) {
        self.file = file
        self.disk = disk
    }

    var path: String { file.path }
    func size() throws(SystemError) -> Int64 { try file.size() }
    func read(_ count: Int, at offset: Int64, into buffer: inout [UInt8], start: Int)
        throws(SystemError) -> Int
    {
        if case .unreadable(let part) = disk.fault.withLock({ $0 }), path.contains(part) {
            throw SystemError(
                operation: "pread", subject: path, code: SystemError.inputOutputCode)
        }
        return try file.read(count, at: offset, into: &buffer, start: start)
    }
    func write(_ bytes: RawSpan, at offset: Int64) throws(SystemError) {
        if try offset + Int64(bytes.byteCount) > file.size() { try check("pwrite") }
        try file.write(bytes, at: offset)
    }
    func sync() throws(SystemError) {
        if disk.fault.withLock({ $0 == .sync }) {
            throw SystemError(operation: "fdatasync", subject: path, code: 5)
        }
        try file.sync()
    }
    func allocate(_ range: Range<Int64>) throws(SystemError) {
        if try range.upperBound > file.size() { try check("fallocate") }
        try file.allocate(range)
    }
    func truncate(to size: Int64) throws(SystemError) { try file.truncate(to: size) }
    func dropCache(from offset: Int64) { file.dropCache(from: offset) }

    private func check(_ operation: String) throws(SystemError) {
        if disk.fault.withLock({ $0 == .full }) {
            throw SystemError(
                operation: operation, subject: path, code: SystemError.outOfSpaceCode)
        }
    }
}
