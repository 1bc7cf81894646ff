import Testing
import VarveBytes
import VarveFormats
import VarveSystem

@testable import VarveLog

@Suite struct BackupTests {
    @Test func `a copy made while the log is open holds what is promised, and restores`() throws {
        let log = TestLog()
        let (copy, target) = (TestLog(), TestLog())
        var core = try log.open()
        try log.fill(&core, batches: 39)
        while try core.keep() {}
        // The last batch has no promise yet.
        let first = try Backup().back(up: log.directory, to: copy.directory)
        #expect(first.head.position < core.commitPosition)
        try core.tick()
        let second = try Backup().back(up: log.directory, to: copy.directory)
        #expect(second.head.position == core.commitPosition)
        #expect(second.unchanged == first.copied - 1)
        #expect(second.copied == 1)
        let records = try log.contents(core.reader)
        let head = core.reader.head()
        core.release()

        let restored = try Backup().restore(copy.directory, to: target.directory)
        #expect(restored.head == second.head)
        try target.session { core in
            #expect(core.id == log.id)
            #expect(try target.contents(core.reader) == records)
            try core.reader.proveConsistency(since: head)
                .check(oldHash: head.root, newHash: core.reader.head().root)
        }
        #expect(throws: LogError.self) {
            try Backup().restore(copy.directory, to: target.directory)
        }
    }

    @Test func `copies of two logs are not mixed, and a damaged copy is not restored`() throws {
        let (log, other, copy) = (TestLog(), TestLog(), TestLog())
        try log.session { core in try log.fill(&core, batches: 30) }
        _ = try Backup().back(up: log.directory, to: copy.directory)
        let theirs = try LogCore.open(
            directory: other.directory, options: other.options, clock: other.clock)
        theirs.release()
        #expect(throws: LogError.self) {
            try Backup().back(up: other.directory, to: copy.directory)
        }
        let path = try copy.segments()[1]
        var bytes = try copy.files.contents(of: path)
        bytes[300] ^= 1
        try copy.write(bytes, to: path)
        let target = TestLog()
        #expect(throws: LogError.self) {
            try Backup().restore(copy.directory, to: target.directory)
        }
        // Brought up to date from the log, the copy is sound again only once the file is gone.
        try copy.files.remove(path)
        #expect(
            try Backup().back(up: log.directory, to: copy.directory).copied >= 1)
        _ = try Backup().restore(copy.directory, to: target.directory)
    }
}
