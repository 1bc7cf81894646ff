/// Sorts what belongs to one key by time: short stretches, mostly in order already.
enum TimeOrder {
    /// Moves per element after which sorting by insertion is given up.
    private static let movesPerElement = 16

    /// Puts a stretch of times in order, and what belongs to each along; equal times stay in the
    /// order in which they are.
    /// - Complexity: linear for times nearly in order, n log n at worst.
    static func sort(_ times: inout [Int64], _ others: inout [Int32], _ range: Range<Int>) {
        var moves = 0
        let movesMax = range.count * movesPerElement
        var sorted = times.mutableSpan
        var moved = others.mutableSpan
        var index = range.lowerBound + 1
        while index < range.upperBound, moves <= movesMax {
            let (time, other) = (sorted[index], moved[index])
            var place = index
            while place > range.lowerBound, sorted[place - 1] > time {
                sorted[place] = sorted[place - 1]
                moved[place] = moved[place - 1]
                place -= 1
            }
            sorted[place] = time
            moved[place] = other
            moves += index - place
            index += 1
        }
        if index >= range.upperBound { return }
        // What was moved so far is a stable rearrangement, too.
        let pairs = range.map { (time: times[$0], place: $0, other: others[$0]) }
            .sorted { ($0.time, $0.place) < ($1.time, $1.place) }
        for (index, pair) in zip(range, pairs) {
            times[index] = pair.time
            others[index] = pair.other
        }
    }
}
