import Synchronization
import VarveBytes

/// Where facts lie that memory has no room for: the seam through which this floor, which knows no
/// disk, gets one. What is in it need not outlive the process.
public protocol FactPages: AnyObject, Sendable {
    /// Writes some pages.
    /// - Parameters:
    ///   - bytes: the pages', one after the other.
    ///   - ends: where each of them ends.
    /// - Throws: when one of them could not be written; none is there then.
    func write(_ bytes: [UInt8], ends: [Int]) throws -> [FactPage]

    /// A page's bytes; nil when they are not what was written. That is noted for good: who reads
    /// facts looks at `isWhole` before believing what came out.
    func read(_ page: FactPage) -> [UInt8]?

    /// Gives a page's place up.
    func free(_ page: FactPage)

    /// Whether every page that was ever read was what had been written.
    var isWhole: Bool { get }

}

/// Where a page is.
public struct FactPage: Sendable, Equatable {
    /// Of its first byte.
    public let offset: Int64
    /// Its length.
    public let byteCount: Int
    /// Of its bytes; which, is the business of whoever keeps pages.
    public let checksum: UInt32

    /// A page at a place.
    public init(offset: Int64, byteCount: Int, checksum: UInt32) {
        self.offset = offset
        self.byteCount = byteCount
        self.checksum = checksum
    }
}

/// Memory and disk that facts take, bytes.
struct FactBytes: Sendable, Equatable {
    var memory = 0
    /// Of facts that are on disk only.
    var paged = 0

    static func - (left: FactBytes, right: FactBytes) -> FactBytes {
        FactBytes(memory: left.memory - right.memory, paged: left.paged - right.paged)
    }

    static func += (left: inout FactBytes, right: FactBytes) {
        left.memory += right.memory
        left.paged += right.paged
    }
}

/// The pages of one shard.
final class ShardPages: Sendable {
    private let pages: any FactPages
    private let wants = Atomic(0)

    init(_ pages: any FactPages) { self.pages = pages }

    /// How often facts were needed that only a page had.
    var wantCount: Int { wants.load(ordering: .relaxed) }

    var areWhole: Bool { pages.isWhole }

    fileprivate func want() { wants.wrappingAdd(1, ordering: .relaxed) }
    fileprivate func read(_ page: FactPage) -> [UInt8]? { pages.read(page) }
    fileprivate func free(_ page: FactPage) { pages.free(page) }
}

/// A block's facts on a page. All copies of the block share it; the last one gives its place up.
///
///     words | replaced times          little-endian, 64 bits each
final class PagedFacts: Sendable {
    private let pages: ShardPages
    private let page: FactPage
    let wordCount: Int
    /// Set by whoever needed the facts while only the page had them.
    private let wanted = Atomic(false)

    init(_ page: FactPage, in pages: ShardPages, wordCount: Int) {
        self.page = page
        self.pages = pages
        self.wordCount = wordCount
    }

    deinit { pages.free(page) }

    /// Memory of one, bytes.
    static let byteCount = 64

    var byteCount: Int { page.byteCount }

    var hasReplaced: Bool { page.byteCount > 8 * wordCount }

    /// Reads the facts; when that fails, zeros in their place, which nobody believes: see
    /// `FactPages.read`.
    func facts() -> (words: [UInt64], replaced: [Int64]) {
        if let bytes = pages.read(page), bytes.count == page.byteCount {
            var words: [UInt64] = []
            words.reserveCapacity(wordCount)
            words.append(littleEndianWords: bytes.raw.extracting(0..<8 * wordCount))
            var replaced: [UInt64] = []
            replaced.append(littleEndianWords: bytes.raw.extracting(8 * wordCount..<bytes.count))
            return (words, replaced.map { Int64(bitPattern: $0) })
        }
        let replacedCount = (page.byteCount - 8 * wordCount) / 8
        return (
            Array(repeating: 0, count: wordCount), Array(repeating: 0, count: replacedCount)
        )
    }

    /// The same for whoever would want them in memory.
    func wantedFacts() -> (words: [UInt64], replaced: [Int64]) {
        wanted.store(true, ordering: .relaxed)
        pages.want()
        return facts()
    }

    /// Whether they were wanted, and nobody took note of that since.
    var isWanted: Bool { wanted.load(ordering: .relaxed) }

    /// The same; it is noted.
    func takeWanted() -> Bool {
        guard isWanted else { return false }
        wanted.store(false, ordering: .relaxed)
        return true
    }
}
