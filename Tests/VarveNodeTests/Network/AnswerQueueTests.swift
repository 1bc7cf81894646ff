import Testing
import VarveBytes
import VarveTestSupport

@testable import VarveNode

@Suite struct AnswerQueueTests {
    @Test func `answers leave in the order of promises, however they come and go`() throws {
        for seed in UInt64(0)..<20 {
            var random = SplitMix64(seed: seed)
            var queue = AnswerQueue()
            var open: [UInt64] = []
            var expected: [UInt8] = []
            var written: [UInt8] = []
            var answers: [UInt64: [UInt8]] = [:]
            for step in 0..<300 {
                switch random.below(4) {
                case 0, 1:
                    let number = queue.promise(cost: 10)
                    open.append(number)
                    let size = [0, 1, 100, 40 << 10][random.below(4)]
                    let answer = [UInt8](repeating: UInt8(truncatingIfNeeded: step), count: size)
                    answers[number] = answer
                    expected += answer
                case 2 where !open.isEmpty:
                    let number = open.remove(at: random.below(open.count))
                    queue.fulfil(number, answers[number] ?? [])
                default:
                    let limit = random.below(50 << 10)
                    queue.flush { bytes in
                        let count = min(limit, bytes.byteCount)
                        written += bytes.extracting(0..<count).copied()
                        return count
                    }
                }
                #expect(queue.promisedBytes == 10 * queue.promiseCount)
            }
            for number in open { queue.fulfil(number, answers[number] ?? []) }
            queue.flush { bytes in
                written += bytes.copied()
                return bytes.byteCount
            }
            #expect(queue.isEmpty, "seed \(seed)")
            #expect(written == expected, "seed \(seed)")
        }
    }

    @Test func `a promise is kept once`() {
        var queue = AnswerQueue()
        let number = queue.promise(cost: 1)
        queue.fulfil(number, [1])
        queue.fulfil(number, [2])
        queue.fulfil(99, [3])
        #expect(queue.outputBytes == 1)
    }
}
