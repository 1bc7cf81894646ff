/// Whoever does work that falls into numbered pieces: a caller with threads to spare does it on
/// several of them.
public protocol Workers: Sendable {
    /// The results in the order of the pieces, whoever made them.
    func map<Piece: Sendable>(
        _ count: Int, _ piece: @escaping @Sendable (Int) -> Piece
    ) -> [Piece]
}

/// One piece after the other.
public struct OneWorker: Workers {
    public init() {}

    public func map<Piece: Sendable>(
        _ count: Int, _ piece: @escaping @Sendable (Int) -> Piece
    ) -> [Piece] {
        (0..<count).map(piece)
    }
}
