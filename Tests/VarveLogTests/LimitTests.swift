import Synchronization
import Testing
import VarveBytes
import VarveFormats
import VarveSystem

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
        let disk = FullDisk()
        let core = Mutex<LogCore?>(
            try LogCore.open(
                directory: log.directory, options: log.options, fileSystem: disk,
                clock: log.clock, newID: log.id))
        try core.withLock { core in
            guard var open = core.take() else { return }
            try log.fill(&open, batches: 10)
            let before = try log.contents(open.reader)
            disk.isFull.withLock { $0 = true }
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
            disk.isFull.withLock { $0 = false }
            try log.fill(&open, batches: 10, from: 10)
            while try open.keep() {}
            #expect(try log.contents(open.reader).count == during.count + 20)
            open.release()
        }
        #expect(try log.verify().isSound)
    }
}

/// The kernel's file system, on a disk that can be full.
private final class FullDisk: FileSystem {
    let isFull = Mutex(false)
    private let files = PosixFileSystem()

    func createDirectory(_ path: String) throws(SystemError) { try files.createDirectory(path) }
    func list(_ directory: String) throws(SystemError) -> [String] { try files.list(directory) }
    func rename(_ path: String, to newPath: String) throws(SystemError) {
        try files.rename(path, to: newPath)
    }
    func remove(_ path: String) throws(SystemError) { try files.remove(path) }
    func syncDirectory(_ path: String) throws(SystemError) { try files.syncDirectory(path) }
    func lock(_ path: String) throws(SystemError) -> (any FileLock)? { try files.lock(path) }
    func lockHolder(_ path: String) throws(SystemError) -> String? { try files.lockHolder(path) }
    func open(_ path: String, _ mode: FileMode) throws(SystemError) -> any File {
        FullDiskFile(try files.open(path, mode), self)
    }
}

private final class FullDiskFile: File {
    private let file: any File
    private let disk: FullDisk

    init(_ file: any File, _ disk: FullDisk) {
        self.file = file
        self.disk = disk
    }

    var path: String { file.path }
    func size() throws(SystemError) -> Int64 { try file.size() }
    func read(_ count: Int, at offset: Int64, into buffer: inout [UInt8], start: Int)
        throws(SystemError) -> Int
    {
        try file.read(count, at: offset, into: &buffer, start: start)
    }
    func write(_ bytes: RawSpan, at offset: Int64) throws(SystemError) {
        if try offset + Int64(bytes.byteCount) > file.size() { try check("pwrite") }
        try file.write(bytes, at: offset)
    }
    func sync() throws(SystemError) { try file.sync() }
    func allocate(_ range: Range<Int64>) throws(SystemError) {
        if try range.upperBound > file.size() { try check("fallocate") }
        try file.allocate(range)
    }
    func truncate(to size: Int64) throws(SystemError) { try file.truncate(to: size) }
    func dropCache() { file.dropCache() }

    private func check(_ operation: String) throws(SystemError) {
        if disk.isFull.withLock({ $0 }) {
            throw SystemError(
                operation: operation, subject: path, code: SystemError.outOfSpaceCode)
        }
    }
}
