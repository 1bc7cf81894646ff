import Testing
import VarveBytes
import VarveProjections
import VarveSystem
import VarveTestSupport

@Suite struct SnapshotFileTests {
    private static let sample = SnapshotFile(
        codeVersion: 7, position: 0x0102_0304_0506_0708, definitions: SHA256.digest("sample"))
    private let directory: TemporaryDirectory
    private let files = PosixFileSystem()

    init() throws { directory = try TemporaryDirectory() }

    private var path: String { "\(directory.path)/s.snapshot" }

    /// Writes items, some of which fill a piece, and answers the file's bytes.
    private func write(_ items: [[UInt8]]) throws -> [UInt8] {
        try Self.sample.write("s.snapshot", in: directory.path, files) { pieces in
            for item in items { try pieces.item { $0.raw(item) } }
        }
        return try files.contents(of: path)
    }

    /// Reads items of some lengths from a file of some bytes.
    private func read(_ bytes: [UInt8], _ lengths: [Int]) throws -> [[UInt8]] {
        try files.replace("s.snapshot", in: directory.path, with: bytes)
        let (snapshot, file) = try #require(try SnapshotFile.open(path, files))
        #expect(snapshot == Self.sample)
        return try snapshot.read(file) { pieces in
            var items: [[UInt8]] = []
            for length in lengths {
                items.append(
                    try pieces.item { reader throws(ByteError) in
                        try reader.take(length).copied()
                    })
            }
            return items
        }
    }

    private static let text = Array("the state of a projection".utf8)

    @Test(arguments: [[], [1], [25, 1], [3 << 20, 2], [5, 1 << 20, 7, 0, 1 << 20, 1]])
    func `a snapshot reads back as it was`(lengths: [Int]) throws {
        let items = lengths.enumerated().map { [UInt8](repeating: UInt8($0), count: $1) }
        #expect(try read(write(items), lengths.filter { $0 > 0 }) == items.filter { !$0.isEmpty })
    }

    @Test func `a snapshot cut at any byte or followed by one is refused`() throws {
        let bytes = try write([Self.text])
        for cut in bytes.indices {
            #expect(throws: SnapshotError.self) { try read(Array(bytes[..<cut]), [25]) }
        }
        #expect(throws: SnapshotError.self) { try read(bytes + [0], [25]) }
        #expect(throws: SnapshotError.self) { try read(bytes, [24, 1].dropLast()) }
        #expect(throws: ByteError.self) { try read(bytes, [25, 1]) }
    }

    @Test func `a snapshot with any flipped bit is refused`() throws {
        let bytes = try write([Self.text])
        for bit in 0..<(bytes.count * 8) {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: SnapshotError.self, "bit \(bit)") { try read(flipped, [25]) }
        }
    }

    @Test func `pieces that were left out, doubled or moved are refused`() throws {
        let piece = 1 << 20
        let bytes = try write([1, 2, 3].map { [UInt8](repeating: $0, count: piece) })
        let (start, size) = (88, 8 + piece + 32)
        func part(_ number: Int) -> ArraySlice<UInt8> {
            bytes[(start + number * size)..<(start + (number + 1) * size)]
        }
        let (head, end) = (bytes[..<start], bytes[(start + 3 * size)...])
        for order in [[0, 1], [0, 2], [0, 0, 1, 2], [1, 0, 2], [0, 2, 1]] {
            let changed = head + order.flatMap { part($0) } + end
            #expect(throws: SnapshotError.self, "\(order)") {
                try read(Array(changed), order.map { _ in piece })
            }
        }
    }

    @Test func `the format is that of the golden file`() throws {
        let bytes = try write([Self.text])
        try Fixture.expectGolden(bytes, "golden/snapshot/v2.snapshot")
        var text = """
            code version  \(Self.sample.codeVersion)
            position      \(Self.sample.position)
            definitions   \(Self.sample.definitions)
            state         \(String(decoding: Self.text, as: UTF8.self))

            """
        for start in stride(from: 0, to: bytes.count, by: 16) {
            let offset = String(start)
            text += String(repeating: " ", count: 4 - offset.count) + offset + "  "
            text += Array(bytes[start..<min(start + 16, bytes.count)]).hex + "\n"
        }
        try Fixture.expectGolden(Array(text.utf8), "golden/snapshot/v2.txt")
    }

    @Test func `a damaged file is named, a missing one is none`() throws {
        #expect(try SnapshotFile.open(path, files) == nil)
        _ = try write([Self.text])
        let file = try files.open(path, .readWrite)
        try file.write([0xFF].raw, at: 20)
        let error = #expect(throws: SnapshotError.self) { try SnapshotFile.open(path, files) }
        #expect(error?.path == path)
        #expect(describe(error).contains("delete it and restart"))
    }

    @Test func `a snapshot of format 1 is told apart from a damaged one`() throws {
        try files.replace(
            "s.snapshot", in: directory.path,
            with: try Fixture.bytes("golden/snapshot/v1.snapshot"))
        let error = #expect(throws: SnapshotError.self) { try SnapshotFile.open(path, files) }
        #expect(describe(error).contains("format 1"))
    }
}
