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
            let found = numbers.add(added.span, limit: .max)
            #expect(found == added.map { Int32(known.firstIndex(of: $0)!) })
            #expect(numbers.words == known)
        }
        let asked = (0..<(2 * count)).map { _ in word() }
        #expect(numbers.numbers(of: asked) == asked.map { Int32(known.firstIndex(of: $0) ?? -1) })
    }

    @Test(arguments: [0, 1, 2, 300, 512, 513, 1024, 2048, 9000])
    func `words that are there once are numbered as they stand`(count: Int) {
        let words = (0..<count).map { UInt64($0) << [0, 30][$0 % 2] | UInt64($0) }
        var numbers = WordNumbers(distinct: words)
        #expect(numbers.words == words)
        #expect(numbers.numbers(of: words.reversed()) == (0..<count).reversed().map { Int32($0) })
        #expect(numbers.numbers(of: [UInt64.max]) == [-1])
        // New words come after them.
        #expect(
            numbers.add(([.max] + words).span, limit: .max) == [Int32(count)]
                + (0..<count).map { Int32($0) })
    }

    @Test(arguments: [1, 7, 300, 5000, 70_000])
    func `words have no numbers when they are more than a limit, however they come`(distinct: Int) {
        var random = XorShift(seed: distinct)
        let words = (0..<distinct).map { UInt64($0) << [0, 20, 41][$0 % 3] | UInt64($0) }
        let repeated = (0..<(2 * distinct)).map { _ in words[Int(random.next() % UInt64(distinct))] }
        // New ones at the start, at the end, among others.
        for all in [words + repeated, repeated + words, (repeated + words).sorted()] {
            for limit in [distinct / 3, distinct - 1, distinct, distinct + 1] {
                var numbers = WordNumbers()
                let found = numbers.add(all.span, limit: limit)
                #expect((found == nil) == (limit < distinct), "\(limit) of \(distinct)")
                #expect(found?.count ?? all.count == all.count)
            }
        }
    }

    @Test func `a limit is kept to the word`() {
        let words = (0..<700).map { UInt64($0 % 300) }
        var numbers = WordNumbers()
        #expect(numbers.add(words.span, limit: 299) == nil)
        numbers = WordNumbers()
        #expect(numbers.add(words.span, limit: 300) == words.map { Int32($0) })
        #expect(numbers.numbers(of: []) == [])
        #expect(WordNumbers().numbers(of: [0, 1]) == [-1, -1])
    }
}
