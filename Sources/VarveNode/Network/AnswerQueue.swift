import VarveBytes

/// The answers of one connection: promised in the order of the requests, fulfilled in any order,
/// written in the order of the promises. An answer may come in parts.
///
///     promises:   [ 8 open, a part ][ 9 ready ][ 10 open ]
///     output:     ...answer 6, answer 7, part of 8        9 waits for 8
struct AnswerQueue {
    private struct Promise {
        var cost: Int
        /// What was given of it and waits for answers before it.
        var bytes: [UInt8] = []
        var isWhole = false
    }

    private var promises: [Promise] = []
    /// Promises before it are fulfilled and gone.
    private var head = 0
    /// The number of the promise at `head`.
    private var firstNumber: UInt64 = 0
    /// Answers that may be written, in order.
    private var output: [[UInt8]] = []
    private var outputHead = 0
    /// Bytes of the first of them that are written.
    private var written = 0
    /// What the open and waiting promises cost, in bytes.
    private(set) var promisedBytes = 0
    /// Bytes that may be written.
    private(set) var outputBytes = 0
    /// Bytes of answers that wait for one before them.
    private(set) var waitingBytes = 0

    /// The number of the promise whose answer is written next; nil when there is none.
    var front: UInt64? { promiseCount > 0 ? firstNumber : nil }

    /// Small answers are joined up to this size, to be written with one system call.
    private static let joinedBytes = 32 << 10

    /// Promises that are not yet in the output.
    var promiseCount: Int { promises.count - head }

    /// Whether every promise is kept and written.
    var isEmpty: Bool { promiseCount == 0 && outputBytes == 0 }

    /// Promises the next answer.
    /// - Parameter cost: bytes that the request keeps in memory meanwhile.
    /// - Returns: its number.
    mutating func promise(cost: Int) -> UInt64 {
        promises.append(Promise(cost: cost))
        promisedBytes += cost
        return firstNumber + UInt64(promiseCount - 1)
    }

    /// Says anew what a promise costs, unless it has been kept.
    mutating func reprice(_ number: UInt64, cost: Int) {
        guard let index = index(number), !promises[index].isWhole else { return }
        promisedBytes += cost - promises[index].cost
        promises[index].cost = cost
    }

    private func index(_ number: UInt64) -> Int? {
        guard number >= firstNumber, number - firstNumber < UInt64(promiseCount) else { return nil }
        return head + Int(number - firstNumber)
    }

    /// Gives the next part of an answer.
    mutating func extend(_ number: UInt64, _ bytes: [UInt8]) { give(number, bytes, isLast: false) }

    /// Keeps a promise, by the whole answer or its last part. Each is kept once.
    mutating func fulfil(_ number: UInt64, _ bytes: [UInt8]) { give(number, bytes, isLast: true) }

    private mutating func give(_ number: UInt64, _ bytes: [UInt8], isLast: Bool) {
        guard let index = index(number), !promises[index].isWhole else { return }
        if promises[index].bytes.isEmpty {
            promises[index].bytes = bytes
        } else {
            promises[index].bytes += bytes
        }
        promises[index].isWhole = isLast
        waitingBytes += bytes.count
        while head < promises.count {
            let ready = promises[head].bytes
            promises[head].bytes = []
            waitingBytes -= ready.count
            append(ready)
            guard promises[head].isWhole else { break }
            promisedBytes -= promises[head].cost
            head += 1
            firstNumber += 1
        }
        if head == promises.count || head > 256 {
            promises.removeFirst(head)
            head = 0
        }
    }

    /// Forgets all promises; what may be written stays.
    mutating func breakOff() {
        firstNumber += UInt64(promiseCount)
        promises.removeAll()
        head = 0
        promisedBytes = 0
        waitingBytes = 0
    }

    private mutating func append(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        outputBytes += bytes.count
        if output.count > outputHead, let last = output.last,
            last.count + bytes.count <= Self.joinedBytes
        {
            output[output.count - 1] += bytes
        } else {
            output.append(bytes)
        }
    }

    /// Hands over what may be written, piece by piece, until `write` takes less than it is given.
    mutating func flush<Failure: Error>(
        _ write: (RawSpan) throws(Failure) -> Int
    ) throws(Failure) {
        while outputHead < output.count {
            let piece = output[outputHead]
            let count = piece.count
            let taken = try write(piece.raw.extracting(written..<count))
            written += taken
            outputBytes -= taken
            guard written == count else { return }
            output[outputHead] = []
            outputHead += 1
            written = 0
        }
        output.removeAll(keepingCapacity: true)
        outputHead = 0
    }
}
