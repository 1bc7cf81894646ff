import Testing
import VarveBytes

@Suite struct RadixSelectTests {
    @Test(arguments: [0, 1, 2, 100, 2049, 30_000])
    func `answers are those of sorted words, in whichever order they are asked for`(
        count: Int
    ) {
        var random = XorShift(seed: count)
        // All bits; one part nearly; few distinct words; all the same; far from zero.
        let shapes: [(UInt64) -> UInt64] = [
            { $0 }, { $0 % 100 == 0 ? $0 : $0 & 0xFFFF }, { $0 & 0x8000_0000_0000_0003 },
            { _ in 7 }, { .max - ($0 & 0xFF_FFFF) },
        ]
        for (number, shape) in shapes.enumerated() {
            let words = (0..<count).map { _ in shape(random.next()) }
            let sorted = words.sorted()
            var select = RadixSelect(words)
            #expect(select.count == count)
            // Half of them are made ready at once.
            if number % 2 == 0, count > 0 {
                select.prepare(indices: [0, count / 2, count / 3, count - 1])
            }
            for index in [count / 2, 0, count - 1, count / 20, count * 19 / 20]
            where sorted.indices.contains(index) {
                let word = sorted[index]
                #expect(select.word(at: index) == word, "shape \(number), index \(index)")
                for bound in [word, word &+ 1, word &- 1, 0, .max] {
                    let below = sorted.firstIndex { $0 >= bound } ?? count
                    #expect(select.count(below: bound) == below, "shape \(number), \(bound)")
                }
            }
        }
    }
}
