import Testing
import VarveBytes

@Suite struct RadixSortTests {
    @Test(arguments: [0, 1, 2, 100, 2047, 2048, 2049, 30_000])
    func `words come out in ascending order, each as often as it went in`(count: Int) {
        var random = XorShift(seed: count)
        // All digits; one digit only; few distinct words; all the same.
        let masks: [UInt64] = [.max, 0x7FF << 22, 0x8000_0000_0000_0003, 0]
        for mask in masks {
            var words = (0..<count).map { _ in random.next() & mask }
            let expected = words.sorted()
            RadixSort.sort(&words)
            #expect(words == expected, "\(count) words under \(mask)")
        }
    }

    @Test(arguments: [0, 1, 2, 3, 64, 65, 2047, 2049, 5000])
    func `the order is that of a stable sort`(count: Int) {
        var random = XorShift(seed: count)
        // All bits; the high ones alike; the low ones alike; few distinct words; all the same.
        let high: UInt64 = 0xABCD_EF01_2345_6000
        let shapes: [(UInt64) -> UInt64] = [
            { $0 }, { high | $0 & 0xFFF }, { $0 << 13 | 0x155 }, { $0 % 3 }, { $0 % 3 << 62 },
            { _ in .max }, { _ in 0 }, { [0, .max, 1, 1 << 63][Int($0 % 4)] },
        ]
        for (number, shape) in shapes.enumerated() {
            let words = (0..<count).map { _ in shape(random.next()) }
            let expected = words.indices.sorted { (words[$0], $0) < (words[$1], $1) }
            #expect(
                RadixSort.order(of: words) == expected.map { Int32($0) },
                "\(count) words of shape \(number)")
        }
    }
}
