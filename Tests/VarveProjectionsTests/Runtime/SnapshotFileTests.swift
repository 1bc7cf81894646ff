import Testing
import VarveBytes
import VarveProjections
import VarveSystem
import VarveTestSupport

@Suite struct SnapshotFileTests {
    private static let sample = SnapshotFile(
        codeVersion: 7, position: 0x0102_0304_0506_0708, definitions: SHA256.digest("sample"),
        payload: Array("the state of a projection".utf8))

    @Test func `a snapshot reads back as it was`() {
        for payload in [[], [0], [UInt8](repeating: 9, count: 5000)] {
            var snapshot = Self.sample
            snapshot.payload = payload
            #expect(SnapshotFile(snapshot.encoded()) == snapshot)
        }
    }

    @Test func `a snapshot cut at any byte or followed by one is refused`() {
        let bytes = Self.sample.encoded()
        for length in 0..<bytes.count { #expect(SnapshotFile(Array(bytes.prefix(length))) == nil) }
        #expect(SnapshotFile(bytes + [0]) == nil)
    }

    @Test func `a snapshot with any flipped bit is refused`() {
        let bytes = Self.sample.encoded()
        for bit in 0..<(bytes.count * 8) {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(SnapshotFile(flipped) == nil, "bit \(bit)")
        }
    }

    @Test func `the format is that of the golden file`() throws {
        let bytes = Self.sample.encoded()
        try Fixture.expectGolden(bytes, "golden/snapshot/v1.snapshot")
        var text = """
            code version  \(Self.sample.codeVersion)
            position      \(Self.sample.position)
            definitions   \(Self.sample.definitions)
            payload       \(String(decoding: Self.sample.payload, as: UTF8.self))

            """
        for start in stride(from: 0, to: bytes.count, by: 16) {
            let offset = String(start)
            text += String(repeating: " ", count: 4 - offset.count) + offset + "  "
            text += Array(bytes[start..<min(start + 16, bytes.count)]).hex + "\n"
        }
        try Fixture.expectGolden(Array(text.utf8), "golden/snapshot/v1.txt")
    }

    @Test func `a damaged file is named, a missing one is none`() throws {
        let directory = try TemporaryDirectory()
        let files = PosixFileSystem()
        let path = "\(directory.path)/a/s.snapshot"
        #expect(try SnapshotFile.read(path, files) == nil)
        try Self.sample.write("s.snapshot", in: "\(directory.path)/a", files)
        #expect(try SnapshotFile.read(path, files) == Self.sample)
        let file = try files.open(path, .readWrite)
        try file.write([0xFF].raw, at: 70)
        let error = #expect(throws: SnapshotError.self) { try SnapshotFile.read(path, files) }
        #expect(error?.path == path)
        #expect(describe(error).contains("delete it and restart"))
    }
}
