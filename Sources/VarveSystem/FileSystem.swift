internal import VarveBytes

/// The files below a log: the seam through which a simulator puts a disk that tears, fills up and
/// fails in place of the real one.
///
/// Durability follows POSIX: written bytes are durable after `File.sync`, created, renamed and
/// removed names after `syncDirectory` of the directory that holds them.
public protocol FileSystem: Sendable {
    /// Creates a directory and those above it; nothing happens when it exists. Their names are
    /// durable after `syncDirectory`, as those of files are.
    func createDirectory(_ path: String) throws(SystemError)
    /// The names in a directory, sorted, without `.` and `..`.
    func list(_ directory: String) throws(SystemError) -> [String]
    /// Opens a file.
    func open(_ path: String, _ mode: FileMode) throws(SystemError) -> any File
    /// Gives a file another name, replacing a file that has it.
    func rename(_ path: String, to newPath: String) throws(SystemError)
    /// Removes a file.
    func remove(_ path: String) throws(SystemError)
    /// Makes the names in a directory durable.
    func syncDirectory(_ path: String) throws(SystemError)
    /// Takes the exclusive lock that a file stands for, creating the file if need be.
    /// - Returns: nil when another process, or another lock of this one, holds it.
    func lock(_ path: String) throws(SystemError) -> (any FileLock)?
    /// The text that the holder of the lock wrote; nil when nobody holds it.
    func lockHolder(_ path: String) throws(SystemError) -> String?
}

/// How a file is opened.
public enum FileMode: Sendable {
    /// For reading; it must exist.
    case read
    /// For reading and writing; it must exist.
    case readWrite
    /// For reading and writing; created, or emptied if it exists.
    case create
}

/// An open file. Every operation names its place, so that threads can share it; closed when the
/// last reference goes.
public protocol File: AnyObject, Sendable {
    /// Where it was opened.
    var path: String { get }
    /// Its size, bytes.
    func size() throws(SystemError) -> Int64
    /// Reads up to `count` bytes at `offset` of the file to `start` of the buffer, which must have
    /// room for them.
    /// - Returns: the bytes read, fewer than `count` only at the end of the file.
    func read(
        _ count: Int, at offset: Int64, into buffer: inout [UInt8], start: Int
    ) throws(SystemError) -> Int
    /// The first byte at or after `offset` that may be other than zero, as far as the file system
    /// knows without reading; nil when all that follow are zero.
    func nextData(from offset: Int64) -> Int64?
    /// Writes all bytes at `offset`. A failure may leave some of them written.
    func write(_ bytes: RawSpan, at offset: Int64) throws(SystemError)
    /// Asks that a range that was written be on its way to the disk, so that a later `sync` waits
    /// less; a hint.
    func beginSync(_ range: Range<Int64>)
    /// Makes written bytes, and the size needed to find them, durable (`fdatasync`). After a
    /// failure nothing is known about the bytes written since the last success.
    func sync() throws(SystemError)
    /// Reserves disk space for a range and extends the size to cover it; new bytes read as zero.
    /// Where the file system cannot reserve, nothing happens.
    func allocate(_ range: Range<Int64>) throws(SystemError)
    /// Cuts the file, or extends it with zeros.
    func truncate(to size: Int64) throws(SystemError)
    /// Asks that later reads at or after `offset` come from the disk instead of from memory; a hint.
    func dropCache(from offset: Int64)
}

extension File {
    /// Nothing is begun.
    public func beginSync(_ range: Range<Int64>) {}

    /// Nothing is known.
    public func nextData(from offset: Int64) -> Int64? { offset }
}

/// A lock that is held until released, or until the process ends.
public protocol FileLock: AnyObject, Sendable {
    /// Replaces the text that others see while the lock is held.
    func setText(_ text: String) throws(SystemError)
    /// Gives the lock up and empties its text.
    func release()
}

extension FileSystem {
    /// The whole content of a file.
    public func contents(of path: String) throws(SystemError) -> [UInt8] {
        let file = try open(path, .read)
        let size = try file.size()
        // What is not read is cut off.
        var bytes = [UInt8](count: Int(size)) { _ in }
        let count = try file.read(bytes.count, at: 0, into: &bytes, start: 0)
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    /// The names in a directory, sorted; none when it does not exist.
    public func listIfAny(_ directory: String) throws(SystemError) -> [String] {
        do {
            return try list(directory)
        } catch {
            if error.isNotFound { return [] }
            throw error
        }
    }

    /// Replaces a file so that after a crash it has the old or the new content, never a mixture:
    /// temporary file, sync, rename, sync of the directory.
    public func replace(
        _ name: String, in directory: String, with bytes: [UInt8]
    ) throws(SystemError) {
        let file = try open("\(directory)/\(name).tmp", .create)
        try file.write(bytes.raw, at: 0)
        try replace(name, in: directory, with: file)
    }

    /// The same with a file that was written in the same directory, and takes the name.
    public func replace(
        _ name: String, in directory: String, with file: any File
    ) throws(SystemError) {
        try file.sync()
        try rename(file.path, to: "\(directory)/\(name)")
        try syncDirectory(directory)
    }

    /// A new file without a name: it is gone when nobody uses it, or with the process.
    /// - Parameter directory: made if need be; the file has a name there until it is open.
    public func unnamedFile(in directory: String) throws(SystemError) -> any File {
        try createDirectory(directory)
        let number = unnamedFiles.withLock { number in
            number += 1
            return number
        }
        let path = "\(directory)/unnamed-\(number)"
        let file = try open(path, .create)
        try remove(path)
        return file
    }
}

/// Tells files apart while they have a name.
private let unnamedFiles = Monitor(0)
