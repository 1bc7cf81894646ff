import VarveBytes
import VarveLog

/// Where the chunks of one artifact are in the log. Uploads of the same artifact may interleave, or
/// end half way: chunks are numbered, and the first of each number counts.
struct ArtifactChunks {
    /// The key of a chunk's record: `<digest>/<number from 0>/<count>`.
    struct Key {
        let digest: Digest
        let number: Int
        let count: Int

        init(digest: Digest, number: Int, count: Int) {
            self.digest = digest
            self.number = number
            self.count = count
        }

        /// Reads what `text` wrote; nil when it is something else.
        init?(_ text: String) {
            let parts = text.split(separator: "/")
            guard parts.count == 3, let digest = Digest(hex: String(parts[0])),
                let number = Int(parts[1]), let count = Int(parts[2]), number >= 0,
                number < count, count <= ArtifactChunks.countMax
            else { return nil }
            self.init(digest: digest, number: number, count: count)
        }

        var text: String { "\(digest)/\(number)/\(count)" }
    }

    /// More chunks than any artifact has.
    static let countMax = 1 << 16

    private var positions: [Position?]

    init(count: Int) { positions = Array(repeating: nil, count: count) }

    /// Notes a chunk. Chunks of another size begin anew, unless the artifact is complete.
    mutating func add(_ key: Key, at position: Position) {
        if isComplete { return }
        if key.count != positions.count { self = ArtifactChunks(count: key.count) }
        if positions[key.number] == nil { positions[key.number] = position }
    }

    var isComplete: Bool { !positions.contains { $0 == nil } }

    /// In order; nil while one is missing.
    var complete: [Position]? { isComplete ? positions.compactMap { $0 } : nil }
}
