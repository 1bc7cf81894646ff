import Testing
import VarveBytes
import VarveFormats
import VarveSystem

@testable import VarveLog

@Suite struct SealingTests {
    @Test func `sealed segments are opened by their footers and give the same records`() throws {
        let log = TestLog()
        let before = try log.session { core in
            try log.fill(&core, batches: 60)
            return try log.contents(core.reader)
        }
        #expect(before.count == 122)
        #expect(try log.segments().count > 5)
        try log.session { core in
            // Only the frames of the open segment were read.
            #expect(core.recovery.frames < 15)
            #expect(try log.contents(core.reader) == before)
            for start in stride(from: 0, to: 122, by: 7) {
                #expect(
                    try log.contents(core.reader, from: Int64(start)).last == before.last)
            }
            // Sequences go on where the footer says they are.
            try log.fill(&core, batches: 4, from: 60)
            #expect(try log.contents(core.reader).count > before.count)
        }
        #expect(try log.verify().isSound)
    }

    @Test(arguments: [(400, true), (1 << 20, false)])
    func `a clean stop ends a segment that would take long to read`(
        size: Int64, isEnded: Bool
    ) throws {
        let log = TestLog(segmentBytes: 1 << 20)
        log.options.closeBytes = size
        let before = try log.session { core in
            try log.fill(&core, batches: 6)
            try core.finish()
            return try log.contents(core.reader)
        }
        #expect(try log.segments().count == (isEnded ? 2 : 1))
        try log.session { core in
            #expect((core.recovery.frames < 3) == isEnded, "\(core.recovery.frames) frames")
            #expect(try log.contents(core.reader) == before)
            try log.fill(&core, batches: 4, from: 6)
        }
        // Nothing was appended since a segment began: none is ended.
        let count = try log.segments().count
        try log.session { core in try core.finish() }
        try log.session { core in try core.finish() }
        #expect(try log.segments().count <= count + 1)
        #expect(try log.verify().isSound)
    }

    @Test func `a segment without a whole footer is read frame by frame and sealed anew`() throws {
        let log = TestLog()
        let before = try log.session { core in
            try log.fill(&core, batches: 60)
            return try log.contents(core.reader)
        }
        let path = try log.segments()[2]
        let whole = try log.files.contents(of: path)
        let footer = Int(whole.raw.littleEndian(at: whole.count - 128 + 16, as: Int64.self))
        for cut in stride(from: footer, to: whole.count, by: 13) {
            try log.write(Array(whole[..<cut]), to: path)
            try log.session { core in
                #expect(core.recovery.frames > 5, "cut at \(cut)")
                let after = try log.contents(core.reader)
                #expect(after == before, "cut at \(cut)")
            }
            #expect(try log.files.contents(of: path) == whole, "cut at \(cut)")
        }
    }

    @Test func `a batch is found by its time in sealed and open segments`() throws {
        let log = TestLog()
        try log.session { core in
            try log.fill(&core, batches: 60)
            while try core.keep() {}
            let stream = try #require(core.reader.stream(StreamName(name: "a", partition: 0)))
            for number in stride(from: 0, to: 60, by: 2) {
                let time = 1_700_000_000_000 + Int64(number * 10)
                let found = try #require(
                    try core.reader.firstOffset(atOrAfter: time, in: stream.id))
                var output: [UInt8] = []
                try core.reader.readStream(
                    stream.id, from: found.offset, maxBytes: 1, into: &output)
                let header = try RecordBatchHeader(reading: output.raw)
                #expect(header.baseTimestamp == time)
                #expect(header.maxTimestamp == found.timestamp)
            }
            #expect(try core.reader.firstOffset(atOrAfter: .max, in: stream.id) == nil)
        }
    }

    @Test func `the footer's parts follow from the frames`() throws {
        let log = TestLog(segmentBytes: 64 << 10)
        try log.session { core in
            try log.fill(&core, batches: 900)
        }
        let path = try log.segments()[0]
        let file = try log.files.open(path, .read)
        var footer = try #require(try SealedFooter(file, log: log.id, base: 0))
        #expect(try footer.load(from: file))
        let scan = try SegmentScan(
            file, log: log.id, base: 0, end: footer.trailer.footerOffset)
        #expect(footer.trailer.summary.root == MerkleTree.root(scan.leaves))
        #expect(try #require(try footer.section(.leaves, of: file)) == scan.leaves)
        var entries: [FrameEntry] = []
        for block in 0..<footer.blockCount { entries += try footer.entries(ofBlock: block) }
        #expect(entries.count == scan.entries.count)
        for (entry, expected) in zip(entries, scan.entries) {
            #expect(entry.fileOffset == expected.fileOffset)
            #expect(entry.basePosition == expected.basePosition)
            #expect(entry.maxTimestamp == expected.maxTimestamp)
            #expect(entry.kind == expected.kind)
        }
        for stream in 0..<3 {
            let mine = scan.entries.filter { $0.kind == .batch && $0.stream == UInt32(stream) }
            let row = try #require(footer.row(of: UInt32(stream)))
            var found: [FrameEntry] = []
            for number in 0..<footer.checkpointCount(row) {
                found += try footer.entries(row, checkpoint: number)
            }
            #expect(found.map(\.baseOffset) == mine.map(\.baseOffset))
            #expect(found.map(\.fileOffset) == mine.map(\.fileOffset))
        }
        #expect(footer.row(of: 3) == nil)
    }
}
