/// Sorts what belongs to one key by time: short stretches, mostly in order already.
enum TimeOrder {
    /// Moves per element after which sorting by insertion is given up.
    private static let movesPerElement = 16

    /// Puts a stretch of elements in order of time; equal times stay in the order in which they are.
    /// - Complexity: linear for times nearly in order, n log n at worst.
    @inline(__always)
    static func sort<Element: BitwiseCopyable>(
        _ elements: inout [Element], _ range: Range<Int>, by time: (Element) -> Int64
    ) {
        var moves = 0
        let movesMax = range.count * movesPerElement
        var sorted = elements.mutableSpan
        var index = range.lowerBound + 1
        while index < range.upperBound, moves <= movesMax {
            let element = sorted[index]
            let here = time(element)
            var place = index
            while place > range.lowerBound, time(sorted[place - 1]) > here {
                sorted[place] = sorted[place - 1]
                place -= 1
            }
            if place < index {
                sorted[place] = element
                moves += index - place
            }
            index += 1
        }
        if index >= range.upperBound { return }
        // What was moved so far is a stable rearrangement, too.
        let ordered = range.map { (time: time(elements[$0]), place: $0, element: elements[$0]) }
            .sorted { ($0.time, $0.place) < ($1.time, $1.place) }
        for (index, found) in zip(range, ordered) { elements[index] = found.element }
    }
}
