import VarveSystem

/// Work that falls into numbered pieces, done by some threads, each taking the next piece when it
/// is done with one.
enum Parallel {
    private struct State<Piece: Sendable>: Sendable {
        var next = 0
        var pieces: [Piece?]
        var failure: (any Error)?
    }

    /// The results in the order of the pieces, whichever thread made them.
    /// - Parameters:
    ///   - make: what a thread keeps from piece to piece.
    ///   - work: called with it and the number of a piece.
    /// - Throws: the first failure; the other threads then stop after the piece at hand.
    static func map<Worker, Piece: Sendable>(
        _ count: Int, threads: Int, name: String, _ make: @escaping @Sendable () -> Worker,
        _ work: @escaping @Sendable (inout Worker, Int) throws -> Piece
    ) throws -> [Piece] {
        let state = Monitor(State<Piece>(pieces: Array(repeating: nil, count: count)))
        let run: @Sendable () -> Void = {
            var worker = make()
            while true {
                let number = state.withLock { state -> Int? in
                    guard state.failure == nil, state.next < count else { return nil }
                    defer { state.next += 1 }
                    return state.next
                }
                guard let number else { return }
                do {
                    let piece = try work(&worker, number)
                    state.withLock { $0.pieces[number] = piece }
                } catch {
                    state.withLock { $0.failure = $0.failure ?? error }
                }
            }
        }
        let helpers = max(0, min(threads, count) - 1)
        let workers = (0..<helpers).map { _ in WorkerThread(name: name, run) }
        run()
        for worker in workers { worker.join() }
        let (pieces, failure) = state.withLock { state in
            defer { state.pieces = [] }
            return (state.pieces, state.failure)
        }
        if let failure { throw failure }
        return pieces.compactMap { $0 }
    }
}
