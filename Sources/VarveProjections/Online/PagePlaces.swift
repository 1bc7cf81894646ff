/// Places for pages in a file that grows: the buddy system. A place is a power of two long and lies
/// at a multiple of its length; two halves that are both free become one again, so that pages that
/// come back a little larger find the room of those they were.
///
/// Source: Knuth, The Art of Computer Programming, volume 1, section 2.5, algorithms R and S.
struct PagePlaces {
    /// The binary logarithms of the shortest place, and of what the file grows by.
    private static let smallest = 8
    private static let largest = 26

    /// Free places by the binary logarithm of their length.
    private var free: [FreePlaces] = []
    /// Where the file ends.
    private(set) var end: Int64 = 0

    /// The binary logarithm of the length of a page's place.
    private static func order(_ byteCount: Int) -> Int {
        max(smallest, Int.bitWidth - (byteCount - 1).leadingZeroBitCount)
    }

    /// The length of the place that a page of some bytes, at least one, gets.
    static func length(_ byteCount: Int) -> Int { 1 << order(byteCount) }

    /// Answers where a page goes.
    mutating func take(_ byteCount: Int) -> Int64 {
        let wanted = Self.order(byteCount)
        while free.count <= max(wanted, Self.largest) { free.append(FreePlaces()) }
        for order in wanted..<free.count {
            if let place = free[order].take() { return keep(wanted, of: place, order) }
        }
        let order = max(wanted, Self.largest)
        let length = Int64(1) << Int64(order)
        // No page of a view is longer than what the file grows by; but were there one, its place
        // would have to lie at a multiple of its length.
        let start = (end + length - 1) / length * length
        for gap in stride(from: end, to: start, by: 1 << Self.largest) {
            free[Self.largest].insert(gap)
        }
        end = start + length
        return keep(wanted, of: start, order)
    }

    /// Gives halves of a place back until the rest is as long as is wanted.
    private mutating func keep(_ wanted: Int, of place: Int64, _ found: Int) -> Int64 {
        var order = found
        while order > wanted {
            order -= 1
            free[order].insert(place + 1 << Int64(order))
        }
        return place
    }

    /// Gives the place of a page of some bytes back.
    mutating func give(_ place: Int64, _ byteCount: Int) {
        var (place, order) = (place, Self.order(byteCount))
        while order < Self.largest {
            let buddy = place ^ 1 << Int64(order)
            guard free[order].remove(buddy) else { break }
            place = min(place, buddy)
            order += 1
        }
        free[order].insert(place)
    }
}

/// Free places of one length; the one that came last is taken first.
private struct FreePlaces {
    private var places: Set<Int64> = []
    /// In order of arrival; those that were removed meanwhile are still among them.
    private var order: [Int64] = []

    mutating func insert(_ place: Int64) {
        let isNew = places.insert(place).inserted
        precondition(isNew, "the place at \(place) was free already")
        order.append(place)
        guard order.count > 2 * places.count + 64 else { return }
        var left = places
        order = order.reversed().filter { left.remove($0) != nil }.reversed()
    }

    mutating func remove(_ place: Int64) -> Bool { places.remove(place) != nil }

    mutating func take() -> Int64? {
        while let place = order.popLast() {
            if places.remove(place) != nil { return place }
        }
        return nil
    }
}
