import Synchronization
import VarveBytes
import VarveFeatures

/// Pages in memory, that fail when a test wants them to.
final class MemoryPages: FactPages {
    struct Full: Error {}

    private struct State {
        var pages: [Int64: [UInt8]] = [:]
        var next: Int64 = 0
        var reads = 0
        var isWhole = true
    }

    private let state = Mutex(State())
    let isFull = Atomic(false)
    let isBroken = Atomic(false)

    /// Pages that somebody may still read.
    var count: Int { state.withLock { $0.pages.count } }
    var byteCount: Int { state.withLock { $0.pages.values.reduce(0) { $0 + $1.count } } }
    var readCount: Int { state.withLock { $0.reads } }
    var isWhole: Bool { state.withLock { $0.isWhole } }

    func write(_ bytes: [UInt8], ends: [Int]) throws -> [FactPage] {
        if isFull.load(ordering: .relaxed) { throw Full() }
        return state.withLock { state in
            var start = 0
            return ends.map { end in
                defer { start = end }
                state.next += 1
                state.pages[state.next] = Array(bytes[start..<end])
                return FactPage(offset: state.next, byteCount: end - start, checksum: 0)
            }
        }
    }

    func read(_ page: FactPage) -> [UInt8]? {
        state.withLock { state in
            state.reads += 1
            if !isBroken.load(ordering: .relaxed), let bytes = state.pages[page.offset] {
                return bytes
            }
            state.isWhole = false
            return nil
        }
    }

    func free(_ page: FactPage) {
        state.withLock { state in
            precondition(state.pages.removeValue(forKey: page.offset) != nil, "freed twice")
        }
    }
}
