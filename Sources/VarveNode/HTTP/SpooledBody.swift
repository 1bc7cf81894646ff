import VarveBytes
import VarveProtocols
import VarveSystem

/// A body that is made as fast as it can be, whatever the client does: what the client has not taken
/// waits in memory while there is room for it, then in a file.
///
///     make --> write --> [ piece ][ piece ][ ... ] --> next --> client
///                         memory: SpoolSpace, or a file without a name
///
/// So what the body is made of is let go soon, and a slow client costs disk. A body is handed out
/// once. Threads share it: one writes, one reads.
final class SpooledBody: HTTPBodyStream {
    /// Writes the body.
    typealias Maker = @Sendable (SpooledBody) throws -> Void

    private enum Piece {
        case memory([UInt8])
        case file(offset: Int64, count: Int)

        var count: Int {
            switch self {
            case .memory(let bytes): bytes.count
            case .file(_, let count): count
            }
        }
    }

    private struct State {
        var maker: Maker?
        var pieces: [Piece] = []
        /// Pieces before it were handed out.
        var head = 0
        /// Bytes handed out of the one at `head`.
        var taken = 0
        var byteCount = 0
        var file: (any File)?
        var fileEnd: Int64 = 0
        /// Bytes of the pieces in memory.
        var memoryBytes = 0
        var isWhole = false
        var isCancelled = false
        var failure: (any Error)?
        /// Called once there is something to hand out.
        var isReady: (@Sendable () -> Void)?

        /// Whether nothing more will come.
        var isOver: Bool { isWhole || isCancelled || failure != nil }
    }

    private enum Step {
        case piece(Piece, from: Int, count: Int, (any File)?)
        case later
        case end
    }

    /// The largest piece that is handed out.
    static let pieceBytes = 256 << 10

    private let space: SpoolSpace
    private let state: Monitor<State>

    /// A body that `make` will write when it is produced.
    init(_ space: SpoolSpace, _ make: @escaping Maker) {
        self.space = space
        state = Monitor(State(maker: make))
    }

    deinit { cancel() }

    /// The length of the whole body, once it is known.
    var byteCount: Int? { state.withLock { $0.isWhole ? $0.byteCount : nil } }

    /// Why it will not become whole; nil while nothing is wrong.
    var failure: (any Error)? { state.withLock { $0.failure } }

    /// Bytes from which on freed pages are given back to the system after a body was made: looking
    /// for them halts all who allocate.
    static let largeBytes = 64 << 20

    /// Makes the body, or waits until whoever makes it already is done.
    func finish() {
        produce()
        state.wait(until: { $0.isOver }) { _ in }
    }

    func produce() {
        // What it is made of goes when this returns, not with the body.
        let maker = state.withLock { state in
            defer { state.maker = nil }
            return state.maker
        }
        guard let maker else { return }
        do {
            try maker(self)
            change { $0.isWhole = true }
        } catch {
            change { $0.failure = error }
        }
    }

    /// Adds bytes to the end; called by the maker.
    /// - Throws: `SpoolError.cancelled` when nobody wants them.
    func write(_ bytes: [UInt8]) throws {
        if bytes.isEmpty { return }
        if state.withLock({ $0.isCancelled }) { throw SpoolError.cancelled }
        guard space.take(bytes.count) else { return try writeToFile(bytes) }
        let isKept = change { state in
            // The file has what came before, or nothing: order is that of the pieces.
            if state.isCancelled { return false }
            state.pieces.append(.memory(bytes))
            state.memoryBytes += bytes.count
            state.byteCount += bytes.count
            return true
        }
        if !isKept { space.give(bytes.count) }
    }

    private func writeToFile(_ bytes: [UInt8]) throws {
        let (known, offset) = state.withLock { ($0.file, $0.fileEnd) }
        try space.takeFile(bytes.count)
        // Counted before it is written: what is cancelled or fails meanwhile is given back.
        let isWanted = change { state in
            if state.isCancelled { return false }
            state.fileEnd = offset + Int64(bytes.count)
            return true
        }
        guard isWanted else { return space.giveFile(bytes.count) }
        let file = try known ?? space.file()
        try file.write(bytes.raw, at: offset)
        change { state in
            if state.isCancelled { return }
            state.file = file
            state.pieces.append(.file(offset: offset, count: bytes.count))
            state.byteCount += bytes.count
        }
    }

    /// Changes the state, and tells whoever waits for that.
    private func change<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        let (result, isReady, isOver) = state.withLock { state in
            let result = body(&state)
            defer { state.isReady = nil }
            return (result, state.isReady, state.isOver)
        }
        if isOver { state.wakeAll() }
        isReady?()
        return result
    }

    func next(_ isReady: @escaping @Sendable () -> Void) throws -> HTTPBodyPiece {
        let step = try state.withLock { state throws -> Step in
            guard state.head < state.pieces.count else {
                if let failure = state.failure { throw failure }
                if state.isCancelled { throw SpoolError.cancelled }
                if state.isWhole { return .end }
                state.isReady = isReady
                return .later
            }
            let piece = state.pieces[state.head]
            let start = state.taken
            let count = min(Self.pieceBytes, piece.count - start)
            state.taken += count
            if state.taken == piece.count {
                state.pieces[state.head] = .memory([])
                state.head += 1
                state.taken = 0
                if case .memory = piece { state.memoryBytes -= piece.count }
            }
            return .piece(piece, from: start, count: count, state.file)
        }
        switch step {
        case .later: return .later
        case .end: return .end
        case .piece(.memory(let bytes), let start, let count, _):
            if start + count == bytes.count { space.give(bytes.count) }
            return .bytes(count == bytes.count ? bytes : Array(bytes[start..<start + count]))
        case .piece(.file(let offset, _), let start, let count, let file):
            var bytes = [UInt8](repeating: 0, count: count)
            let found = try file?.read(count, at: offset + Int64(start), into: &bytes, start: 0)
            guard found == count else {
                throw SystemError(
                    operation: "read", subject: file?.path ?? "a spooled body",
                    code: SystemError.inputOutputCode)
            }
            return .bytes(bytes)
        }
    }

    func cancel() {
        let held = change { state in
            state.isCancelled = true
            state.maker = nil
            state.pieces = []
            state.head = 0
            state.taken = 0
            state.file = nil
            defer {
                state.memoryBytes = 0
                state.fileEnd = 0
            }
            return (memory: state.memoryBytes, file: Int(state.fileEnd))
        }
        space.give(held.memory)
        space.giveFile(held.file)
    }
}

/// Why a body does not become whole.
enum SpoolError: Error, Equatable, CustomStringConvertible {
    /// The client has gone.
    case cancelled
    /// Too much waits for other clients.
    case full(limit: Int)

    var description: String {
        switch self {
        case .cancelled: "nobody takes the answer any more"
        case .full(let limit): "\(limit) bytes of answers wait in files to be taken; try again"
        }
    }
}

/// The memory that all spooled bodies share, and the directory of their files.
final class SpoolSpace: Sendable {
    /// Bytes of all bodies that wait in memory unless said otherwise; what is beyond waits in files.
    static let memoryBytes = 256 << 20
    /// Bytes of all bodies that wait in files; there is no more room then.
    static let fileBytes = 64 << 30

    private let files: any FileSystem
    private let directory: String
    private let limit: Int
    private let state = Monitor((bytes: 0, fileBytes: 0))

    /// - Parameter directory: made when it is needed; nothing stays in it.
    init(_ files: any FileSystem, directory: String, memoryBytes: Int = SpoolSpace.memoryBytes) {
        self.files = files
        self.directory = directory
        limit = memoryBytes
    }

    /// Bytes that wait in memory, and in files.
    var held: (memory: Int, file: Int) { state.withLock { ($0.bytes, $0.fileBytes) } }

    /// Takes memory, if there is so much.
    fileprivate func take(_ count: Int) -> Bool {
        state.withLock { state in
            guard state.bytes + count <= limit else { return false }
            state.bytes += count
            return true
        }
    }

    fileprivate func give(_ count: Int) { state.withLock { $0.bytes -= count } }

    fileprivate func takeFile(_ count: Int) throws(SpoolError) {
        let isThere = state.withLock { state in
            guard state.fileBytes + count <= Self.fileBytes else { return false }
            state.fileBytes += count
            return true
        }
        if !isThere { throw .full(limit: Self.fileBytes) }
    }

    fileprivate func giveFile(_ count: Int) { state.withLock { $0.fileBytes -= count } }

    fileprivate func file() throws(SystemError) -> any File { try files.unnamedFile(in: directory) }
}
