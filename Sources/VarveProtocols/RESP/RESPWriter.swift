import VarveBytes

/// Which dialect a connection speaks: 2 until it says `HELLO 3`.
public enum RESPVersion: Int, Sendable, Equatable {
    case two = 2
    case three = 3
}

/// Writes answers of the Redis protocol.
///
///     +OK\r\n    -ERR ...\r\n    :12\r\n    $3\r\nabc\r\n    *2\r\n...    %1\r\n...    _\r\n
///
/// RESP2 has no map and no null of its own: maps become arrays of names and values, null a bulk
/// string of length -1.
///
/// Source: the Redis serialization protocol specification, RESP2 and RESP3.
public struct RESPWriter: Sendable {
    /// What has been written.
    public var bytes: [UInt8] = []
    /// The dialect.
    public var version: RESPVersion
    /// A number being written; reused.
    private var scratch: [UInt8] = []

    /// An empty writer.
    public init(_ version: RESPVersion = .two) { self.version = version }

    /// A short text without line breaks: `OK`, `PONG`.
    public mutating func simple(_ text: StaticString) {
        bytes.append(UInt8(ascii: "+"))
        literal(text)
        lineEnd()
    }

    /// An error; its first word is its code. Line breaks become spaces.
    public mutating func error(_ text: String) {
        bytes.append(UInt8(ascii: "-"))
        for byte in text.utf8 { bytes.append(byte < 0x20 ? 0x20 : byte) }
        lineEnd()
    }

    /// A number.
    public mutating func integer(_ value: Int) {
        bytes.append(UInt8(ascii: ":"))
        decimal(value)
        lineEnd()
    }

    /// Nothing.
    public mutating func null() {
        if version == .three {
            bytes.append(UInt8(ascii: "_"))
            lineEnd()
        } else {
            bytes.append(littleEndian: 0x0A0D_312D_24, bytes: 5)
        }
    }

    /// A string of any bytes.
    public mutating func bulk(_ value: RawSpan) {
        head(UInt8(ascii: "$"), value.byteCount)
        bytes.append(copying: value)
        lineEnd()
    }

    /// A text.
    public mutating func bulk(_ value: String) {
        head(UInt8(ascii: "$"), value.utf8.count)
        bytes.append(contentsOf: value.utf8)
        lineEnd()
    }

    /// A number as a text.
    public mutating func bulk(_ value: Int64) {
        let magnitude = value.magnitude
        head(UInt8(ascii: "$"), Self.digitCount(magnitude) + (value < 0 ? 1 : 0))
        decimal(Int(value))
        lineEnd()
    }

    /// A finite double as a text: the shortest that reads back as its bits.
    public mutating func bulk(_ value: Double) {
        var digits: [UInt8] = []
        swap(&digits, &scratch)
        digits.removeAll(keepingCapacity: true)
        digits.append(decimal: value)
        bulk(digits.raw)
        swap(&digits, &scratch)
    }

    /// The head of an array, whose elements come next.
    public mutating func array(_ count: Int) { head(UInt8(ascii: "*"), count) }

    /// The head of a map, whose names and values come next, in turn.
    public mutating func map(_ count: Int) {
        version == .three ? head(UInt8(ascii: "%"), count) : head(UInt8(ascii: "*"), 2 * count)
    }

    private mutating func head(_ kind: UInt8, _ count: Int) {
        // Lengths are short nearly always: four or five bytes at once.
        if count >= 0, count < 100 {
            let (tens, ones) = UInt64(count).quotientAndRemainder(dividingBy: 10)
            let digits = tens == 0 ? 0x30 + ones : (0x30 + tens) | (0x30 + ones) << 8
            let size = tens == 0 ? 1 : 2
            return bytes.append(
                littleEndian: UInt64(kind) | digits << 8 | 0x0A0D << UInt64(8 + 8 * size),
                bytes: 3 + size)
        }
        bytes.append(kind)
        decimal(count)
        lineEnd()
    }

    private mutating func lineEnd() { bytes.append(littleEndian: 0x0A0D, bytes: 2) }

    private mutating func literal(_ text: StaticString) {
        // A static string may be a scalar; its description is its text either way.
        bytes.append(contentsOf: "\(text)".utf8)
    }

    private mutating func decimal(_ value: Int) {
        var rest = value.magnitude
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        if rest < 10 {
            bytes.append(UInt8(ascii: "0") + UInt8(rest))
            return
        }
        let count = Self.digitCount(UInt64(rest))
        let end = bytes.count + count
        for _ in 0..<count { bytes.append(UInt8(ascii: "0")) }
        var index = end
        while rest > 0 {
            index -= 1
            bytes[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    private static func digitCount(_ value: UInt64) -> Int {
        var (count, limit) = (1, UInt64(10))
        while value >= limit {
            count += 1
            let (next, overflow) = limit.multipliedReportingOverflow(by: 10)
            if overflow { break }
            limit = next
        }
        return count
    }
}
