internal import Glibc
import VarveBytes

/// The streams a process is started with.
public enum StandardStream: Int32, Sendable {
    case input = 0, output = 1, error = 2

    /// Whether a person looks at it, not a pipe or file.
    public var isTerminal: Bool { isatty(rawValue) == 1 }

    /// Writes a text; what a closed pipe refuses is dropped, as nobody reads it.
    public func write(_ text: String) { write(Array(text.utf8).raw) }

    /// Writes bytes.
    public func write(_ bytes: RawSpan) {
        // Safe: the buffer is only read, within its bounds.
        unsafe bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return }
            var done = 0
            while done < buffer.count {
                let put = unsafe Glibc.write(rawValue, start + done, buffer.count - done)
                if put > 0 { done += put } else if errno != EINTR { return }
            }
        }
    }

    /// Reads one line without showing what is typed, if a person types it; without the line's end.
    public func readSecret() throws(SystemError) -> String {
        var settings = termios()
        // Safe: the kernel fills, and later reads, the local structure.
        let isShown = unsafe isTerminal && tcgetattr(rawValue, &settings) == 0
        if isShown {
            var quiet = settings
            quiet.c_lflag &= ~tcflag_t(ECHO)
            // Safe: as above.
            _ = unsafe tcsetattr(rawValue, TCSAFLUSH, &quiet)
        }
        defer {
            // Safe: as above.
            if isShown { _ = unsafe tcsetattr(rawValue, TCSAFLUSH, &settings) }
        }
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            // Safe: the kernel fills the one local byte.
            let got = unsafe Glibc.read(rawValue, &byte, 1)
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw .last("read", "standard input") }
            if got == 0 || byte == UInt8(ascii: "\n") { break }
            line.append(byte)
        }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return String(decoding: line, as: UTF8.self)
    }

    /// Reads all of it.
    public func readAll() throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            // Safe: the kernel fills at most the array.
            let got = unsafe block.withUnsafeMutableBytes {
                unsafe Glibc.read(rawValue, $0.baseAddress, $0.count)
            }
            if got == 0 { return bytes }
            if got > 0 {
                bytes.append(contentsOf: block[..<got])
            } else if errno != EINTR {
                throw .last("read", "standard input")
            }
        }
    }
}

/// What a process is given by whoever starts it.
public enum ProcessEnvironment {
    /// An environment variable; nil when it is not set.
    public static func variable(_ name: String) -> String? {
        // Safe: the value is copied before anything could change it.
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    /// Processors that this process may use, at least 1.
    public static var coreCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// Ends the process.
    public static func exit(_ code: Int32) -> Never { Glibc.exit(code) }
}
