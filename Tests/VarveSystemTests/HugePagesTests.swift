import Testing

@testable import VarveSystem

@Suite struct HugePagesTests {
    @Test func `heaps are large private mappings without a file, cut to whole pages`() {
        let maps = """
            55d0c0000000-55d0c0010000 r-xp 00000000 fe:00 1234                       /usr/bin/varve
            55d0c2100000-55d0c4700000 rw-p 00000000 00:00 0                          [heap]
            7f0000000000-7f0004000000 rw-p 00000000 00:00 0
            7f0010000000-7f0010800000 rw-p 00000000 00:00 0
            7f0020000000-7f0030000000 ---p 00000000 00:00 0
            7f0030000000-7f0040000000 rw-p 00000000 fe:00 77                         /data/file
            7f0040000000-7f0050000000 rw-s 00000000 00:05 0                          /dev/zero
            7ffd00000000-7ffd02000000 rw-p 00000000 00:00 0                          [stack]
            nonsense
            """
        #expect(
            HugePages.heaps(maps) == [
                0x55d0_c220_0000..<0x55d0_c460_0000, 0x7f00_0000_0000..<0x7f00_0400_0000,
            ])
    }

    @Test func `memory keeps what it holds when its pages are moved`() {
        let words = (0..<(8 << 20)).map { UInt64($0) &* 0x9e37_79b9_7f4a_7c15 }
        let pages = HugePages()
        #expect(pages.residentBytes > 64 << 20)
        #expect(pages.addresses.count >= 31)
        for address in pages.addresses { pages.collapse(address) }
        #expect(words.indices.allSatisfy { words[$0] == UInt64($0) &* 0x9e37_79b9_7f4a_7c15 })
    }
}
