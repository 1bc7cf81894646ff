import Testing
import VarveBytes

@Suite struct WordNumbersTests {
    @Test(arguments: [1, 2, 255, 256, 257, 5000])
    func `words are numbered in order of first appearance`(count: Int) {
        var random = XorShift(seed: count)
        // Zero, neighbours and words whose low bits are all alike.
        func word() -> UInt64 {
            let word = random.next() % UInt64(count)
            return [word, word << 40, ~word][Int(random.next() % 3)]
        }
        var numbers = WordNumbers()
        var known: [UInt64] = []
        for _ in 0..<3 {
            let added = (0..<count).map { _ in word() }
            for word in added where !known.contains(word) { known.append(word) }
            let found = numbers.add(added, limit: .max)
            #expect(found == added.map { Int32(known.firstIndex(of: $0)!) })
            #expect(numbers.words == known)
        }
        let asked = (0..<(2 * count)).map { _ in word() }
        #expect(numbers.numbers(of: asked) == asked.map { Int32(known.firstIndex(of: $0) ?? -1) })
    }

    @Test func `a limit is kept to the word`() {
        let words = (0..<700).map { UInt64($0 % 300) }
        var numbers = WordNumbers()
        #expect(numbers.add(words, limit: 299) == nil)
        numbers = WordNumbers()
        #expect(numbers.add(words, limit: 300) == words.map { Int32($0) })
        #expect(numbers.numbers(of: []) == [])
        #expect(WordNumbers().numbers(of: [0, 1]) == [-1, -1])
    }
}
