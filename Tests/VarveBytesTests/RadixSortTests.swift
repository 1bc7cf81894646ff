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
}
