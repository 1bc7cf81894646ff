import Testing
import VarveBytes
import VarveLog
import VarveProjections
import VarveSystem
import VarveTestSupport

@Suite struct GenerationTests {
    private let directory: TemporaryDirectory
    private let files = PosixFileSystem()
    private var root: String { "\(directory.path)/online" }

    init() throws { directory = try TemporaryDirectory() }

    @Test func `an empty directory has the first generation, and a swap the next`() throws {
        #expect(try Generation.current(root, files) == .first)
        let next = Generation.first.next(base: Position(41))
        #expect(next == Generation(number: 2, previous: 1, base: Position(41)))
        try next.makeCurrent(root, files)
        #expect(try Generation.current(root, files) == next)
        #expect(next.directory(root) == "\(root)/2")
        // The file is replaced, not written over.
        #expect(try files.list(root) == ["CURRENT"])
    }

    @Test(arguments: [
        "", "garbage", "{", "[]", "{}", #"{"generation": "2", "base": 0}"#,
        #"{"generation": 2}"#, #"{"generation": 0, "base": 0}"#, #"{"generation": 2, "base": -1}"#,
    ])
    func `a CURRENT that names no generation is reported with its path and the way out`(
        text: String
    ) throws {
        try files.createDirectory(root)
        try files.replace("CURRENT", in: root, with: Array(text.utf8))
        let error = #expect(throws: SnapshotError.self) {
            try Generation.current(root, files)
        }
        let message = "\(try #require(error))"
        #expect(message.hasPrefix("\(root)/CURRENT: it "), "\(message)")
        #expect(message.contains("delete it and restart"))
    }
}
