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

    @Test(arguments: [0, 1, 2, 300, 2000])
    func `words that are numbered anew are found by their new numbers`(count: Int) {
        var random = XorShift(seed: count)
        let words = (0..<count).map { UInt64($0) << [0, 30][$0 % 2] | UInt64($0) }
        var numbers = WordNumbers()
        _ = numbers.add(words.span, limit: .max)
        // By descending word, then as chance has it.
        let orders = [
            (0..<count).sorted { words[$0] > words[$1] },
            (0..<count).map { (random.next(), $0) }.sorted { $0 < $1 }.map(\.1),
        ]
        var expected = words
        for order in orders {
            numbers.renumber(order.map { Int32($0) })
            expected = order.map { expected[$0] }
            #expect(numbers.words == expected)
            #expect(numbers.numbers(of: expected) == (0..<count).map { Int32($0) })
            #expect(numbers.numbers(of: [UInt64.max]) == [-1])
        }
        // New words come after them.
        #expect(
            numbers.add(([.max] + expected).span, limit: .max) == [Int32(count)]
                + (0..<count).map { Int32($0) })
    }

    @Test func `numbers of other words stop the program`() async {
        await #expect(processExitsWith: .failure) {
            var numbers = WordNumbers()
            _ = numbers.add([1, 2].span, limit: 2)
            numbers.renumber([0])
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
