import Testing
import VarveBytes
import VarveFormats
import VarveSystem

@testable import VarveLog

@Suite struct LogVerifierTests {
    @Test func `a flipped bit in any byte of a sealed segment is found and its frame named`()
        throws
    {
        let log = TestLog(segmentBytes: 700)
        try log.session { core in try log.fill(&core, batches: 9) }
        #expect(try log.verify().isSound)
        let path = try log.segments()[1]
        let whole = try log.files.contents(of: path)
        let base = Int64(whole.raw.littleEndian(at: 32, as: Int64.self))
        let footer = Int(whole.raw.littleEndian(at: whole.count - 128 + 16, as: Int64.self))
        let file = try log.files.open(path, .readWrite)
        let entries = try SegmentScan(file, log: log.id, base: base, end: Int64(footer)).entries
        for byte in whole.indices {
            let flipped = [whole[byte] ^ 1 << UInt8(byte % 8)]
            try file.write(flipped.raw, at: Int64(byte))
            let findings = try log.verify().findings
            #expect(findings.contains { $0.path == path }, "byte \(byte)")
            if let frame = entries.first(where: {
                Int($0.fileOffset) <= byte && byte < Int($0.fileOffset) + $0.frameSize
            }) {
                #expect(
                    findings.contains {
                        $0.offset == frame.fileOffset && $0.position == frame.basePosition
                    }, "byte \(byte)")
            }
            try file.write([whole[byte]].raw, at: Int64(byte))
        }
        #expect(try log.verify().isSound)
    }

    /// Rewrites the body of a frame so that every checksum fits.
    private func alter(_ log: TestLog, _ path: String, _ entry: FrameEntry, _ base: Int64) throws {
        let file = try log.files.open(path, .readWrite)
        var frame = [UInt8](repeating: 0, count: entry.frameSize)
        _ = try file.read(frame.count, at: entry.fileOffset, into: &frame, start: 0)
        let end = 64 + Int(entry.bodyLength)
        frame[end - 3] ^= 1
        frame.patchBigEndian(CRC32C.checksum(frame.raw.extracting((64 + 21)..<end)), at: 64 + 17)
        guard var header = FrameHeader(fields: frame.raw) else { return }
        header.bodyChecksum = CRC32C.checksum(frame.raw.extracting(64..<end))
        var writer = ByteWriter()
        writer.raw(frame)
        header.write(
            to: &writer, at: 0,
            seed: FrameHeader.seed(log: log.id, segmentBase: base, fileOffset: entry.fileOffset))
        try file.write(writer.bytes.raw, at: entry.fileOffset)
    }

    @Test func `a record altered with all checksums made to fit is found`() throws {
        let log = TestLog(segmentBytes: 1200)
        let head = try log.session { core in
            try log.fill(&core, batches: 30)
            return core.reader.head()
        }
        let path = try log.segments()[1]
        let whole = try log.files.contents(of: path)
        let base = Int64(whole.raw.littleEndian(at: 32, as: Int64.self))
        let footer = Int64(whole.raw.littleEndian(at: whole.count - 128 + 16, as: Int64.self))
        let file = try log.files.open(path, .readWrite)
        let scan = try SegmentScan(file, log: log.id, base: base, end: footer)
        let entry = try #require(scan.entries.first { $0.kind == .batch })
        try alter(log, path, entry, base)
        // By the leaf that the footer remembers: the very frame.
        let findings = try log.verify().findings
        #expect(
            findings.contains {
                $0.offset == entry.fileOffset && $0.position == entry.basePosition
                    && $0.reason.contains("altered")
            })
        // Whoever rewrites the footer too is found by the next segment's header.
        let altered = try SegmentScan(file, log: log.id, base: base, end: footer)
        let old = try #require(try SealedFooter(file, log: log.id, base: base))
        let producers = try #require(try old.section(.producers, of: file))
        let table = try #require(try old.section(.streamTable, of: file))
        let streams = try StreamTable(reading: table.raw)
        let summary = SegmentSummary(
            base: base, end: old.trailer.summary.end, frames: old.trailer.summary.frames,
            root: MerkleTree.root(altered.leaves))
        var offsets: [UInt32: Int64] = [:]
        let entries = scan.entries.map { entry in
            var entry = entry
            if entry.kind == .batch { offsets[entry.stream] = entry.endOffset }
            entry.ingestTime = entry.ingestTime
            return entry
        }
        let forged = SegmentFooter.encode(
            SegmentFooter.Content(
                log: log.id, base: base, end: footer, entries: entries, leaves: altered.leaves,
                summary: summary, epoch: old.trailer.epoch,
                pipeline: AppendPipeline(
                    nextPosition: summary.end, lastIngestTime: old.trailer.lastIngestTime,
                    nextOffsets: streams.nextOffsets,
                    producers: try ProducerTable(reading: producers.raw)),
                names: streams.names))
        try file.write(forged.raw, at: footer)
        let next = try log.segments()[2]
        let chained = try log.verify().findings
        #expect(chained.map(\.path) == [next])
        #expect(throws: LogError.self) { try log.open() }
        // And a head that was noted elsewhere finds whoever rewrites everything.
        #expect(try log.verify(against: [head]).findings.count == 2)
    }

    @Test func `lost, emptied and exchanged segments are found`() throws {
        let log = TestLog(segmentBytes: 1200)
        try log.session { core in try log.fill(&core, batches: 30) }
        let paths = try log.segments()
        let (one, two) = (
            try log.files.contents(of: paths[1]), try log.files.contents(of: paths[2])
        )
        try log.write([], to: paths[1])
        #expect(try log.verify().findings.contains { $0.path == paths[1] })
        #expect(throws: LogError.self) { try log.open() }
        try log.write(two, to: paths[1])
        #expect(try !log.verify().isSound)
        #expect(throws: LogError.self) { try log.open() }
        try log.files.remove(paths[1])
        #expect(try log.verify().findings.contains { $0.path == paths[2] })
        #expect(throws: LogError.self) { try log.open() }
        try log.write(one, to: paths[1])
        #expect(try log.verify().isSound)
        for path in paths { try log.files.remove(path) }
        #expect(try !log.verify().isSound)
        #expect(throws: LogError.self) { try log.open() }
    }

    @Test func `progress goes up to all there is, and stops when told to`() throws {
        let log = TestLog(segmentBytes: 1200)
        try log.session { core in try log.fill(&core, batches: 30) }
        var steps: [LogVerifier.Progress] = []
        let result = try LogVerifier(directory: log.directory).verify { progress in
            steps.append(progress)
            return true
        }
        #expect(result.progress.bytes == result.progress.totalBytes)
        #expect(steps.map(\.segments) == Array(1...steps.count))
        #expect(result.progress.records == 62)
        var calls = 0
        _ = try LogVerifier(directory: log.directory).verify { _ in
            calls += 1
            return calls < 2
        }
        #expect(calls == 2)
    }
}
