import Synchronization
import VarveBytes
import VarveFeatures
public import VarveSystem

/// Keeps the facts of views within a limit of memory by moving those that nobody asked for lately
/// to a file. No answer and no snapshot depends on what is where: facts on a page are read back
/// whenever they are looked at.
///
/// Keys, tiles, texts and ids stay in memory; where they alone exceed the limit, all facts are out.
public final class FactMemory: Sendable {
    /// What was moved, and why no more was.
    public struct Status: Sendable, Equatable {
        /// Bytes of memory that views may take; nil: as many as they like.
        public let limit: Int?
        /// Size of the file that facts were moved to.
        public let fileBytes: Int64
        /// Why facts could not be moved out when they last should have been; nil when they were.
        public let unmoved: String?
    }

    private struct State {
        var isAtWork = false
        /// More memory than this is needed for another try, where all that could be moved was.
        var threshold = 0
        var unmoved: String?
    }

    private let limit: Int?
    private let pages: PageFile
    private let state = Monitor(State())
    private let freed = Atomic(0)

    /// Facts that leave a shard before others may read it again, bytes.
    private static let atOnce = 128 << 10
    /// What is freed at a time, and what must have come since a try that freed less, is so much of
    /// the limit.
    private static let part = 16

    /// - Parameters:
    ///   - limit: bytes of memory that views may take; nil: as many as they like.
    ///   - directory: where the file is.
    public init(limit: Int? = nil, directory: String, _ files: any FileSystem) {
        self.limit = limit
        pages = PageFile(in: directory, files)
    }

    /// How it is doing.
    public var status: Status {
        Status(
            limit: limit, fileBytes: pages.byteCount, unmoved: state.withLock { $0.unmoved })
    }

    /// To be called after views were read or changed, before anybody is told.
    /// - Throws: when facts could not be read back: nothing of it is to be believed then.
    public func check() throws(LostFacts) {
        if let reason = pages.problem { throw LostFacts(reason: reason) }
    }

    /// Moves facts of some views out when they take more memory than they may. What cannot be moved
    /// stays, with the reason in `status`.
    func keep(_ views: [LiveView]) {
        guard let limit else { return }
        let total = views.reduce(0) { $0 + $1.byteCount }
        guard total > limit, begin(total) else { return }
        let wanted = total - limit + limit / Self.part
        end(total) { pages in
            for view in views {
                try view.evict(
                    Int(Double(wanted) * Double(view.byteCount) / Double(total)), to: pages,
                    atOnce: Self.atOnce)
            }
            return views.reduce(0) { $0 + $1.byteCount }
        }
    }

    /// The same for a view that is being restored.
    /// - Parameter others: bytes of memory that other views take.
    func keep(_ view: inout ViewState, beside others: Int) {
        guard let limit else { return }
        let total = view.byteCount + others
        guard total > limit, begin(total) else { return }
        var changed = view
        // One reference, so that nothing is copied.
        view = ViewState(view.plan)
        end(total) { pages in
            _ = try changed.evict(total - limit + limit / Self.part, to: pages)
            return changed.byteCount + others
        }
        view = changed
    }

    /// Bytes that were freed since this was last asked: scattered over the heap, they stay the
    /// process's until they are given back.
    func takeFreed() -> Int { freed.exchange(0, ordering: .relaxed) }

    private func begin(_ total: Int) -> Bool {
        state.withLock { state in
            if state.isAtWork || total <= state.threshold { return false }
            state.isAtWork = true
            return true
        }
    }

    /// - Parameter work: answers the bytes of memory that are taken afterwards.
    private func end(_ total: Int, _ work: (PageFile) throws -> Int) {
        guard let limit else { return }
        var (left, unmoved) = (total, String?.none)
        do {
            left = try work(pages)
            freed.wrappingAdd(total - left, ordering: .relaxed)
        } catch {
            unmoved = "\(error)"
        }
        state.withLock { state in
            state.isAtWork = false
            state.threshold = left > limit ? left + limit / Self.part : 0
            state.unmoved = unmoved
        }
    }
}

/// Facts that were moved out of memory cannot be read back.
public struct LostFacts: Error, Sendable, Equatable, CustomStringConvertible {
    let reason: String

    public var description: String { reason }
}
