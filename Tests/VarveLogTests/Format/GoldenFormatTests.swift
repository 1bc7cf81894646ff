import Testing
import VarveBytes
import VarveFormats
import VarveSystem

@testable import VarveLog

/// Every structure on disk has its bytes and a dump in `fixtures/golden/log`.
@Suite struct GoldenFormatTests {
    private func dump(_ path: String) throws -> String {
        var text = ""
        try LogInspection(directory: "").dump(segment: path) {
            text += $0 + "\n"
            return true
        }
        return text
    }

    /// A log of one sealed and one open segment: an idempotent producer, a quarantined batch, a
    /// tick, a second stream.
    private func log() throws -> TestLog {
        let log = TestLog(segmentBytes: 1500)
        try log.session { core in
            try log.fill(&core, batches: 4)
            let stream = try #require(core.reader.stream(StreamName(name: "b", partition: 0))).id
            let batch = try RecordBatch.encode([
                Record(
                    key: nil, value: Array("{\"bad\": true}".utf8),
                    headers: [.init(name: "why", value: Array("no number".utf8))],
                    timestamp: 1_700_000_000_123)
            ])
            try core.process([.batch(batch, stream, .quarantined, { _ in })])
            try core.tick()
            try log.fill(&core, batches: 4, from: 4)
        }
        return log
    }

    @Test func `segments, identity and head are as they were`() throws {
        let log = try log()
        let paths = try log.segments()
        #expect(paths.count == 2)
        for (path, name) in zip(paths, ["sealed-segment", "open-segment"]) {
            var bytes = try log.files.contents(of: path)
            // Reserved space says nothing.
            while name == "open-segment", bytes.last == 0 { bytes.removeLast() }
            try Golden.expect(bytes, "\(name).bin")
            try Golden.expect(try dump(path), "\(name).txt")
        }
        let identity = try log.files.contents(of: log.logDirectory + "/identity")
        try Golden.expect(identity, "identity.bin")
        try Golden.expect(Golden.hexDump(identity), "identity.txt")
        let head = try #require(try log.verify().head)
        try Golden.expect(head.note, "head.txt")
    }

    @Test func `proofs are as they were`() throws {
        let log = try log()
        try log.session { core in
            let proof = try core.reader.prove(Position(5))
            try Golden.expect(proof.json.text + "\n", "inclusion-proof.json")
            let old = try LogHead(
                note: String(decoding: try Golden.bytes("head.txt"), as: UTF8.self))
            let consistency = try core.reader.proveConsistency(since: old)
            try Golden.expect(consistency.json.text + "\n", "consistency-proof.json")
        }
    }

    @Test func `a redacted frame is as it was`() throws {
        let header = FrameHeader(
            bodyLength: 100, count: 3, basePosition: 40, ingestTime: 1_700_000_000_000_000,
            commitPromised: 38, stream: 2, bodyChecksum: 7, epoch: 5, kind: .batch, flags: 0,
            baseOffset: 11)
        let frame = Redaction.frame(
            header, leaf: MerkleTree.emptyRoot.bytes, time: 1_700_000_001_000_000,
            reason: .damage, seed: 99)
        try Golden.expect(frame, "redacted-frame.bin")
        try Golden.expect(Golden.hexDump(frame), "redacted-frame.txt")
        #expect(frame.count == header.frameSize)
        let read = FrameHeader(frame.raw, seed: 99)
        #expect(read?.kind == .redacted)
        #expect(read?.endPosition == 43)
        let isWhole = read?.matches(frame.raw)
        #expect(isWhole == true)
    }

    @Test func `a segment whose records were removed is as it was, and is read as such`() throws {
        let log = TestLog()
        try log.files.createDirectory(log.logDirectory)
        let path = "\(log.logDirectory)/00000000000000000000.varve"
        try log.write(try Golden.bytes("sealed-segment.bin"), to: path)
        let file = try log.files.open(path, .read)
        let header = try SegmentHeader(readFrom: file)
        let trailer = try #require(try SealedFooter(file, log: header.log, base: 0)).trailer
        try RetiredSegment.replace(path, header, trailer, file, log.files)
        let bytes = try log.files.contents(of: path)
        try Golden.expect(bytes, "retired-segment.bin")
        var lines = ""
        try LogInspection(directory: log.directory).dump(segment: path) { line in
            lines += line + "\n"
            return true
        }
        try Golden.expect(lines, "retired-segment.txt")
    }

    @Test func `a golden sealed segment still opens`() throws {
        let bytes = try Golden.bytes("sealed-segment.bin")
        let log = TestLog()
        try log.files.createDirectory(log.logDirectory)
        let path = "\(log.logDirectory)/00000000000000000000.varve"
        try log.write(bytes, to: path)
        let file = try log.files.open(path, .read)
        let footer = try #require(try SealedFooter(file, log: log.id, base: 0))
        let scan = try SegmentScan(
            file, log: log.id, base: 0, end: footer.trailer.footerOffset)
        #expect(MerkleTree.root(scan.leaves) == footer.trailer.summary.root)
    }

    @Test func `headers and trailers with any bit flipped are refused`() throws {
        let header = SegmentHeader(
            epoch: 3, log: LogID([UInt8](repeating: 1, count: 16)), basePosition: 77,
            creationTime: 5, previousRoot: MerkleTree.emptyRoot, number: 4,
            historyRoot: MerkleTree.leaf(of: [2].raw))
        let bytes = header.encoded()
        #expect(try SegmentHeader(bytes.raw, path: "x") == header)
        for bit in 0..<(bytes.count * 8) {
            var changed = bytes
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: LogError.self) { try SegmentHeader(changed.raw, path: "x") }
        }
        let trailer = SegmentTrailer(
            tableChecksum: 1, footerOffset: 1000, footerLength: 500,
            summary: SegmentSummary(base: 77, end: 99, frames: 8, root: MerkleTree.emptyRoot),
            bodyBytes: 800, firstIngestTime: 3, lastIngestTime: 9, epoch: 3, sections: 8)
        let end = trailer.encoded(log: header.log)
        func read(_ bytes: [UInt8], base: Int64 = 77, fileSize: Int64 = 1628) -> SegmentTrailer? {
            SegmentTrailer(bytes.raw, log: header.log, base: base, fileSize: fileSize)
        }
        #expect(read(end) == trailer)
        #expect(read(end, base: 78) == nil)
        #expect(read(end, fileSize: 1636) == nil)
        for bit in 0..<(end.count * 8) {
            var changed = end
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(read(changed) == nil, "bit \(bit)")
        }
    }
}
