internal import Glibc

/// A system call that failed: which, on what, and the kernel's reason.
public struct SystemError: Error, Sendable, Equatable {
    /// The call, such as `fdatasync`.
    public let operation: String
    /// The file, directory or address it worked on.
    public let subject: String
    /// The `errno` it left.
    public let code: Int32

    /// Describes a failed call.
    public init(operation: String, subject: String, code: Int32) {
        self.operation = operation
        self.subject = subject
        self.code = code
    }

    /// Whether the disk or the quota is full: a condition that an operator can end.
    public var isOutOfSpace: Bool { code == ENOSPC || code == EDQUOT }

    /// Whether the file or directory does not exist.
    public var isNotFound: Bool { code == ENOENT }

    /// Whether another process listens at the address.
    public var isAddressInUse: Bool { code == EADDRINUSE }

    /// Whether nobody listens at the address.
    public var isConnectionRefused: Bool { code == ECONNREFUSED }

    /// Whether the other side did not answer in time.
    public var isTimeout: Bool { code == ETIMEDOUT }

    /// The last failure of the calling thread.
    static func last(_ operation: String, _ subject: String) -> SystemError {
        SystemError(operation: operation, subject: subject, code: errno)
    }

    /// `ENOSPC`, for file systems that are not the kernel's.
    public static let outOfSpaceCode: Int32 = ENOSPC
    /// `ENOENT`, for file systems that are not the kernel's.
    public static let notFoundCode: Int32 = ENOENT
    /// `EIO`, for file systems that are not the kernel's.
    public static let inputOutputCode: Int32 = EIO
}

extension SystemError: CustomStringConvertible {
    public var description: String {
        // Safe: both return terminated texts; strings of known codes are never freed. The codes of
        // getaddrinfo are negative, those of errno are not.
        let reason =
            unsafe code < 0 ? String(cString: gai_strerror(code)) : String(cString: strerror(code))
        return "\(operation) \(subject): \(reason)"
    }
}
