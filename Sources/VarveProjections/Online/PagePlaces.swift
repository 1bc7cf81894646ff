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
    private var free: [Set<Int64>] = []
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
        while free.count <= max(wanted, Self.largest) { free.append([]) }
        var order = wanted
        while order < free.count, free[order].isEmpty { order += 1 }
        if order == free.count {
            order = max(wanted, Self.largest)
            let length = Int64(1) << Int64(order)
            // Longer than what the file grows by is no page of any view; but were there one, its
            // place would have to lie at a multiple of its length.
            let start = (end + length - 1) / length * length
            for gap in stride(from: end, to: start, by: 1 << Self.largest) {
                free[Self.largest].insert(gap)
            }
            end = start + length
            free[order].insert(start)
        }
        guard let place = free[order].popFirst() else { preconditionFailure("no place is free") }
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
            guard free[order].remove(buddy) != nil else { break }
            place = min(place, buddy)
            order += 1
        }
        let isNew = free[order].insert(place).inserted
        precondition(isNew, "the place at \(place) was free already")
    }
}
