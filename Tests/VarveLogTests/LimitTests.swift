import Synchronization
import Testing
import VarveBytes
import VarveFormats
import VarveSystem
import VarveTestSupport

@testable import VarveLog

@Suite struct LimitTests {
    private func batch(_ size: Int) throws -> [UInt8] {
        let empty = try RecordBatch.encode([Record(key: nil, value: [], timestamp: 1)]).count
        var length = size - empty
        while true {
            let batch = try RecordBatch.encode([
                Record(key: nil, value: [UInt8](repeating: 7, count: length), timestamp: 1)
            ])
            if batch.count <= size { return batch }
            length -= batch.count - size
        }
    }

    @Test func `the largest batch is taken, one byte more is refused`() throws {
        let log = TestLog()
        log.options.batchBytes = 5000
        try log.session { core in
            let name = StreamName(name: "a", partition: 0)
            try core.process([.streams([name], { _ in })])
            let stream = try #require(core.reader.stream(name)).id
            let answers = Mutex<[Result<Appended, AppendError>]>([])
            let requests = try [5000, 5001].map { size in
                LogRequest.batch(try batch(size), stream, []) { answer in
                    answers.withLock { $0.append(answer) }
                }
            }
            try core.process(requests)
            let all = answers.withLock { $0 }
            #expect(throws: Never.self) { try all[0].get() }
            #expect(throws: AppendError.tooLarge(size: 5001, limit: 5000)) { try all[1].get() }
            // Larger than a segment: it has one for itself.
            #expect(try log.contents(core.reader).count == 2)
        }
    }

    @Test func `no more streams than the limit are created`() throws {
        let log = TestLog()
        log.options.streamLimit = 3
        try log.session { core in
            let names = ["a", "b", "c"].map { StreamName(name: $0, partition: 0) }
            let errors = Mutex<[AppendError?]>([])
            for name in names {
                try core.process([
                    .streams([name]) { error in errors.withLock { $0.append(error) } }
                ])
            }
            let all = errors.withLock { $0 }
            #expect(all[0] == nil && all[1] == nil)
            #expect(all[2]?.description.contains("at most 3") == true)
            #expect(core.reader.streams().count == 3)
        }
    }

    @Test func `a full mailbox makes producers wait and takes everything in the end`() throws {
        let log = TestLog(segmentBytes: 64 << 10)
        log.options.mailboxBytes = 2000
        log.options.groupBytes = 1000
        let open = try Log.open(directory: log.directory, options: log.options, clock: log.clock)
        let name = StreamName(name: "a", partition: 0)
        try open.createStreams([name])
        let stream = try #require(open.stream(name)).id
        let done = Monitor(0)
        for _ in 0..<200 {
            open.append(try batch(700), to: stream) { _ in
                done.withLock { $0 += 1 }
                done.wakeAll()
            }
        }
        done.wait(until: { $0 == 200 }) { _ in }
        #expect(open.stream(name)?.highWatermark == 200)
        try open.close()
    }

    @Test func `a full disk refuses appends, reads go on, and appends resume with space`() throws {
        let log = TestLog()
        let disk = FaultyDisk()
        let core = Mutex<LogCore?>(
            try LogCore.open(
                directory: log.directory, options: log.options, fileSystem: disk,
                clock: log.clock, newID: log.id))
        try core.withLock { core in
            guard var open = core.take() else { return }
            try log.fill(&open, batches: 10)
            let before = try log.contents(open.reader)
            disk.fault.withLock { $0 = .full }
            var refusals = 0
            let stream = try #require(open.reader.stream(StreamName(name: "a", partition: 0))).id
            for _ in 0..<20 {
                let answer = Mutex<Result<Appended, AppendError>?>(nil)
                try open.process([
                    .batch(try batch(900), stream, []) { result in
                        answer.withLock { $0 = result }
                    }
                ])
                if case .failure(.outOfSpace)? = answer.withLock({ $0 }) { refusals += 1 }
                _ = try open.keep()
            }
            #expect(refusals >= 15)
            #expect(open.reader.failure == nil)
            let during = try log.contents(open.reader)
            #expect(Array(during.prefix(before.count)) == before)
            disk.fault.withLock { $0 = .none }
            try log.fill(&open, batches: 10, from: 10)
            while try open.keep() {}
            #expect(try log.contents(open.reader).count == during.count + 20)
            open.release()
        }
        #expect(try log.verify().isSound)
    }
}
