import Testing
import VarveBytes
import VarveFormats
import VarveSystem

@testable import VarveLog

@Suite struct LogInspectionTests {
    @Test func `a log in use is described without a lock or a change`() throws {
        let log = TestLog()
        var core = try log.open()
        try log.fill(&core, batches: 30)
        while try core.keep() {}
        let before = try log.segments().map { try log.files.contents(of: $0) }
        let inspection = LogInspection(directory: log.directory)
        let info = try inspection.info()
        #expect(info.log == log.id)
        #expect(info.epoch == 1)
        #expect(info.head == core.reader.head())
        #expect(info.streams == core.reader.streams())
        #expect(info.ending == .cleanEnd)
        #expect(info.segments.map(\.isSealed).filter { !$0 }.count == 1)
        #expect(info.segments.map(\.path) == (try log.segments()))
        #expect(info.segments.last?.positions.upperBound == core.commitPosition.value)
        #expect(
            try log.contents(try inspection.reader()) == (try log.contents(core.reader)))
        #expect(try log.segments().map { try log.files.contents(of: $0) } == before)
        core.release()
    }

    @Test func `a torn tail is shown and left where it is`() throws {
        let log = TestLog(segmentBytes: 1 << 20)
        try log.session { core in try log.fill(&core, batches: 5) }
        let path = try log.segments()[0]
        let file = try log.files.open(path, .readWrite)
        var text = ""
        try LogInspection(directory: log.directory).dump(segment: path) {
            text += $0 + "\n"
            return true
        }
        let end = try #require(
            text.split(separator: "\n").last?.split(separator: " ").compactMap { Int64($0) }.first)
        try file.write([1, 2, 3, 4, 5, 6, 7, 8, 9].raw, at: end)
        let inspection = LogInspection(directory: log.directory)
        #expect(try inspection.info().ending == .tornTail)
        #expect(try log.verify().tornBytes == 9 || (try log.verify().tornBytes) == 16)
        #expect(try log.verify().isSound)
        try log.session { core in #expect(core.recovery.decision == .tornTail) }
        #expect(try inspection.info().ending == .cleanEnd)
    }

    @Test func `a directory without a log is no log`() {
        let log = TestLog()
        #expect(throws: LogError.self) { try LogInspection(directory: log.directory).info() }
        #expect(throws: LogError.self) { try log.verify() }
    }
}
