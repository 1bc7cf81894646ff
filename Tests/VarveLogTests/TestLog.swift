import Foundation
import VarveBytes
import VarveFormats
import VarveSystem

@testable import VarveLog

/// A data directory that goes away with the test, and a log in it without threads.
final class TestLog {
    let directory = NSTemporaryDirectory() + "varve-log-" + UUID().uuidString
    let clock = ManualClock(Timestamp(microseconds: 1_700_000_000_000_000))
    let id = LogID((0..<16).map { UInt8($0) })
    var options = LogOptions()
    let files = PosixFileSystem()

    init(segmentBytes: Int64 = 2048) {
        options.segmentBytes = segmentBytes
        options.reserveBytes = 4096
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    var logDirectory: String { directory + "/log" }

    func open() throws -> LogCore {
        try LogCore.open(
            directory: directory, options: options, fileSystem: files, clock: clock, newID: id)
    }

    /// Opens, does something, seals what can be sealed, and closes.
    func session<R>(_ body: (inout LogCore) throws -> R) throws -> R {
        var core = try open()
        defer { core.release() }
        let result = try body(&core)
        while try core.keep() {}
        try core.tick()
        return result
    }

    /// Appends numbered records to streams `a` and `b` in turn, a few to a batch.
    func fill(_ core: inout LogCore, batches: Int, from first: Int = 0) throws {
        let names = ["a", "b"].map { StreamName(name: $0, partition: 0) }
        try core.process([.streams(names, { _ in })])
        for number in first..<(first + batches) {
            clock.advance(byMicroseconds: 1000)
            let records = (0...(number % 3)).map {
                Record(
                    key: Array("key \(number % 5)".utf8),
                    value: Array("{\"number\": \(number), \"part\": \($0)}".utf8),
                    timestamp: 1_700_000_000_000 + Int64(number * 10 + $0))
            }
            let name = names[number % 2]
            guard let stream = core.reader.stream(name)?.id else { continue }
            let batch = try RecordBatch.encode(
                records, producerID: 7, producerEpoch: 0,
                baseSequence: Int32(sequences[name.name, default: 0]))
            sequences[name.name, default: 0] += records.count
            try core.process([.batch(batch, stream, [], { _ in })])
            if number % 10 == 9 { try core.tick() }
        }
    }

    private var sequences: [String: Int] = [:]

    /// Every record as position:stream:offset:value.
    func contents(_ reader: LogReader, from start: Int64 = 0) throws -> [String] {
        var found: [String] = []
        var scratch: [UInt8] = []
        try reader.read(from: Position(start)) { frame in
            let (base, offset) = (frame.basePosition.value, frame.baseOffset)
            let stream = frame.streamID.value
            try RecordBatch.forEachRecord(frame.body, scratch: &scratch) { record in
                let delta = Int64(record.offsetDelta)
                found.append(
                    "\(base + delta):\(stream):\(offset + delta):\(record.value?.text() ?? "")")
            }
            return true
        }
        return found
    }

    /// Segment files, in order.
    func segments() throws -> [String] {
        try files.list(logDirectory).filter { $0.hasSuffix(".varve") }
            .map { "\(logDirectory)/\($0)" }
    }

    func write(_ bytes: [UInt8], to path: String) throws {
        let file = try files.open(path, .create)
        try file.write(bytes.raw, at: 0)
    }

    func verify(against heads: [LogHead] = []) throws -> LogVerifier.Result {
        try LogVerifier(directory: directory).verify(against: heads)
    }
}
