import Synchronization
import Testing
import VarveBytes
import VarveFeatures
@testable import VarveProjections
import VarveSystem
import VarveTestSupport

@Suite struct PageFileTests {
    /// Pages written and given up in random order, against what was written.
    @Test(arguments: 0..<4 as Range<UInt64>)
    func `pages read back as they were written, wherever there was room`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let directory = try TemporaryDirectory()
        let file = PageFile(in: directory.path, PosixFileSystem())
        var known: [(page: FactPage, bytes: [UInt8])] = []
        var written = 0
        for _ in 0..<60 {
            let pages = (0..<1 + generator.below(9)).map { _ in
                (0..<1 + generator.below(3000)).map { _ in
                    UInt8(truncatingIfNeeded: generator.next())
                }
            }
            var ends: [Int] = []
            for page in pages { ends.append((ends.last ?? 0) + page.count) }
            let places = try file.write(pages.flatMap(\.self), ends: ends)
            known += zip(places, pages).map { ($0, $1) }
            written += pages.reduce(0) { $0 + PagePlaces.length($1.count) }
            while known.count > 25 {
                file.free(known.remove(at: generator.below(known.count)).page)
            }
            for (page, bytes) in known { #expect(file.read(page) == bytes, "seed \(seed)") }
        }
        #expect(file.isWhole && file.problem == nil)
        #expect(written > 400_000)
        #expect(file.byteCount == 1 << 26, "places are used again")
        #expect(try PosixFileSystem().list(directory.path) == [], "the file has no name")
    }

    @Test func `a page that is not what was written is told, for good`() throws {
        let directory = try TemporaryDirectory()
        let file = PageFile(in: directory.path, PosixFileSystem())
        let page = try file.write([1, 2, 3], ends: [3])[0]
        for wrong in [
            FactPage(offset: page.offset, byteCount: 3, checksum: page.checksum ^ 1),
            FactPage(offset: 1 << 20, byteCount: 3, checksum: page.checksum),
        ] {
            #expect(file.read(wrong) == nil)
            #expect(!file.isWhole)
            #expect(file.problem?.contains("restart the node") == true)
        }
        #expect(file.read(page) == [1, 2, 3])
        #expect(!file.isWhole)
    }

    @Test func `a full disk takes no page, and its places are free again`() throws {
        let directory = try TemporaryDirectory()
        let disk = FaultyDisk()
        let file = PageFile(in: directory.path, disk)
        disk.fault.withLock { $0 = .full }
        for _ in 0..<3 {
            #expect(throws: SystemError.self) { _ = try file.write([1, 2, 3, 4], ends: [1, 4]) }
        }
        #expect(file.isWhole)
        disk.fault.withLock { $0 = .none }
        let pages = try file.write([1, 2, 3, 4], ends: [1, 4])
        #expect(pages.map { file.read($0) } == [[1], [2, 3, 4]])
        #expect(pages.map(\.offset).sorted() == [0, 256])
    }
}
