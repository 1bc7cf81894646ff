import VarveBytes
import VarveFeatures
import VarveSystem

/// Where facts wait between being read and being swept: in memory as far as the limit allows, then
/// in a file that goes away with the store.
///
/// A piece is what was read at once: a batch for each view. Which pieces lie where shows in no
/// answer. Threads share a store: pieces come in any order, and are looked at after all have come.
final class FactStore: Sendable {
    /// Where facts go that find no room in memory.
    struct Spill: Sendable {
        let files: any FileSystem
        /// Made when it is needed; nothing stays in it.
        let directory: String
        /// Bytes of facts that stay in memory.
        let budget: Int
    }

    private struct Extent {
        let offset: Int64
        let count: Int
    }

    private enum Batch {
        case memory(FactBatch)
        /// By partition where its slice lies.
        case file([Extent], LaneSlots)
    }

    private struct State {
        var pieces: [[Batch]]
        var bytes = 0
        var file: (any File)?
        var end: Int64 = 0
        /// Facts that went to the file.
        var spilled = 0
    }

    private let spill: Spill?
    private let state: Monitor<State>

    /// An empty store.
    /// - Parameters:
    ///   - spill: nil keeps all in memory.
    init(pieces: Int, spill: Spill?) {
        self.spill = spill
        state = Monitor(State(pieces: Array(repeating: [], count: pieces)))
    }

    /// Facts that found no room in memory.
    var spilledFacts: Int { state.withLock { $0.spilled } }

    /// Takes a piece in.
    func put(_ piece: Int, _ batches: [FactBatch]) throws {
        let bytes = batches.reduce(0) { $0 + $1.byteCount }
        let fits = state.withLock { state in
            guard let spill, state.bytes + bytes > spill.budget else {
                state.bytes += bytes
                state.pieces[piece] = batches.map { .memory($0) }
                return true
            }
            return false
        }
        guard !fits, let spill else { return }
        var writer = ByteWriter(capacity: bytes + bytes / 8)
        var places: [[(start: Int, count: Int)]] = []
        for batch in batches {
            places.append(
                (0..<batch.partitionCount).map { partition in
                    let start = writer.count
                    let slice = batch.slice(partition)
                    if slice.count > 0 { slice.write(to: &writer) }
                    return (start, writer.count - start)
                })
        }
        let size = Int64(writer.count)
        let (file, base) = try state.withLock { state in
            let file = try state.file ?? spill.files.unnamedFile(in: spill.directory)
            state.file = file
            defer { state.end += size }
            return (file, state.end)
        }
        try file.write(writer.bytes.raw, at: base)
        let spilled: [Batch] = zip(batches, places).map { batch, places in
            .file(
                places.map { Extent(offset: base + Int64($0.start), count: $0.count) },
                batch.slots)
        }
        let facts = batches.reduce(0) { $0 + $1.count }
        state.withLock { state in
            state.pieces[piece] = spilled
            state.spilled += facts
        }
    }

    /// The facts of a view in a partition, in the order of the pieces.
    func slices(view: Int, _ partition: Int) throws -> [FactSlice] {
        let (batches, file) = state.withLock { state in
            (state.pieces.compactMap { $0.isEmpty ? nil : $0[view] }, state.file)
        }
        var bytes: [UInt8] = []
        return try batches.compactMap { batch in
            switch batch {
            case .memory(let batch): return batch.slice(partition)
            case .file(let extents, let slots):
                let extent = extents[partition]
                guard extent.count > 0, let file else { return nil }
                if bytes.count < extent.count {
                    bytes.append(
                        contentsOf: repeatElement(0, count: extent.count - bytes.count))
                }
                let count = try file.read(
                    extent.count, at: extent.offset, into: &bytes, start: 0)
                guard count == extent.count else {
                    throw SystemError(
                        operation: "read", subject: file.path, code: SystemError.inputOutputCode)
                }
                let raw = bytes.raw
                var reader = ByteReader(raw.extracting(0..<count))
                return try FactSlice(reading: &reader, slots)
            }
        }
    }

    /// The batches of a view that are in memory, in the order of the pieces: all without a limit.
    func batches(view: Int) -> [FactBatch] {
        state.withLock { state in
            state.pieces.compactMap { piece in
                guard !piece.isEmpty, case .memory(let batch) = piece[view] else { return nil }
                return batch
            }
        }
    }

    /// Gives the memory of a view's facts back.
    func drop(view: Int) {
        state.withLock { state in
            for piece in state.pieces.indices where !state.pieces[piece].isEmpty {
                state.pieces[piece][view] = .memory(.none)
            }
        }
    }
}
