import Testing
import VarveBytes
import VarveSystem
import VarveTestSupport

@testable import VarveLog

/// Looking for frames behind holes, which are not read, against reading everything.
@Suite struct SurveyTests {
    /// A file whose file system knows of no holes.
    private final class BlindFile: File {
        private let file: any File
        init(_ file: any File) { self.file = file }

        var path: String { file.path }
        func size() throws(SystemError) -> Int64 { try file.size() }
        func read(_ count: Int, at offset: Int64, into buffer: inout [UInt8], start: Int)
            throws(SystemError) -> Int
        {
            try file.read(count, at: offset, into: &buffer, start: start)
        }
        func write(_ bytes: RawSpan, at offset: Int64) throws(SystemError) {}
        func sync() throws(SystemError) {}
        func allocate(_ range: Range<Int64>) throws(SystemError) {}
        func truncate(to size: Int64) throws(SystemError) {}
        func dropCache(from offset: Int64) {}
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func `frames behind holes are found`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let log = TestLog(segmentBytes: 4 << 20)
        try log.session { core in try log.fill(&core, batches: 900) }
        let name = try #require(
            try log.files.list(log.logDirectory).first { $0.hasSuffix(".varve") })
        let bytes = try log.files.contents(of: "\(log.logDirectory)/\(name)")
        let base: Int64 = bytes.raw.littleEndian(at: 32)
        let directory = try TemporaryDirectory()
        let sparse = try log.files.open("\(directory.path)/sparse", .create)
        try sparse.truncate(to: Int64(bytes.count))
        // Few pages or many are there; frames that begin in one of them may end in a hole.
        let kept = 2 + generator.below(70)
        for start in stride(from: 0, to: bytes.count, by: 4096) where generator.below(100) < kept {
            let end = min(start + 4096, bytes.count)
            try sparse.write(bytes.raw.extracting(start..<end), at: Int64(start))
        }
        #expect(bytes.count > 100_000)
        var promises = 0
        for _ in 0..<20 {
            let offset = Int64(generator.below(bytes.count / 8)) * 8
            func survey(_ file: any File) throws -> FileWindow.Rest {
                var window = FileWindow(
                    file, size: Int64(bytes.count), log: log.id, base: base, block: 16 << 10,
                    surveyedBytes: Int64(1 + generator.below(5)) * 4096)
                return try window.survey(
                    from: offset, notOlderThan: 0, dropsCache: generator.below(2) == 0)
            }
            let (found, expected) = (try survey(sparse), try survey(BlindFile(sparse)))
            #expect(found.lastNonZero == expected.lastNonZero, "seed \(seed), from \(offset)")
            #expect(found.promised == expected.promised, "seed \(seed), from \(offset)")
            #expect(found.endPosition == expected.endPosition, "seed \(seed), from \(offset)")
            if expected.promised != nil { promises += 1 }
        }
        #expect(promises > 0, "seed \(seed)")
    }
}
