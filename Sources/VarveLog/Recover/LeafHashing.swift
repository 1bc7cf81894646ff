import VarveBytes
import VarveSystem

/// Hashes the frames of a segment while more of it is read: SHA-256 takes as long as reading does.
struct LeafHashing: ~Copyable {
    private let tree: LogTree
    /// Nil where frames are hashed on the spot.
    private let thread: WorkerThread?
    private var group = LogTree.Group(bytes: [], sizes: [], end: 0)

    /// Bytes of frames that are handed over together.
    private static let groupSize = 1 << 20

    /// - Parameter base: the position of the first frame.
    init(base: Int64, isThreaded: Bool) {
        let tree = LogTree(
            summaries: [], base: base, end: base, leaves: [], unsealed: [:],
            isThreaded: isThreaded)
        self.tree = tree
        thread = isThreaded ? WorkerThread(name: "hasher") { tree.run() } : nil
        group.end = base
    }

    deinit {
        tree.stop()
        thread?.join()
    }

    /// Takes in the next frame.
    mutating func add(_ frame: RawSpan, end: Int64) {
        if group.sizes.isEmpty {
            group.bytes.reserveCapacity(max(Self.groupSize, frame.byteCount) + Self.groupSize / 4)
        }
        group.bytes.append(copying: frame)
        group.sizes.append(frame.byteCount)
        group.end = end
        if group.bytes.count >= Self.groupSize { flush() }
    }

    private mutating func flush() {
        var next = LogTree.Group(bytes: [], sizes: [], end: group.end)
        swap(&next, &group)
        group.bytes = tree.add(next)
    }

    /// The leaf hashes of all frames.
    mutating func leaves() -> [UInt8] {
        if !group.sizes.isEmpty { flush() }
        return tree.current(upTo: group.end).openLeaves
    }
}
