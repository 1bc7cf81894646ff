import Foundation
import Testing
import VarveTestSupport
import VarveBytes
import VarveLog
import VarveSystem

@testable import VarveNode

@Suite struct OffsetFileTests {
    private let directory = NSTemporaryDirectory() + "varve-offsets-" + UUID().uuidString
    private let files = PosixFileSystem()
    private let log = LogID(Array(0..<16))

    private var path: String { "\(directory)/offsets" }

    private func change(_ number: Int, group: String = "readers") -> OffsetChange {
        OffsetChange(
            group: group, stream: StreamName(name: "events", partition: Int32(number % 3)),
            committed: CommittedOffset(
                offset: Int64(number), leaderEpoch: 2, metadata: number == 1 ? nil : "w\(number)",
                time: Timestamp(microseconds: 1_700_000_000_000_000)))
    }

    @Test func `a file has these bytes`() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var file = try OffsetFile.open(in: directory, log: log, files: files).file
        try file.append([
            change(7),
            OffsetChange(
                group: "g", stream: StreamName(name: "t", partition: 1), committed: nil),
        ])
        let bytes = try files.contents(of: path).hex
        #expect(
            bytes == """
                56525647524f555001000000000102030405060708090a0b0c0d0e0f365cbe28\
                cdaef7cd2e000000010700726561646572730600\
                6576656e7473010000000700000000000000\
                0200000000401e18240a060002007737\
                d6d49bd40b0000000201006701007401000000
                """)
    }

    @Test func `what was appended is there after opening again, the last change counting`() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var file = try OffsetFile.open(in: directory, log: log, files: files).file
        try file.append((0..<10).map { change($0) })
        try file.append([change(1, group: "others")])
        try file.append([
            OffsetChange(
                group: "readers", stream: StreamName(name: "events", partition: 2), committed: nil)
        ])
        let size = try files.contents(of: path).count
        let again = try OffsetFile.open(in: directory, log: log, files: files)
        #expect(again.tornBytes == 0)
        #expect(again.offsets["readers"]?.count == 2)
        #expect(again.offsets["readers"]?[StreamName(name: "events", partition: 0)]?.offset == 9)
        #expect(again.offsets["others"]?[StreamName(name: "events", partition: 1)]?.metadata == nil)
        #expect(try files.contents(of: path).count < size, "what is outdated is gone")
    }

    @Test func `a file cut at any byte gives the changes before the cut`() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var file = try OffsetFile.open(in: directory, log: log, files: files).file
        var ends = [OffsetFile.headerSize]
        for number in 0..<3 {
            try file.append([change(number)])
            ends.append(try files.contents(of: path).count)
        }
        let whole = try files.contents(of: path)
        for cut in OffsetFile.headerSize...whole.count {
            try files.replace("offsets", in: directory, with: Array(whole[..<cut]))
            let opened = try OffsetFile.open(in: directory, log: log, files: files)
            let expected = ends.count { $0 <= cut } - 1
            #expect(opened.offsets["readers"]?.count ?? 0 == expected, "cut at \(cut)")
            #expect(opened.tornBytes == cut - ends[expected])
            // The next opening finds nothing torn.
            #expect(
                try OffsetFile.open(in: directory, log: log, files: files).tornBytes == 0)
        }
    }

    @Test func `damaged changes are not taken for others`() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var file = try OffsetFile.open(in: directory, log: log, files: files).file
        try file.append((0..<3).map { change($0) })
        let whole = try files.contents(of: path)
        var random = SplitMix64(seed: 5)
        for _ in 0..<50 {
            var damaged = whole
            let place = OffsetFile.headerSize + random.below(whole.count - OffsetFile.headerSize)
            damaged[place] ^= 1 << UInt8(random.below(8))
            try files.replace("offsets", in: directory, with: damaged)
            let opened = try OffsetFile.open(in: directory, log: log, files: files)
            #expect(opened.tornBytes > 0)
            for (stream, committed) in opened.offsets["readers"] ?? [:] {
                #expect(committed.offset == Int64(stream.partition))
            }
        }
    }

    @Test func `offsets of another log, or a damaged header, are refused`() throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        _ = try OffsetFile.open(in: directory, log: log, files: files)
        #expect(throws: OffsetFileError.foreign(path: path)) {
            try OffsetFile.open(in: directory, log: LogID.random(), files: files)
        }
        try files.replace("offsets", in: directory, with: [])
        #expect(throws: OffsetFileError.self) {
            try OffsetFile.open(in: directory, log: log, files: files)
        }
    }
}
