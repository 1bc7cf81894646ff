import VarveBytes

/// Takes requests of the Redis protocol from a stream of bytes:
///
///     *2\r\n$4\r\nHGET\r\n$3\r\nkey\r\n       an array of bulk strings, as clients send it
///     HGET key "a field"\r\n                  an inline command, as people type it
///
/// Nothing is copied: arguments are ranges of the bytes. A request that is not whole yet is
/// remembered, so that its bytes are looked at once however they arrive.
///
/// Source: the Redis serialization protocol specification, RESP2 and RESP3 (requests are alike).
public struct RESPRequestParser: Sendable {
    /// What stands at the start of the bytes.
    public enum Outcome: Sendable, Equatable {
        /// The request is not whole: call again with the same bytes and more behind them.
        case incomplete
        /// A request of `count` bytes, whose arguments are ranges of the bytes given.
        case request(count: Int)
        /// A request of `count` bytes, whose arguments are ranges of `inlineBytes`.
        case inline(count: Int)
    }

    /// The arguments of the last request, its command first; none for an empty line or array.
    public private(set) var arguments: [Range<Int>] = []
    /// What the arguments of an inline command are ranges of: the line with its quotes resolved.
    public private(set) var inlineBytes: [UInt8] = []

    /// Arguments that the request at hand still lacks; nil before its head was read.
    private var missing: Int?
    /// Bytes of the request at hand that were understood, from its start.
    private var progress = 0

    private static let carriageReturn = UInt8(ascii: "\r")
    private static let lineFeed = UInt8(ascii: "\n")

    /// A parser at the start of a request.
    public init() {}

    /// Reads the request that starts at an offset.
    /// - Parameter start: where the last request ended; the same as before after `incomplete`.
    /// - Throws: when the bytes are no request or break a limit.
    public mutating func next(in bytes: RawSpan, from start: Int) throws(RESPError) -> Outcome {
        if missing == nil {
            arguments.removeAll(keepingCapacity: true)
            guard start < bytes.byteCount else { return .incomplete }
            if bytes.byte(at: start) != UInt8(ascii: "*") { return try inline(bytes, start) }
            guard let count = try length(bytes, at: start + 1, what: "multibulk") else {
                return .incomplete
            }
            guard count.value <= RESPLimits.arguments else {
                throw RESPError("invalid multibulk length")
            }
            missing = max(0, count.value)
            progress = count.end - start
        }
        while let left = missing, left > 0 {
            let head = start + progress
            guard head < bytes.byteCount else { return .incomplete }
            let kind = bytes.byte(at: head)
            guard kind == UInt8(ascii: "$") else {
                throw RESPError("expected '$', got '\(Self.shown(kind))'")
            }
            guard let size = try length(bytes, at: head + 1, what: "bulk") else {
                return .incomplete
            }
            guard size.value >= 0, size.value <= RESPLimits.argumentBytes else {
                throw RESPError("invalid bulk length")
            }
            guard size.end + size.value - start <= RESPLimits.requestBytes else {
                throw RESPError("too big request")
            }
            let end = size.end + size.value
            guard bytes.byteCount >= end + 2 else { return .incomplete }
            guard bytes.byte(at: end) == Self.carriageReturn,
                bytes.byte(at: end + 1) == Self.lineFeed
            else { throw RESPError("expected CRLF after an argument of \(size.value) bytes") }
            // Relative to the request's start, which may move between calls.
            arguments.append(size.end - start..<end - start)
            progress = end + 2 - start
            missing = left - 1
        }
        missing = nil
        if start > 0 {
            for index in arguments.indices {
                let range = arguments[index]
                arguments[index] = range.lowerBound + start..<range.upperBound + start
            }
        }
        defer { progress = 0 }
        return .request(count: progress)
    }

    /// A number up to CRLF, and where the line ends; nil when the line is not whole.
    private func length(
        _ bytes: RawSpan, at start: Int, what: StaticString
    ) throws(RESPError) -> (value: Int, end: Int)? {
        var offset = start
        var isNegative = false
        if offset < bytes.byteCount, bytes.byte(at: offset) == UInt8(ascii: "-") {
            isNegative = true
            offset += 1
        }
        let firstDigit = offset
        var value = 0
        while offset < bytes.byteCount {
            let byte = bytes.byte(at: offset)
            if byte == Self.carriageReturn {
                guard offset > firstDigit else { throw RESPError("invalid \(what) length") }
                guard offset + 1 < bytes.byteCount else { return nil }
                guard bytes.byte(at: offset + 1) == Self.lineFeed else {
                    throw RESPError("invalid \(what) length")
                }
                return (isNegative ? -value : value, offset + 2)
            }
            // Nine digits are beyond every limit, and far from overflow.
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), offset - firstDigit < 9
            else { throw RESPError("invalid \(what) length") }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
            offset += 1
        }
        return nil
    }

    private static func shown(_ byte: UInt8) -> String {
        (0x20..<0x7F).contains(byte)
            ? String(Character(UnicodeScalar(byte))) : "\\x" + [byte].hex
    }
}

// MARK: - Inline commands

extension RESPRequestParser {
    private mutating func inline(_ bytes: RawSpan, _ start: Int) throws(RESPError) -> Outcome {
        var end = start + progress
        while end < bytes.byteCount, bytes.byte(at: end) != Self.lineFeed {
            end += 1
            if end - start > RESPLimits.inlineBytes { throw RESPError("too big inline request") }
        }
        guard end < bytes.byteCount else {
            progress = end - start
            return .incomplete
        }
        progress = 0
        let hasReturn = end > start && bytes.byte(at: end - 1) == Self.carriageReturn
        try split(bytes.extracting(start..<(hasReturn ? end - 1 : end)))
        return .inline(count: end + 1 - start)
    }

    /// Splits a line into words as a shell would: `"..."` with escapes, `'...'` with `\'`.
    private mutating func split(_ line: RawSpan) throws(RESPError) {
        inlineBytes.removeAll(keepingCapacity: true)
        var offset = 0
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        while true {
            while offset < line.byteCount, isSpace(line.byte(at: offset)) { offset += 1 }
            guard offset < line.byteCount else { return }
            let word = inlineBytes.count
            while offset < line.byteCount, !isSpace(line.byte(at: offset)) {
                let byte = line.byte(at: offset)
                offset += 1
                guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") else {
                    inlineBytes.append(byte)
                    continue
                }
                offset = try quoted(line, offset, byte)
                guard offset == line.byteCount || isSpace(line.byte(at: offset)) else {
                    throw RESPError("unbalanced quotes in request")
                }
            }
            arguments.append(word..<inlineBytes.count)
            guard arguments.count <= RESPLimits.arguments else {
                throw RESPError("invalid multibulk length")
            }
        }
    }

    /// Takes text up to the closing quote; answers the offset after it.
    private mutating func quoted(
        _ line: RawSpan, _ start: Int, _ quote: UInt8
    ) throws(RESPError) -> Int {
        var offset = start
        while offset < line.byteCount {
            let byte = line.byte(at: offset)
            offset += 1
            if byte == quote { return offset }
            guard byte == UInt8(ascii: "\\"), offset < line.byteCount else {
                inlineBytes.append(byte)
                continue
            }
            let escaped = line.byte(at: offset)
            if quote == UInt8(ascii: "'") {
                if escaped == quote { offset += 1 }
                inlineBytes.append(escaped == quote ? quote : byte)
                continue
            }
            offset += 1
            if escaped == UInt8(ascii: "x"), line.byteCount - offset >= 2,
                let high = Self.hexDigit(line.byte(at: offset)),
                let low = Self.hexDigit(line.byte(at: offset + 1))
            {
                inlineBytes.append(high << 4 | low)
                offset += 2
                continue
            }
            inlineBytes.append(Self.unescaped(escaped))
        }
        throw RESPError("unbalanced quotes in request")
    }

    private static func unescaped(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "n"): lineFeed
        case UInt8(ascii: "r"): carriageReturn
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "a"): 0x07
        default: byte
        }
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
