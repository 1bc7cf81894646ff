import Foundation
import Testing
import VarveBytes
import VarveFormats
import VarveLog
import VarveSystem

struct LogTests {
    private let directory = NSTemporaryDirectory() + "varve-log-" + UUID().uuidString
    private let name = StreamName(name: "events", partition: 0)

    private var options: LogOptions {
        var options = LogOptions()
        options.segmentBytes = 4096
        options.reserveBytes = 8192
        options.tickAfter = .milliseconds(5)
        return options
    }

    private func open() throws -> Log {
        try Log.open(directory: directory, options: options)
    }

    private func batch(
        _ texts: [String], producer: Int64 = -1, epoch: Int16 = -1, sequence: Int32 = -1
    )
        throws -> [UInt8]
    {
        try RecordBatch.encode(
            texts.map { Record(key: nil, value: Array($0.utf8), timestamp: 1) },
            producerID: producer, producerEpoch: epoch, baseSequence: sequence)
    }

    private func stream(_ log: Log) throws -> StreamID {
        try log.createStreams([name])
        return try #require(log.stream(name)).id
    }

    /// Every record of the stream, as position:offset:value.
    private func contents(_ log: Log) throws -> [String] {
        let id = try #require(log.stream(name)).id
        var found: [String] = []
        var scratch: [UInt8] = []
        try log.read(from: Position(0), streams: [id]) { frame in
            let (base, offset) = (frame.basePosition.value, frame.baseOffset)
            try RecordBatch.forEachRecord(frame.body, scratch: &scratch) { record in
                let delta = Int64(record.offsetDelta)
                found.append("\(base + delta):\(offset + delta):\(record.value?.text() ?? "")")
            }
            return true
        }
        return found
    }

    private func segmentFiles() throws -> [String] {
        try PosixFileSystem().list(directory + "/log").filter { $0.hasSuffix(".varve") }
    }

    @Test("what was acknowledged is there after reopening, in order and once")
    func reopening() throws {
        var log = try open()
        let id = try stream(log)
        var expected: [String] = []
        for number in 0..<100 {
            let texts = (0...(number % 3)).map { "record \(number).\($0)" }
            let placed = try log.append(try batch(texts), to: id)
            for (index, text) in texts.enumerated() {
                let (position, offset) = (placed.basePosition.value, placed.baseOffset)
                expected.append(
                    "\(position + Int64(index)):\(offset + Int64(index)):\(text)"
                )
            }
        }
        #expect(try contents(log) == expected)
        #expect(try segmentFiles().count > 2)
        let (identity, commit, epoch) = (log.id, log.commitPosition, log.epoch)
        try log.close()
        log = try open()
        #expect(log.id == identity)
        #expect(log.commitPosition == commit)
        #expect(log.epoch == epoch + 1)
        #expect(log.recovery.tornBytes == 0)
        #expect(try contents(log) == expected)
        let placed = try log.append(try batch(["next"]), to: id)
        #expect(placed.basePosition == commit)
        try log.close()
    }

    @Test("a second opener is refused and told who has the directory")
    func locking() throws {
        let log = try open()
        try log.publish(address: "http://127.0.0.1:1")
        #expect(
            throws: LogError.inUse(directory: directory, holder: "http://127.0.0.1:1")
        ) { try open() }
        #expect(Log.publishedAddress(directory: directory) == "http://127.0.0.1:1")
        try log.close()
        #expect(Log.publishedAddress(directory: directory) == nil)
        try open().close()
    }

    @Test("a retry of an idempotent producer gets its first place, a gap is refused")
    func idempotence() throws {
        let log = try open()
        let id = try stream(log)
        let first = try log.append(
            try batch(["a", "b"], producer: 9, epoch: 0, sequence: 0), to: id)
        let again = try log.append(
            try batch(["a", "b"], producer: 9, epoch: 0, sequence: 0), to: id)
        #expect(again.isDuplicate)
        #expect(again.basePosition == first.basePosition)
        #expect(throws: AppendError.outOfOrderSequence(expected: 2, found: 3)) {
            try log.append(try batch(["d"], producer: 9, epoch: 0, sequence: 3), to: id)
        }
        try log.close()
        // The state is rebuilt from the log.
        let reopened = try open()
        let third = try reopened.append(
            try batch(["a", "b"], producer: 9, epoch: 0, sequence: 0), to: id)
        #expect(third.isDuplicate)
        #expect(throws: AppendError.fenced(current: 0, found: -1)) {
            try reopened.append(try batch(["c"], producer: 9, epoch: -1, sequence: 2), to: id)
        }
        #expect(try contents(reopened).count == 2)
        try reopened.close()
    }

    @Test("a tail torn at any byte is cut at the last whole frame")
    func tornTail() throws {
        var log = try open()
        let id = try stream(log)
        _ = try log.append(try batch(["kept"]), to: id)
        let kept = try contents(log)
        try log.close()
        let path = directory + "/log/" + (try #require(try segmentFiles().last))
        let whole = try PosixFileSystem().contents(of: path)
        log = try open()
        _ = try log.append(try batch(["torn"]), to: id)
        try log.close()
        let longer = try PosixFileSystem().contents(of: path)
        // Where the two differ first is where a tick and the torn frame begin.
        let start = try #require(whole.indices.first { whole[$0] != longer[$0] }) & ~7
        // The batch's last byte is zero, as is the space after it.
        let end = start + 64 + 64 + (try batch(["torn"])).count - 1
        for cut in start..<end {
            var bytes = Array(longer[..<cut])
            bytes += [UInt8](repeating: 0, count: longer.count - cut)
            let file = try PosixFileSystem().open(path, .create)
            try file.write(bytes.raw, at: 0)
            let recovered = try open()
            #expect(try contents(recovered) == kept, "cut at \(cut)")
            try recovered.close()
        }
    }

    @Test("damage to acknowledged data stops the opening and names the place")
    func damage() throws {
        let log = try open()
        let id = try stream(log)
        for number in 0..<5 { _ = try log.append(try batch(["record \(number)"]), to: id) }
        try log.close()
        let path = directory + "/log/" + (try #require(try segmentFiles().last))
        var bytes = try PosixFileSystem().contents(of: path)
        let offset = try #require(
            bytes.indices.first { bytes[$0...].starts(with: Array("record 2".utf8)) })
        bytes[offset] ^= 1
        let file = try PosixFileSystem().open(path, .create)
        try file.write(bytes.raw, at: 0)
        do {
            _ = try open()
            Issue.record("a damaged log was opened")
        } catch let error as LogError {
            guard case .damaged(_, _, let position, _) = error else { throw error }
            #expect(position == 3)
        }
        #expect(try PosixFileSystem().contents(of: path) == bytes, "nothing may be changed")
    }

    @Test("a fetch returns whole batches from the one that holds the offset")
    func fetching() throws {
        let log = try open()
        let id = try stream(log)
        for number in 0..<10 {
            _ = try log.append(try batch(["\(number)a", "\(number)b"]), to: id)
        }
        var output: [UInt8] = []
        try log.readStream(id, from: 5, maxBytes: 1, into: &output)
        #expect(try RecordBatchHeader(reading: output.raw).baseOffset == 4)
        #expect(try RecordBatchHeader(reading: output.raw).totalSize == output.count)
        output = []
        try log.readStream(id, from: 20, maxBytes: 1, into: &output)
        #expect(output.isEmpty)
        #expect(throws: ReadError.offsetOutOfRange(21, end: 20)) {
            try log.readStream(id, from: 21, maxBytes: 1, into: &output)
        }
        try log.close()
    }

    @Test("many producers at once get dense positions and offsets")
    func concurrency() throws {
        let log = try open()
        let id = try stream(log)
        let threads = (0..<4).map { thread in
            WorkerThread(name: "producer") {
                for number in 0..<50 {
                    let record = Record(
                        key: nil, value: Array("\(thread).\(number)".utf8), timestamp: 1)
                    guard let batch = try? RecordBatch.encode([record]) else { return }
                    _ = try? log.append(batch, to: id)
                }
            }
        }
        for thread in threads { thread.join() }
        let found = try contents(log)
        #expect(found.count == 200)
        #expect(found.map { $0.split(separator: ":")[1] } == (0..<200).map { "\($0)" })
        try log.close()
    }

    @Test("readers see every record in order while segments roll and are sealed")
    func readingWhileRolling() throws {
        let log = try open()
        let id = try stream(log)
        let count: Int64 = 600
        let failures = Monitor<[String]>([])
        let readers = (0..<2).map { number in
            WorkerThread(name: "reader \(number)") {
                var next: Int64 = 1
                do {
                    while next < count + 1 {
                        log.waitForCommit(past: Position(next), timeout: .seconds(10))
                        let start = next
                        try log.read(
                            from: Position(start), streams: number == 0 ? nil : [id]
                        ) { frame in
                            if frame.basePosition.value != next {
                                failures.withLock {
                                    $0.append("\(frame.basePosition.value), not \(next)")
                                }
                            }
                            next = frame.basePosition.value + Int64(frame.count)
                            return true
                        }
                        var output: [UInt8] = []
                        try log.readStream(id, from: next - 2, maxBytes: 100, into: &output)
                        if output.isEmpty { failures.withLock { $0.append("empty") } }
                        if let last = log.reader.stream(id)?.highWatermark, last > 0 {
                            let proof = try log.reader.prove(Position(next - 1))
                            _ = try proof.check(headHash: proof.head.root)
                        }
                    }
                } catch {
                    failures.withLock { $0.append("\(error)") }
                }
            }
        }
        for number in 0..<count {
            _ = try log.append(try batch(["record number \(number)"]), to: id)
        }
        for reader in readers { reader.join() }
        #expect(failures.withLock { $0 } == [])
        try log.close()
        #expect(try segmentFiles().count > 10)
        let verified = try LogVerifier(directory: directory).verify()
        #expect(verified.isSound)
        #expect(verified.head == log.reader.head())
    }
}
