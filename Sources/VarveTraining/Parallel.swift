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

    private struct Line<Piece: Sendable>: Sendable {
        let count: Int
        let ahead: Int
        var next = 0
        /// Pieces before it were taken.
        var head = 0
        /// Those that are done and not taken yet, by number.
        var done: [Int: Piece] = [:]
        var isOver = false

        var canMake: Bool { next < count && next < head + ahead }
    }

    private enum Step<Piece: Sendable>: Sendable {
        case take(Piece)
        case make(Int)
        case end
    }

    /// Hands the results over in the order of the pieces while later ones are made.
    /// - Parameters:
    ///   - ahead: results at most that wait to be handed over.
    ///   - work: called with the number of a piece.
    ///   - take: called on this thread, which makes pieces, too, while none waits for it.
    /// - Throws: what `take` throws; pieces at hand are finished and dropped then.
    static func inOrder<Piece: Sendable>(
        _ count: Int, threads: Int, ahead: Int, name: String,
        _ work: @escaping @Sendable (Int) -> Piece, take: (Piece) throws -> Void
    ) rethrows {
        let line = Monitor(Line<Piece>(count: count, ahead: max(1, ahead)))
        let make: @Sendable (Int) -> Void = { number in
            let piece = work(number)
            line.withLock { $0.done[number] = piece }
            line.wakeAll()
        }
        let help: @Sendable () -> Void = {
            while true {
                let number = line.wait(until: { $0.isOver || $0.next >= count || $0.canMake }) {
                    line -> Int? in
                    guard !line.isOver, line.canMake else { return nil }
                    defer { line.next += 1 }
                    return line.next
                }
                guard let number else { return }
                make(number)
            }
        }
        let workers = (0..<max(0, min(threads, count) - 1)).map { _ in
            WorkerThread(name: name, help)
        }
        defer {
            line.withLock { $0.isOver = true }
            line.wakeAll()
            for worker in workers { worker.join() }
        }
        while true {
            let step = line.wait(
                until: { $0.head == count || $0.done[$0.head] != nil || $0.canMake }
            ) { line -> Step<Piece> in
                if line.head == count { return .end }
                if let piece = line.done.removeValue(forKey: line.head) {
                    line.head += 1
                    return .take(piece)
                }
                defer { line.next += 1 }
                return .make(line.next)
            }
            switch step {
            case .end: return
            case .make(let number): make(number)
            case .take(let piece):
                line.wakeAll()
                try take(piece)
            }
        }
    }
}
