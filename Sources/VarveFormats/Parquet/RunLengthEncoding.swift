import VarveBytes

/// Parquet's hybrid of runs and packed bits, for levels, dictionary indices and booleans.
///
///     run      varint: length << 1 | the value, in as few bytes as its width needs
///     packed   varint: groups of 8 << 1 | 1 | the values, least significant bit first
///
/// Source: github.com/apache/parquet-format, `Encodings.md`.
struct RunLengthReader: ~Escapable {
    private var bytes: ByteReader
    private let width: Int

    /// - Parameter width: bits of a value, 0 to 32.
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, width: Int) {
        self.bytes = ByteReader(bytes)
        self.width = width
    }

    /// The length of the next run and its value, or its packed bytes.
    @_lifetime(copy self)
    private mutating func next(_ left: Int) throws(ByteError) -> Run {
        let head = try bytes.unsignedVarint()
        if head & 1 == 0 {
            var value: UInt32 = 0
            for index in 0..<((width + 7) / 8) {
                value |= UInt32(try bytes.integer(UInt8.self)) << UInt32(8 * index)
            }
            let length = min(Int64(clamping: head >> 1), Int64(left))
            guard length > 0 else { throw empty }
            return Run(count: Int(length), value: value, packed: try bytes.take(0))
        }
        let groups = try bytes.checked(Int64(clamping: head >> 1), atMost: Int(Int32.max))
        let count = min(groups * 8, left)
        guard count > 0 else { throw empty }
        // Some writers leave out the end of the last group.
        let size = max((count * width + 7) / 8, min(groups * width, bytes.remaining))
        return Run(count: count, value: nil, packed: try bytes.take(size))
    }

    private var empty: ByteError { .lengthOutOfRange(at: bytes.offset, value: 0, limit: 1) }

    private struct Run: ~Escapable {
        let count: Int
        let value: UInt32?
        let packed: RawSpan

        @_lifetime(copy packed)
        init(count: Int, value: UInt32?, packed: RawSpan) {
            self.count = count
            self.value = value
            self.packed = packed
        }
    }

    /// Reads `count` values, each below `limit`.
    mutating func values(
        _ count: Int, below limit: Int, into values: inout [UInt32]
    ) throws(ByteError) {
        values.reserveCapacity(values.count + count)
        let start = values.count
        while values.count - start < count {
            let run = try next(count - (values.count - start))
            if let value = run.value {
                values.append(contentsOf: repeatElement(value, count: run.count))
            } else {
                unpack(run.packed, run.count, into: &values)
            }
        }
        for index in start..<values.count where values[index] >= limit {
            throw .lengthOutOfRange(at: bytes.offset, value: Int64(values[index]), limit: limit)
        }
    }

    /// Reads `count` values, each the place of one of some words, and appends those.
    mutating func words(
        _ count: Int, of entries: [UInt64], into words: inout [UInt64]
    ) throws(ByteError) {
        var left = count
        while left > 0 {
            let run = try next(left)
            left -= run.count
            var most = run.value ?? 0
            if run.value == nil {
                most = append(run.packed, run.count, of: entries, to: &words)
            } else if Int(most) < entries.count {
                let word = entries[Int(most)]
                words.append(addingCapacity: run.count) { words in
                    for _ in 0..<run.count { words.append(word) }
                }
            }
            if Int(most) >= entries.count {
                throw .lengthOutOfRange(at: bytes.offset, value: Int64(most), limit: entries.count)
            }
        }
    }

    /// Appends the words that the first values of packed bytes stand for.
    /// - Returns: the largest of the values; those that stand for no word give zero.
    private func append(
        _ packed: RawSpan, _ count: Int, of entries: [UInt64], to words: inout [UInt64]
    ) -> UInt32 {
        let width = width
        let mask = (UInt64(1) << UInt64(width)) - 1
        let whole = whole(packed, count)
        let entries = entries.span
        var most: UInt64 = 0
        words.append(addingCapacity: count) { words in
            var bit = 0
            for _ in 0..<whole {
                let index = packed.littleEndian(at: bit &>> 3) &>> UInt64(bit & 7) & mask
                most = max(most, index)
                let place = Int(truncatingIfNeeded: index)
                words.append(place < entries.count ? entries[place] : 0)
                bit &+= width
            }
            for number in whole..<count {
                let index = packed.bits(at: number * width, count: width)
                most = max(most, index)
                let place = Int(truncatingIfNeeded: index)
                words.append(place < entries.count ? entries[place] : 0)
            }
        }
        return UInt32(truncatingIfNeeded: most)
    }

    /// How many packed values have eight bytes from their first one on: one load has all their bits.
    private func whole(_ packed: RawSpan, _ count: Int) -> Int {
        width == 0 ? 0 : min(count, max(0, (packed.byteCount - 8) * 8 / width))
    }

    /// Appends the first values of packed bytes.
    private func unpack(_ packed: RawSpan, _ count: Int, into values: inout [UInt32]) {
        let mask = (UInt64(1) << UInt64(width)) - 1
        let (whole, width) = (whole(packed, count), width)
        values.append(addingCapacity: whole) { values in
            var bit = 0
            for _ in 0..<whole {
                let word: UInt64 = packed.littleEndian(at: bit >> 3)
                values.append(UInt32(truncatingIfNeeded: word >> UInt64(bit & 7) & mask))
                bit += width
            }
        }
        for index in whole..<count {
            values.append(UInt32(packed.bits(at: index * width, count: width)))
        }
    }

    /// Reads `count` values of one bit.
    mutating func bits(_ count: Int, into bits: inout Bitmap) throws(ByteError) {
        let end = bits.count + count
        while bits.count < end {
            let run = try next(end - bits.count)
            if let value = run.value {
                bits.append(repeating: value != 0, count: run.count)
            } else {
                bits.append(packed: run.packed, count: run.count)
            }
        }
    }
}

/// Writes the same.
enum RunLengthWriter {
    /// Writes values of `width` bits, as runs where eight or more are equal.
    static func write(
        _ values: borrowing Span<UInt32>, width: Int, to writer: inout ByteWriter
    ) {
        var index = 0
        /// Where values begin that are not written yet; whole groups from there to `index`.
        var pending = index
        while index < values.count {
            let value = values[index]
            var end = index + 1
            while end < values.count, values[end] == value { end += 1 }
            if end - index >= 8 {
                // The packed groups before a run are filled from its beginning.
                let fill = (8 - (index - pending) % 8) % 8
                if end - index - fill >= 8 {
                    pack(values.extracting(pending..<(index + fill)), width, &writer)
                    run(end - index - fill, value, width, &writer)
                    pending = end
                }
            }
            index = end
        }
        pack(values.extracting(pending..<values.count), width, &writer)
    }

    /// Writes a run.
    static func run(_ count: Int, _ value: UInt32, _ width: Int, _ writer: inout ByteWriter) {
        if count == 0 { return }
        writer.unsignedVarint(UInt64(count) << 1)
        for index in 0..<((width + 7) / 8) {
            writer.integer(UInt8(truncatingIfNeeded: value >> UInt32(8 * index)))
        }
    }

    /// Writes bits as they are; stops the program when they do not begin a byte.
    static func packed(_ bits: Bitmap, _ writer: inout ByteWriter) {
        writer.unsignedVarint(UInt64((bits.count + 7) / 8) << 1 | 1)
        writer.raw(bits.bytes)
    }

    private static func pack(
        _ values: borrowing Span<UInt32>, _ width: Int, _ writer: inout ByteWriter
    ) {
        if values.isEmpty { return }
        let groups = (values.count + 7) / 8
        writer.unsignedVarint(UInt64(groups) << 1 | 1)
        let size = UInt64(width)
        var word: UInt64 = 0
        var filled: UInt64 = 0
        let words = [UInt64](capacity: values.count * width / 64 + 1) {
            (words: inout OutputSpan<UInt64>) in
            for index in values.indices {
                let value = UInt64(values[index])
                word |= value &<< filled
                filled += size
                if filled >= 64 {
                    words.append(word)
                    filled -= 64
                    // What found no room; a value has 32 bits at most.
                    word = value &>> (size - filled)
                }
            }
        }
        writer.words(words.span)
        // The last group is filled with zeros.
        for index in 0..<(groups * width - 8 * words.count) {
            writer.integer(UInt8(truncatingIfNeeded: index < 8 ? word >> UInt64(8 * index) : 0))
        }
    }
}
