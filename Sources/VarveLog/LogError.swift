/// Why a log cannot be opened, read or closed.
public enum LogError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another process has the directory open; `holder` is the address it published.
    case inUse(directory: String, holder: String)
    /// The disk or the file system said no.
    case system(String)
    /// A file is not what its name says.
    case invalidSegment(path: String, reason: String)
    /// Data that was acknowledged is damaged.
    case damaged(path: String, offset: Int64, position: Int64, reason: String)

    /// What happened, where, and what to do.
    public var description: String {
        switch self {
        case .inUse(let directory, let holder):
            "\(directory) is in use by another process\(holder.isEmpty ? "" : " (\(holder))")"
        case .system(let reason): reason
        case .invalidSegment(let path, let reason): "\(path) is no segment of this log: \(reason)"
        case .damaged(let path, let offset, let position, let reason):
            "\(path) is damaged at byte \(offset), position \(position): \(reason); acknowledged"
                + " records may be affected, so the log is not opened"
        }
    }
}

/// Why a batch was not appended.
public enum AppendError: Error, Sendable, Equatable, CustomStringConvertible {
    case unknownStream(StreamID)
    case invalidBatch(String)
    case tooLarge(size: Int, limit: Int)
    /// An idempotent producer's batch does not follow its last one.
    case outOfOrderSequence(expected: Int32, found: Int32)
    /// The producer id was taken over by a later epoch.
    case fenced(current: Int16, found: Int16)
    /// Nothing was appended; the log goes on and appends succeed again when space returns.
    case outOfSpace(String)
    /// A write or sync failed; nothing more is appended in this process.
    case stopped(String)

    /// What was wrong with the batch, or with the log.
    public var description: String {
        switch self {
        case .unknownStream(let id): "stream \(id.value) does not exist"
        case .invalidBatch(let reason): reason
        case .tooLarge(let size, let limit): "the batch is \(size) bytes, expected at most \(limit)"
        case .outOfOrderSequence(let expected, let found):
            "the batch's sequence is \(found), expected \(expected)"
        case .fenced(let current, let found):
            "the producer's epoch is \(found), the current one is \(current)"
        case .outOfSpace(let reason): "the disk is full, nothing was appended: \(reason)"
        case .stopped(let reason): "the log has stopped: \(reason)"
        }
    }
}
