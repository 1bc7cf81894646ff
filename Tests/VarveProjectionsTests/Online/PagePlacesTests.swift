import Testing
@testable import VarveProjections
import VarveTestSupport

@Suite struct PagePlacesTests {
    @Test func `a place has room for its page, and less than half of it is unused`() {
        for count in [1, 255, 256, 257, 511, 512, 513, 5000, 1 << 20, 1 << 20 + 1, 1 << 30] {
            let length = PagePlaces.length(count)
            #expect(length >= count && length == 1 << length.trailingZeroBitCount)
            #expect(length == 256 || length < 2 * count)
        }
    }

    @Test(arguments: 0..<6 as Range<UInt64>)
    func `places never overlap, and all of the file is free again in the end`(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var places = PagePlaces()
        var taken: [(place: Int64, count: Int)] = []
        var most = 0
        for _ in 0..<4000 {
            if generator.chance(48), !taken.isEmpty {
                let (place, count) = taken.remove(at: generator.below(taken.count))
                places.give(place, count)
            } else {
                let count = 1 + generator.below(1 << (4 + generator.below(20)))
                taken.append((places.take(count), count))
            }
            most = max(most, taken.reduce(0) { $0 + PagePlaces.length($1.count) })
        }
        let sorted = taken.sorted { $0.place < $1.place }
        for (one, next) in zip(sorted, sorted.dropFirst()) {
            #expect(one.place + Int64(PagePlaces.length(one.count)) <= next.place)
        }
        for (place, count) in taken {
            #expect(place % Int64(PagePlaces.length(count)) == 0)
            #expect(place + Int64(PagePlaces.length(count)) <= places.end)
        }
        #expect(Int(places.end) < 2 * most + 1 << 27, "seed \(seed): \(places.end), \(most)")
        for (place, count) in taken { places.give(place, count) }
        // What the file grows by, from its start to its end, without growing.
        let end = places.end
        for _ in 0..<(end >> 26) { _ = places.take(1 << 26) }
        #expect(places.end == end)
    }

    @Test func `pages that come back a little larger find the room of those they were`() {
        var places = PagePlaces()
        var pages = (0..<10_000).map { _ in (place: places.take(300), count: 300) }
        for _ in 0..<30 {
            for index in pages.indices {
                places.give(pages[index].place, pages[index].count)
                pages[index].count += 400
                pages[index].place = places.take(pages[index].count)
            }
        }
        let live = pages.reduce(0) { $0 + PagePlaces.length($1.count) }
        #expect(Int(places.end) < 2 * live)
    }
}
