import Testing
import VarveFormats
import VarveTestSupport

@testable import VarveFeatures

@Suite struct KeyPartitionsTests {
    private static func keys(_ count: Int) -> KeyTable {
        let cells = (0..<count).map { Column.Cell.int64(Int64($0)) }
        return KeyTable([Column(name: "k", type: .int64, cells: cells)], rows: count)
    }

    @Test(arguments: [0, 1, 2, 63, 64, 65, 1000], [1, 2, 3, 64, 5000])
    func `partitions of equal size have every key once`(count: Int, max: Int) throws {
        let partitions = KeyPartitions(Self.keys(count), max: max)
        #expect(partitions.count <= max)
        let all = (0..<partitions.count).map { partitions.entities($0) }
        #expect(all.flatMap { Array($0) } == Array(0..<count))
        #expect(!all.contains { $0.isEmpty })
        let shift = try #require(partitions.shift)
        for (partition, entities) in all.enumerated() {
            #expect(entities.allSatisfy { $0 >> shift == partition })
        }
    }

    @Test(arguments: [0, 1, 2, 100])
    func `partitions of a run have the keys whose hashes lie in them`(count: Int) {
        var random = SplitMix64(seed: UInt64(count))
        let keys = Self.keys(count)
        let cells = (0..<count).map { Column.Cell.int64(Int64($0)) }
        let hashes = KeyTable.hashes(
            [Column(name: "k", type: .int64, cells: cells)], rows: count
        ).compactMap { $0 }.sorted()
        // Between keys and at them, some twice, none at all.
        let bounds: [[UInt64]] = [
            [], [0], [.max], hashes, hashes.map { $0 + 1 },
            (hashes + (0..<9).map { _ in random.next() }).sorted(),
            hashes.filter { _ in random.chance(20) }.flatMap { [$0, $0] },
        ]
        for bounds in bounds {
            let partitions = KeyPartitions(keys, from: bounds)
            #expect(partitions.count == bounds.count + 1)
            #expect(partitions.shift == nil && partitions.places.count == count)
            var next = 0
            for partition in 0..<partitions.count {
                let entities = partitions.entities(partition)
                #expect(entities.lowerBound == next)
                next = entities.upperBound
                for entity in entities {
                    #expect(Int(partitions.places[entity]) == partition)
                    #expect(partition == 0 || bounds[partition - 1] <= hashes[entity])
                    #expect(partition == bounds.count || hashes[entity] < bounds[partition])
                }
            }
            #expect(next == count)
        }
    }
}
