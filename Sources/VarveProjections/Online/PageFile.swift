import Synchronization
import VarveBytes
import VarveFeatures
import VarveSystem

/// Pages of facts in a file without a name, which is gone with the process: it holds nothing that
/// is not in the log.
///
///     [ page | unused ] [ page | unused ] ...      see `PagePlaces`
final class PageFile: FactPages {
    private struct Space {
        /// Made when the first page is written.
        var file: (any File)?
        var places = PagePlaces()
    }

    private let directory: String
    private let files: any FileSystem
    private let space = Monitor(Space())
    private let isDamaged = Atomic(false)
    private let damage = Monitor<String?>(nil)
    private let unwritten = Monitor<String?>(nil)

    /// - Parameter directory: where the file has a name until it is open.
    init(in directory: String, _ files: any FileSystem) {
        self.directory = directory
        self.files = files
    }

    private func file() throws(SystemError) -> any File {
        try space.withLock { space throws(SystemError) in
            if let file = space.file { return file }
            let file = try files.unnamedFile(in: directory)
            space.file = file
            return file
        }
    }

    var isWhole: Bool { !isDamaged.load(ordering: .acquiring) }

    /// Why a page could not be read; nil while that never happened.
    var problem: String? { isWhole ? nil : damage.withLock { $0 } }

    /// Why pages could not be written when they last should have been; nil when they were.
    var writeProblem: String? { unwritten.withLock { $0 } }

    /// Size of the file, bytes.
    var byteCount: Int64 { space.withLock { $0.places.end } }

    func write(_ bytes: [UInt8], ends: [Int]) throws -> [FactPage] {
        var pages: [FactPage] = []
        pages.reserveCapacity(ends.count)
        do {
            var start = 0
            for end in ends {
                let count = end - start
                pages.append(
                    FactPage(
                        offset: space.withLock { $0.places.take(count) }, byteCount: count,
                        checksum: CRC32C.checksum(bytes.raw.extracting(start..<end))))
                start = end
            }
            try write(bytes, pages)
        } catch {
            for page in pages { free(page) }
            unwritten.withLock { $0 = "\(error)" }
            throw error
        }
        unwritten.withLock { $0 = nil }
        return pages
    }

    /// One call of the kernel for places that follow each other.
    private func write(_ bytes: [UInt8], _ pages: [FactPage]) throws(SystemError) {
        let file = try file()
        var run: [UInt8] = []
        var place: Int64 = 0
        var start = 0
        for page in pages {
            if !run.isEmpty, page.offset != place + Int64(run.count) {
                try file.write(run.raw, at: place)
                run.removeAll(keepingCapacity: true)
            }
            if run.isEmpty { place = page.offset }
            run.append(copying: bytes.raw.extracting(start..<start + page.byteCount))
            let unused = PagePlaces.length(page.byteCount) - page.byteCount
            run.append(contentsOf: repeatElement(0, count: unused))
            start += page.byteCount
        }
        if !run.isEmpty { try file.write(run.raw, at: place) }
    }

    func read(_ page: FactPage) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: page.byteCount)
        do {
            let file = try file()
            let count = try file.read(page.byteCount, at: page.offset, into: &bytes, start: 0)
            if count == page.byteCount, CRC32C.checksum(bytes.raw) == page.checksum {
                return bytes
            }
            note("\(page.byteCount) bytes at \(page.offset) are not what was written")
        } catch {
            note("\(error)")
        }
        return nil
    }

    private func note(_ reason: String) {
        damage.withLock { damage in
            damage =
                damage ?? """
                facts that were moved out of memory, to a file in \(directory), cannot be read \
                back: \(reason); the log has them all: restart the node
                """
        }
        isDamaged.store(true, ordering: .releasing)
    }

    func free(_ page: FactPage) {
        space.withLock { $0.places.give(page.offset, page.byteCount) }
    }
}
