import Testing
import VarveBytes
import VarveSystem
import VarveTestSupport

@Suite struct NextDataTests {
    @Test func `no byte that is not zero is passed over`() throws {
        let directory = try TemporaryDirectory()
        let file = try PosixFileSystem().open("\(directory.path)/sparse", .create)
        let size: Int64 = 8 << 20
        try file.allocate(0..<size)
        let places: [Int64] = [5, 1 << 20, (3 << 20) + 4095, size - 1]
        let byte: [UInt8] = [7]
        for place in places { try file.write(byte.raw, at: place) }
        for offset in stride(from: Int64(0), to: size, by: 65_521) {
            let next = places.first { $0 >= offset }
            let found = file.nextData(from: offset) ?? size
            #expect(found >= offset)
            #expect(found <= next ?? size)
        }
        #expect(file.nextData(from: size - 1) == size - 1)
    }
}
