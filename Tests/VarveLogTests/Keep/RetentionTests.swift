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
            var plan = try reader.planRetention(rules: [:], holds: [], now: now)
            #expect(plan.segments == 0)
            #expect(plan.reason == "stream varve.catalog/0 is kept for good")
            plan = try reader.planRetention(
                rules: [catalog: short, a: short], holds: [], now: now)
            #expect(plan.segments == 0)
            #expect(plan.reason == "stream b/0 is kept for good")
            let rules = [catalog: short, a: short, b: short]
            plan = try reader.planRetention(rules: rules, holds: [], now: now)
            #expect(plan.segments > 2)
            #expect(plan.reason.contains("keeps records for"))
            let held = try reader.planRetention(
                rules: rules, holds: [RetentionHold(name: "view x", position: Position(30))],
                now: now)
            #expect(held.segments < plan.segments)
            #expect(held.start <= Position(30))
            #expect(held.reason.hasPrefix("view x needs the log from position 30 on"))
            let sized = try reader.planRetention(
                rules: [
                    catalog: RetentionRule(bytes: 0), a: RetentionRule(bytes: 0),
                    b: RetentionRule(bytes: 2000),
                ], holds: [], now: now)
            #expect(sized.segments > 0)
            #expect(sized.reason.contains("its newest 2000 bytes"))
        }
    }

    @Test func `what is left reads, proves, verifies and goes on after a removal`() throws {
        let log = TestLog()
        let rules = [catalog: short, a: short, b: short]
        let (left, start, head) = try log.session { core in
            try log.fill(&core, batches: 60)
            while try core.keep() {}
            let all = try log.contents(core.reader)
            let head = core.reader.head()
            let plan = try core.reader.planRetention(
                rules: rules, holds: [], now: log.clock.now())
            try core.remove(plan)
            #expect(core.reader.startPosition == plan.start)
            #expect(core.reader.head() == head)
            let left = try log.contents(core.reader, from: plan.start.value)
            #expect(left == Array(all[Int(plan.start.value)...]))
            #expect(throws: ReadError.removed(Position(0), start: plan.start)) {
                try log.contents(core.reader)
            }
            let stream = try #require(core.reader.stream(a))
            #expect(stream.startOffset > 0)
            var output: [UInt8] = []
            try core.reader.readStream(
                stream.id, from: stream.startOffset, maxBytes: 1, into: &output)
            #expect(try RecordBatchHeader(reading: output.raw).baseOffset == stream.startOffset)
            #expect(throws: ReadError.self) {
                try core.reader.readStream(stream.id, from: 0, maxBytes: 1, into: &output)
            }
            return (left, plan.start, head)
        }
        #expect(try log.verify(against: [head]).isSound)
        try log.session { core in
            #expect(core.reader.startPosition == start)
            #expect(try log.contents(core.reader, from: start.value) == left)
            let proof = try core.reader.prove(Position(start.value + 3))
            _ = try proof.check(headHash: core.reader.head().root)
            let grown = try core.reader.proveConsistency(since: head)
            try grown.check(oldHash: head.root, newHash: core.reader.head().root)
            try log.fill(&core, batches: 30, from: 60)
        }
        #expect(try log.verify().isSound)
    }

    @Test func `a removal that was interrupted is brought to its end`() throws {
        let log = TestLog()
        let first = try log.session { core in
            try log.fill(&core, batches: 60)
            while try core.keep() {}
            let path = try log.segments()[0]
            let bytes = try log.files.contents(of: path)
            let plan = try core.reader.planRetention(
                rules: [catalog: short, a: short, b: short], holds: [], now: log.clock.now())
            try core.remove(plan)
            // As if the process had died before this file went.
            try log.write(bytes, to: path)
            return path
        }
        #expect(try log.verify().isSound)
        #expect(try LogInspection(directory: log.directory).info().removedSegments > 0)
        #expect(try log.segments().contains(first))
        try log.session { _ in }
        #expect(try !log.segments().contains(first))
    }
}
