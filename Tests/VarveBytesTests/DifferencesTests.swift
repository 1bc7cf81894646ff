import Testing
import VarveBytes

@Suite struct DifferencesTests {
    @Test(arguments: 0...64)
    func `sums of packed bits are those of adding them bit by bit`(width: Int) {
        var random = XorShift(seed: width + 1)
        for count in [0, 1, 2, 7, 8, 31, 32, 33, 100] {
            for room in 0..<10 {
                let packed = (0..<((count * width + 7) / 8 + room)).map { _ in
                    UInt8(truncatingIfNeeded: random.next() >> 20)
                }
                let (least, last) = (random.next(), random.next())
                var expected: [UInt64] = [1, 2]
                var value = last
                for index in 0..<count {
                    var bits: UInt64 = 0
                    for bit in 0..<width {
                        let place = index * width + bit
                        bits |= UInt64(packed[place / 8] >> UInt8(place % 8) & 1) << UInt64(bit)
                    }
                    value = value &+ least &+ bits
                    expected.append(value)
                }
                var found: [UInt64] = [1, 2]
                let end = found.append(
                    differences: packed.raw, width: width, count: count, least: least, after: last)
                #expect(found == expected && end == value, "\(count) values, \(room) bytes more")
            }
        }
    }
}
