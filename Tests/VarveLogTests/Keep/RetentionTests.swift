import Testing
import VarveBytes
import VarveFormats
import VarveSystem

@testable import VarveLog

@Suite struct RetentionTests {
    private let catalog = Log.catalogName
    private let a = StreamName(name: "a", partition: 0)
    private let b = StreamName(name: "b", partition: 0)
    private let short = RetentionRule(age: .milliseconds(20))

    @Test func `nothing is removed unless every stream in a segment allows it`() throws {
        let log = TestLog()
        try log.session { core in
            try log.fill(&core, batches: 60)
            while try core.keep() {}
            let reader = core.reader
            let now = log.clock.now()
            func plan(
                _ rules: [StreamName: RetentionRule], holds: [RetentionHold] = []
            ) throws -> RetentionPlan {
                try reader.planRetention(rules: rules, holds: holds, now: now)
            }
            let nothing = try plan([:])
            #expect(nothing.segments.isEmpty)
            #expect(nothing.refusals.map(\.reason).contains("stream varve.catalog/0 is kept for good"))
            let half = try plan([catalog: short, a: short])
            #expect(half.segments.isEmpty)
            #expect(half.refusals.map(\.reason).contains("stream b/0 is kept for good"))
            let rules = [catalog: short, a: short, b: short]
            let all = try plan(rules)
            #expect(all.segments.count > 2)
            #expect(all.refusals.first?.reason.contains("keeps records for") ?? false)
            let held = try plan(
                rules, holds: [RetentionHold(name: "view x", position: Position(30))])
            #expect(held.segments.count < all.segments.count)
            #expect(held.segments.allSatisfy { $0.upperBound <= 30 })
            #expect(held.refusals.first?.reason == "view x needs the log from position 30 on")
            let sized = try plan([
                catalog: RetentionRule(bytes: 0), a: RetentionRule(bytes: 0),
                b: RetentionRule(bytes: 2000),
            ])
            #expect(sized.segments.count > 0)
            #expect(sized.refusals.first?.reason == "stream b/0 keeps its newest 2000 bytes")
        }
    }

    @Test func `a segment that must stay does not keep later ones`() throws {
        let log = TestLog()
        // The catalog is in the first segment.
        try log.session { core in
            try log.fill(&core, batches: 60)
            while try core.keep() {}
            let all = try log.contents(core.reader)
            let plan = try core.reader.planRetention(
                rules: [a: short, b: short], holds: [], now: log.clock.now())
            let first = try #require(plan.segments.first)
            let last = try #require(plan.segments.last)
            #expect(first.lowerBound > 0)
            #expect(plan.refusals.first?.segments == 1)
            #expect(try core.remove(plan) == plan)
            #expect(core.reader.startPosition == Position(0))
            let left = all[..<Int(first.lowerBound)] + all[Int(last.upperBound)...]
            #expect(try log.contents(core.reader) == Array(left))
            // What is left of a stream before the hole is not offered as if nothing were missing.
            let stream = try #require(core.reader.stream(a))
            var output: [UInt8] = []
            try core.reader.readStream(
                stream.id, from: stream.startOffset, maxBytes: 1, into: &output)
            #expect(try RecordBatchHeader(reading: output.raw).baseOffset == stream.startOffset)
            #expect(throws: ReadError.offsetOutOfRange(0, end: stream.highWatermark)) {
                try core.reader.readStream(stream.id, from: 0, maxBytes: 1, into: &output)
            }
        }
    }

    @Test func `what is left reads, proves, verifies, copies and goes on after a removal`() throws {
        let log = TestLog()
        let rules = [catalog: short, a: short, b: short]
        let (left, start, head) = try log.session { core in
            try log.fill(&core, batches: 60)
            while try core.keep() {}
            let all = try log.contents(core.reader)
            let head = core.reader.head()
            let plan = try core.reader.planRetention(
                rules: rules, holds: [], now: log.clock.now())
            #expect(try core.remove(plan) == plan)
            let start = try #require(plan.segments.last).upperBound
            #expect(core.reader.startPosition == Position(start))
            #expect(core.reader.head() == head)
            #expect(throws: ReadError.removed(Position(1))) {
                try core.reader.prove(Position(1))
            }
            let left = try log.contents(core.reader)
            #expect(left == Array(all[Int(start)...]))
            return (left, start, head)
        }
        let verified = try log.verify(against: [head])
        #expect(verified.isSound)
        #expect(verified.retiredSegments > 2)
        let copy = TestLog()
        let report = try Backup().back(up: log.directory, to: copy.directory)
        #expect(report.head == verified.head)
        for log in [log, copy] {
            try log.session { core in
                #expect(core.reader.startPosition == Position(start))
                #expect(try log.contents(core.reader) == left)
                let proof = try core.reader.prove(Position(start + 3))
                _ = try proof.check(headHash: core.reader.head().root)
                let grown = try core.reader.proveConsistency(since: head)
                try grown.check(oldHash: head.root, newHash: core.reader.head().root)
                try log.fill(&core, batches: 30, from: 60)
            }
            #expect(try log.verify().isSound)
            let info = try LogInspection(directory: log.directory).info()
            #expect(info.segments.filter(\.isRetired).count == verified.retiredSegments)
        }
    }

    @Test func `what is left of a segment is checked bit by bit`() throws {
        let log = TestLog()
        try log.session { core in
            try log.fill(&core, batches: 60)
            while try core.keep() {}
            _ = try core.remove(
                try core.reader.planRetention(
                    rules: [catalog: short, a: short, b: short], holds: [], now: log.clock.now()))
        }
        let path = try log.segments()[1]
        let file = try log.files.open(path, .readWrite)
        let header = try SegmentHeader(readFrom: file)
        let footer = try #require(
            try SealedFooter(file, log: header.log, base: header.basePosition))
        let size = try file.size()
        var places = Array(0..<Int64(SegmentHeader.size))
        places += Array(footer.trailer.footerOffset..<size)
        for place in places {
            var byte = [UInt8](repeating: 0, count: 1)
            _ = try file.read(1, at: place, into: &byte, start: 0)
            try file.write([byte[0] ^ 4].raw, at: place)
            #expect(try !log.verify().isSound, "byte \(place)")
            try file.write(byte.raw, at: place)
        }
        #expect(try log.verify().isSound)
    }

    @Test func `a removal that was interrupted leaves nothing behind`() throws {
        let log = TestLog()
        try log.session { core in
            try log.fill(&core, batches: 60)
            while try core.keep() {}
        }
        let path = try log.segments()[0]
        // As if the process had died while it wrote what is to be left of the segment.
        try log.write([1, 2, 3], to: path + ".tmp")
        try log.session { _ in }
        #expect(try !log.files.list(log.logDirectory).contains { $0.hasSuffix(".tmp") })
    }
}
