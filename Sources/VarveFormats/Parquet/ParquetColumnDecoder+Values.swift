import VarveBytes

/// Stored values as the bits of cells.
extension ParquetColumnDecoder {
    /// Reads plain values that are no texts, as the bits of cells.
    func readPlain(
        _ reader: inout ByteReader, _ count: Int, into words: inout [UInt64]
    ) throws {
        let start = words.count
        switch leaf.kind {
        case .bool:
            let bits = try reader.take((count + 7) / 8)
            for index in 0..<count { words.append(bits.bits(at: index, count: 1)) }
        case .integer64, .float64, .time:
            words.append(littleEndianWords: try reader.take(8 * count))
        case .integer32, .date, .float32:
            let values = try reader.take(4 * count)
            words.reserveCapacity(start + count)
            for index in 0..<count {
                let value = values.littleEndian(at: 4 * index, as: Int32.self)
                words.append(UInt64(bitPattern: Int64(value)))
            }
        case .time96:
            let values = try reader.take(12 * count)
            for index in 0..<count {
                let nanoseconds = values.littleEndian(at: 12 * index, as: Int64.self)
                // 1970-01-01 is Julian day 2 440 588.
                let day = Int64(values.littleEndian(at: 12 * index + 8, as: Int32.self)) - 2_440_588
                guard nanoseconds % 1000 == 0 else { throw inexact(nanoseconds) }
                words.append(
                    UInt64(bitPattern: try microseconds(day: day, nanoseconds / 1000)))
            }
        case .text: preconditionFailure("texts are read by their own")
        }
        try convert(&words, from: start)
    }

    mutating func readSplit(_ reader: inout ByteReader, _ count: Int) throws {
        let width =
            switch leaf.kind {
            case .integer32, .float32, .date: 4
            default: 8
            }
        let bytes = try reader.take(count * width)
        for index in 0..<count {
            var word: UInt64 = 0
            for place in 0..<width {
                word |= UInt64(bytes.byte(at: place * count + index)) << UInt64(8 * place)
            }
            words.append(
                width == 4
                    ? UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: word))) : word)
        }
        try convert(&words, from: 0)
    }

    private func microseconds(day: Int64, _ rest: Int64) throws -> Int64 {
        let (start, isFar) = day.multipliedReportingOverflow(by: 86_400_000_000)
        let (sum, isFarther) = start.addingReportingOverflow(rest)
        if isFar || isFarther { throw inexact(day) }
        return sum
    }

    private func inexact(_ value: Int64) -> ParquetError {
        .unsupported(
            "column \(leaf.name) holds a time of \(value) units, "
                + "expected whole microseconds within 64 bits")
    }

    /// Turns stored values, integers of 32 bits with their sign, into the bits of cells.
    func convert(_ words: inout [UInt64], from start: Int) throws {
        switch leaf.kind {
        case .bool, .text, .float64, .time96, .integer64(isSigned: true): break
        case .integer32(isSigned: true):
            // Differences may have left 32 bits.
            for index in start..<words.count {
                words[index] = UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: words[index])))
            }
        case .integer32(isSigned: false):
            for index in start..<words.count { words[index] &= 0xFFFF_FFFF }
        case .integer64(isSigned: false):
            for index in start..<words.count where words[index] > UInt64(Int64.max) {
                throw ParquetError.unsupported(
                    "column \(leaf.name) holds \(words[index]), expected at most \(Int64.max)")
            }
        case .float32:
            for index in start..<words.count {
                let bits = UInt32(truncatingIfNeeded: words[index])
                words[index] = Double(Float(bitPattern: bits)).bitPattern
            }
        case .date:
            for index in start..<words.count {
                let day = Int64(Int32(truncatingIfNeeded: words[index]))
                words[index] = UInt64(bitPattern: try microseconds(day: day, 0))
            }
        case .time(let unitsPerSecond):
            if unitsPerSecond == 1_000_000 { return }
            for index in start..<words.count {
                let value = Int64(bitPattern: words[index])
                if unitsPerSecond == 1000 {
                    let (product, overflow) = value.multipliedReportingOverflow(by: 1000)
                    if overflow { throw inexact(value) }
                    words[index] = UInt64(bitPattern: product)
                } else {
                    if value % 1000 != 0 { throw inexact(value) }
                    words[index] = UInt64(bitPattern: value / 1000)
                }
            }
        }
    }
}
