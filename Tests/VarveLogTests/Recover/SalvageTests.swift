import Testing
import VarveBytes
import VarveFormats
import VarveSystem

@testable import VarveLog

@Suite struct SalvageTests {
    private func salvage(_ log: TestLog) -> Salvage {
        Salvage(directory: log.directory, clock: log.clock)
    }

    private func flip(_ log: TestLog, _ path: String, _ byte: Int) throws {
        let file = try log.files.open(path, .readWrite)
        var bytes: [UInt8] = [0]
        _ = try file.read(1, at: Int64(byte), into: &bytes, start: 0)
        bytes[0] ^= 0x10
        try file.write(bytes.raw, at: Int64(byte))
    }

    /// The batch frames of a segment that is not damaged.
    private func frames(_ log: TestLog, _ path: String) throws -> [FrameEntry] {
        let bytes = try log.files.contents(of: path)
        let base: Int64 = bytes.raw.littleEndian(at: 32)
        let file = try log.files.open(path, .read)
        var window = FileWindow(
            file, size: Int64(bytes.count), log: log.id, base: base, block: 4096)
        var (entries, offset): ([FrameEntry], Int64) = ([], 128)
        while let (header, _) = try window.frame(at: offset) {
            entries.append(FrameEntry(header, at: offset, maxTimestamp: 0))
            offset += Int64(header.frameSize)
        }
        return entries
    }

    @Test func `a sound log has nothing to salvage`() throws {
        let log = TestLog()
        try log.session { core in try log.fill(&core, batches: 30) }
        #expect(try salvage(log).examine().damages.isEmpty)
    }

    @Test(arguments: [3, 30, 70, 120])
    func `a damaged frame of a sealed segment is redacted and everything else stays`(
        byte: Int
    ) throws {
        let log = TestLog()
        let (records, head) = try log.session { core in
            try log.fill(&core, batches: 30)
            return (try log.contents(core.reader), core.reader.head())
        }
        let path = try log.segments()[1]
        let victim = try #require(try frames(log, path).dropFirst().first { $0.kind == .batch })
        try flip(log, path, Int(victim.fileOffset) + byte)
        let before = try log.files.contents(of: path)

        let dry = try salvage(log).examine()
        let damage = try #require(dry.damages.first)
        #expect(dry.damages.count == 1)
        #expect(damage.positions == victim.basePosition..<victim.endPosition)
        #expect(damage.streams == [StreamID(victim.stream): victim.baseOffset..<victim.endOffset])
        #expect(damage.obstacle == nil)
        #expect(try log.files.contents(of: path) == before)

        let report = try salvage(log).redact()
        #expect(report.keptAside.count == 1)
        // Roots, heads and proofs stand.
        let verified = try log.verify(against: [head])
        #expect(verified.isSound, "\(verified.findings)")
        try log.session { core in
            let lost = Int(victim.basePosition)..<Int(victim.endPosition)
            let expected = records.indices.filter { !lost.contains($0) }.map { records[$0] }
            #expect(try log.contents(core.reader) == expected)
            let proof = try core.reader.prove(Position(victim.basePosition))
            #expect(try proof.check(headHash: core.reader.head().root).isRedacted)
            // Consumers go on after an empty batch.
            var output: [UInt8] = []
            try core.reader.readStream(
                StreamID(victim.stream), from: victim.baseOffset, maxBytes: 1, into: &output)
            #expect(output.count == RecordBatchHeader.size)
            #expect(output.raw.bigEndian(at: 0, as: Int64.self) == victim.baseOffset)
            #expect(output.raw.bigEndian(at: 23, as: Int32.self) == Int32(victim.count - 1))
            try log.fill(&core, batches: 4, from: 30)
        }
        #expect(try salvage(log).examine().damages.isEmpty)
    }

    @Test(arguments: [30, 100])
    func `a damaged frame of the open segment is redacted`(byte: Int) throws {
        let log = TestLog(segmentBytes: 1 << 20)
        let records = try log.session { core in
            try log.fill(&core, batches: 20)
            return try log.contents(core.reader)
        }
        let path = try log.segments()[0]
        let victim = try frames(log, path).filter { $0.kind == .batch }[7]
        try flip(log, path, Int(victim.fileOffset) + byte)
        #expect(throws: LogError.self) { try log.open() }
        let report = try salvage(log).redact()
        #expect(
            report.damages.map(\.positions) == [victim.basePosition..<victim.endPosition])
        #expect(
            report.damages[0].streams
                == [StreamID(victim.stream): victim.baseOffset..<victim.endOffset])
        try log.session { core in
            let lost = Int(victim.basePosition)..<Int(victim.endPosition)
            let expected = records.indices.filter { !lost.contains($0) }.map { records[$0] }
            #expect(try log.contents(core.reader) == expected)
            try log.fill(&core, batches: 4, from: 20)
        }
        #expect(try log.verify().isSound)
    }

    @Test func `a log is cut at the first damaged frame only when asked to`() throws {
        let log = TestLog()
        let records = try log.session { core in
            try log.fill(&core, batches: 30)
            return try log.contents(core.reader)
        }
        let path = try log.segments()[1]
        let victim = try #require(try frames(log, path).dropFirst().first { $0.kind == .batch })
        try flip(log, path, Int(victim.fileOffset) + 80)
        let report = try salvage(log).truncate()
        #expect(report.end == Position(victim.basePosition))
        #expect(
            report.keptAside.count == 1
                + (try log.files.list(log.logDirectory)).filter {
                    $0.hasSuffix(".removed")
                }.count)
        try log.session { core in
            let left = try log.contents(core.reader)
            #expect(left == Array(records[..<Int(victim.basePosition)]))
        }
        #expect(try log.verify().isSound)
    }

    @Test func `a log in use is not salvaged`() throws {
        let log = TestLog()
        let core = try log.open()
        #expect(throws: LogError.self) { try salvage(log).truncate() }
        core.release()
    }
}
