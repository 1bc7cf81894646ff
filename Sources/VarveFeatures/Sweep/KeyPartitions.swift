/// How the entities of a `KeyTable` are parted: each partition has a range of their numbers.
public struct KeyPartitions: Sendable {
    /// The first number of each partition, and the number after the last one.
    let starts: [Int]
    /// Numbers that agree above these bits are in one partition; nil where they are parted unevenly.
    let shift: Int?
    /// By number its partition; empty where the shift says so.
    let places: [Int32]

    /// Partitions of equal size.
    /// - Parameter max: how many there are at most.
    public init(_ keys: KeyTable, max: Int) {
        var shift = 0
        while (keys.count - 1) >> shift >= max { shift += 1 }
        let count = ((keys.count - 1) >> shift) + 1
        starts = (0..<count).map { $0 << shift } + [keys.count]
        self.shift = shift
        places = []
    }

    /// Partitions of a run's stretches.
    /// - Parameters:
    ///   - keys: numbered in order of hash.
    ///   - hashes: the least hash of each partition but the first, ascending.
    public init(_ keys: KeyTable, from hashes: [UInt64]) {
        starts = [0] + hashes.map { keys.firstNumber(from: $0) } + [keys.count]
        shift = nil
        var places: [Int32] = []
        places.reserveCapacity(keys.count)
        for partition in 0..<(starts.count - 1) {
            places += repeatElement(
                Int32(partition), count: starts[partition + 1] - starts[partition])
        }
        self.places = places
    }

    /// How many there are.
    public var count: Int { starts.count - 1 }

    /// The numbers of a partition's entities.
    public func entities(_ partition: Int) -> Range<Int> {
        starts[partition]..<starts[partition + 1]
    }
}
