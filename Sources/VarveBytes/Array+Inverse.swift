extension [Int32] {
    /// For each number below the count its place; every number is in the array once.
    public var inverse: [Int32] {
        var places = [Int32](repeating: 0, count: count)
        for (place, number) in enumerated() {
            places[Int(number)] = Int32(truncatingIfNeeded: place)
        }
        return places
    }
}
