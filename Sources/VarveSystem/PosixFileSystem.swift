internal import CHardware
internal import Glibc
internal import VarveBytes

/// The kernel's files.
public struct PosixFileSystem: FileSystem {
    /// The kernel's files.
    public init() {}

    public func createDirectory(_ path: String) throws(SystemError) {
        // Safe: the path is a terminated copy for the duration of the call.
        if unsafe mkdir(path, 0o755) == 0 { return }
        switch errno {
        case EEXIST:
            return
        case ENOENT:
            guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
                throw .last("mkdir", path)
            }
            try createDirectory(String(path[..<slash]))
            try createDirectory(path)
            // The caller knows the last parent only.
            try syncDirectory(String(path[..<slash]))
        default:
            throw .last("mkdir", path)
        }
    }

    public func list(_ directory: String) throws(SystemError) -> [String] {
        // Safe: the stream is used between opendir and closedir only, and each entry's name is
        // copied before the next readdir.
        guard let stream = unsafe opendir(directory) else { throw .last("opendir", directory) }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else { break }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe String(cString: $0)
                }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw .last("readdir", directory) }
        return names.sorted()
    }

    public func open(_ path: String, _ mode: FileMode) throws(SystemError) -> any File {
        try PosixFile(path: path, mode: mode)
    }

    public func rename(_ path: String, to newPath: String) throws(SystemError) {
        // Safe: both paths are terminated copies for the duration of the call.
        guard unsafe Glibc.rename(path, newPath) == 0 else { throw .last("rename", newPath) }
    }

    public func remove(_ path: String) throws(SystemError) {
        // Safe: the path is a terminated copy for the duration of the call.
        guard unsafe unlink(path) == 0 else { throw .last("unlink", path) }
    }

    public func syncDirectory(_ path: String) throws(SystemError) {
        // Safe: the path is a terminated copy for the duration of the call.
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("open", path) }
        defer { _ = Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .last("fsync", path) }
    }

    /// Writes a file that only its owner may read, replacing one of the name.
    public func writeSecret(_ bytes: [UInt8], to path: String) throws(SystemError) {
        let draft = path + ".new"
        // Safe: the path is a terminated copy for the duration of each call.
        _ = unsafe unlink(draft)
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        let descriptor = unsafe Glibc.open(draft, flags, 0o600)
        guard descriptor >= 0 else { throw .last("open", draft) }
        _ = Glibc.close(descriptor)
        try open(draft, .readWrite).write(bytes.raw, at: 0)
        try rename(draft, to: path)
    }

    /// How often a taken lock is tried again, 10 ms apart: whoever asks for the lock's holder takes
    /// it for a moment.
    private static let lockAttempts = 5

    public func lock(_ path: String) throws(SystemError) -> (any FileLock)? {
        // Safe: the path is a terminated copy for the duration of the call.
        let descriptor = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .last("open", path) }
        for attempt in 1...Self.lockAttempts {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
                return PosixFileLock(descriptor: descriptor, path: path)
            }
            guard errno == EWOULDBLOCK else {
                let error = SystemError.last("flock", path)
                _ = Glibc.close(descriptor)
                throw error
            }
            if attempt < Self.lockAttempts { usleep(10_000) }
        }
        _ = Glibc.close(descriptor)
        return nil
    }

    public func lockHolder(_ path: String) throws(SystemError) -> String? {
        // Safe: the path is a terminated copy for the duration of the call.
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .last("open", path)
        }
        defer { _ = Glibc.close(descriptor) }
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 {
            _ = flock(descriptor, LOCK_UN)
            return nil
        }
        return String(decoding: try contents(of: path), as: UTF8.self)
    }
}

/// A descriptor and its path.
final class PosixFile: File {
    let path: String
    private let descriptor: Int32

    init(path: String, mode: FileMode) throws(SystemError) {
        self.path = path
        let flags =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT | O_TRUNC
            }
        // Safe: the path is a terminated copy for the duration of the call.
        descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .last("open", path) }
    }

    deinit { _ = close(descriptor) }

    func size() throws(SystemError) -> Int64 {
        var status = stat()
        // Safe: the kernel fills the local structure.
        guard unsafe fstat(descriptor, &status) == 0 else { throw .last("fstat", path) }
        return Int64(status.st_size)
    }

    func read(
        _ count: Int, at offset: Int64, into buffer: inout [UInt8], start: Int
    ) throws(SystemError) -> Int {
        precondition(count >= 0 && start >= 0 && buffer.count - start >= count)
        var done = 0
        var failure: Int32 = 0
        // Safe: the precondition proves that start + count bytes lie within the buffer.
        unsafe buffer.withUnsafeMutableBytes { bytes in
            guard let first = bytes.baseAddress else { return }
            while done < count {
                let got = unsafe pread(
                    descriptor, first + start + done, count - done, off_t(offset) + done)
                if got > 0 {
                    done += got
                } else if got == 0 {
                    return
                } else if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        guard failure == 0 else {
            throw SystemError(operation: "pread", subject: path, code: failure)
        }
        return done
    }

    func nextData(from offset: Int64) -> Int64? {
        let found = chw_next_data(descriptor, offset)
        if found >= 0 { return found }
        // ENXIO: nothing but a hole is left. File systems without holes say other things.
        return errno == ENXIO ? nil : offset
    }

    func write(_ bytes: RawSpan, at offset: Int64) throws(SystemError) {
        // Safe: the buffer is only read, within its bounds.
        let failure: Int32 = unsafe bytes.withUnsafeBytes { buffer in
            guard let first = buffer.baseAddress else { return 0 }
            var done = 0
            while done < buffer.count {
                let put = unsafe pwrite(
                    descriptor, first + done, buffer.count - done, off_t(offset) + done)
                if put >= 0 {
                    done += put
                } else if errno != EINTR {
                    return errno
                }
            }
            return 0
        }
        guard failure == 0 else {
            throw SystemError(operation: "pwrite", subject: path, code: failure)
        }
    }

    func beginSync(_ range: Range<Int64>) {
        _ = chw_begin_sync(descriptor, range.lowerBound, Int64(range.count))
    }

    func sync() throws(SystemError) {
        guard fdatasync(descriptor) == 0 else { throw .last("fdatasync", path) }
    }

    func allocate(_ range: Range<Int64>) throws(SystemError) {
        while chw_fallocate(descriptor, range.lowerBound, Int64(range.count)) != 0 {
            switch errno {
            case EINTR: continue
            case EOPNOTSUPP: return
            default: throw .last("fallocate", path)
            }
        }
    }

    func truncate(to size: Int64) throws(SystemError) {
        while ftruncate(descriptor, off_t(size)) != 0 {
            guard errno == EINTR else { throw .last("ftruncate", path) }
        }
    }

    func dropCache(from offset: Int64) {
        _ = posix_fadvise(descriptor, off_t(offset), 0, Int32(POSIX_FADV_DONTNEED))
    }
}

/// A descriptor that holds an exclusive `flock`.
private final class PosixFileLock: FileLock {
    private let descriptor: Int32
    private let path: String

    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { _ = close(descriptor) }

    func setText(_ text: String) throws(SystemError) {
        let bytes = Array(text.utf8)
        guard ftruncate(descriptor, 0) == 0 else { throw .last("ftruncate", path) }
        // Safe: the buffer is only read, within its bounds.
        let written = unsafe bytes.withUnsafeBytes {
            unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0)
        }
        guard written == bytes.count else { throw .last("pwrite", path) }
    }

    func release() {
        _ = ftruncate(descriptor, 0)
        _ = flock(descriptor, LOCK_UN)
    }
}
