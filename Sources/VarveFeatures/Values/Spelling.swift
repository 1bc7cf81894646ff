/// Finds what somebody probably meant to write.
enum Spelling {
    /// The candidate nearest to a word: the same but for case, or a whole part of a dotted name,
    /// or few edits away; nil when none is near. Ties go to the earlier one.
    static func nearest<Candidates: Sequence<String>>(
        to word: String, among candidates: Candidates
    ) -> String? {
        var best: (name: String, distance: Int)?
        let folded = word.lowercased()
        for name in candidates where name != word {
            let other = name.lowercased()
            var distance = edits(Array(folded.utf8), Array(other.utf8))
            if other == folded || other.hasSuffix("." + folded) { distance = 0 }
            guard distance <= max(1, folded.utf8.count / 3), distance < other.utf8.count else {
                continue
            }
            if distance < best?.distance ?? .max { best = (name, distance) }
        }
        return best?.name
    }

    /// Insertions, deletions, replacements and swaps of neighbours that turn one word into the
    /// other (optimal string alignment). Words beyond 64 bytes are never near.
    private static func edits(_ left: [UInt8], _ right: [UInt8]) -> Int {
        if left.count > 64 || right.count > 64 { return .max }
        if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
        var previous = [Int](repeating: 0, count: right.count + 1)
        var row = Array(0...right.count)
        for i in 1...left.count {
            let older = previous
            previous = row
            row[0] = i
            for j in 1...right.count {
                let replaced = previous[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1)
                row[j] = min(previous[j] + 1, row[j - 1] + 1, replaced)
                if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                    row[j] = min(row[j], older[j - 2] + 1)
                }
            }
        }
        return row[right.count]
    }
}
