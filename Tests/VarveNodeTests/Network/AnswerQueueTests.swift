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
                    let place = random.below(open.count)
                    let answer = answers[open[place]] ?? []
                    // Some come in two parts, and others between them.
                    if random.below(2) == 0, answer.count > 1 {
                        queue.extend(open[place], Array(answer.prefix(answer.count / 2)))
                        answers[open[place]] = Array(answer.dropFirst(answer.count / 2))
                    } else {
                        queue.fulfil(open.remove(at: place), answer)
                    }
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

    @Test func `what is broken off leaves what may be written, and takes nothing more`() {
        var queue = AnswerQueue()
        let numbers = (0..<3).map { _ in queue.promise(cost: 5) }
        queue.extend(numbers[0], [1])
        queue.extend(numbers[1], [2])
        #expect(queue.front == numbers[0])
        queue.breakOff()
        queue.fulfil(numbers[0], [3])
        queue.fulfil(numbers[2], [4])
        #expect(queue.front == nil && queue.promisedBytes == 0 && queue.waitingBytes == 0)
        let next = queue.promise(cost: 1)
        #expect(next == numbers[2] + 1)
        queue.fulfil(next, [5])
        var written: [UInt8] = []
        queue.flush { bytes in
            written += bytes.copied()
            return bytes.byteCount
        }
        #expect(written == [1, 5])
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
