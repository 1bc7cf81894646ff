public import VarveBytes

/// Merkle trees exactly as RFC 6962 section 2.1 defines them: a leaf is SHA-256(0x00 || bytes), a
/// node SHA-256(0x01 || left || right), and the left subtree of n leaves holds the largest power
/// of two below n. Leaf hashes stand side by side, 32 bytes each.
public enum MerkleTree {
    /// Bytes of a hash.
    static let size = 32

    /// The root of no leaves: SHA-256 of nothing.
    public static let emptyRoot = SHA256.digest([UInt8]().raw)

    /// Appends the leaf hash of some bytes.
    static func appendLeaf(of bytes: RawSpan, to leaves: inout [UInt8]) {
        SHA256.appendDigest(prefix: 0, bytes, to: &leaves)
    }

    /// The leaf hash of some bytes.
    public static func leaf(of bytes: RawSpan) -> Digest {
        var hash: [UInt8] = []
        appendLeaf(of: bytes, to: &hash)
        return Digest(hash)
    }

    /// The hash of the node above two hashes.
    public static func node(_ left: Digest, _ right: Digest) -> Digest {
        let pair = left.bytes + right.bytes
        var hash: [UInt8] = []
        SHA256.appendDigest(prefix: 1, pair.raw, to: &hash)
        return Digest(hash)
    }

    /// The root over leaf hashes.
    /// - Complexity: one hash for each leaf but one.
    public static func root(_ leaves: [UInt8]) -> Digest { root(leaves, 0..<(leaves.count / size)) }

    /// The root over a range of leaf hashes. A node without a sibling moves up as it is, which
    /// gives the same tree as splitting at powers of two.
    static func root(_ leaves: [UInt8], _ range: Range<Int>) -> Digest {
        if range.isEmpty { return emptyRoot }
        var level = Array(leaves[(range.lowerBound * size)..<(range.upperBound * size)])
        while level.count > size {
            var above: [UInt8] = []
            above.reserveCapacity((level.count / size + 1) / 2 * size)
            var at = 0
            while at + 2 * size <= level.count {
                SHA256.appendDigest(
                    prefix: 1, level.raw.extracting(at..<(at + 2 * size)), to: &above)
                at += 2 * size
            }
            above.append(contentsOf: level[at...])
            level = above
        }
        return Digest(level)
    }

    /// The audit path of a leaf: RFC 6962 section 2.1.1, `PATH(index, leaves)`.
    static func inclusionPath(_ index: Int, _ leaves: [UInt8]) -> [Digest] {
        var range = 0..<(leaves.count / size)
        precondition(range.contains(index), "leaf \(index) of \(range.count)")
        var path: [Digest] = []
        while range.count > 1 {
            let middle = range.lowerBound + split(range.count)
            let (left, right) = (range.lowerBound..<middle, middle..<range.upperBound)
            path.append(root(leaves, index < middle ? right : left))
            range = index < middle ? left : right
        }
        return path.reversed()
    }

    /// The proof that the tree of the first `count` leaves is a part of the whole: RFC 6962
    /// section 2.1.2, `PROOF(count, leaves)`. Empty for all or no leaves.
    static func consistencyPath(from count: Int, _ leaves: [UInt8]) -> [Digest] {
        var range = 0..<(leaves.count / size)
        precondition(count <= range.count, "\(count) of \(range.count) leaves")
        if count == 0 || count == range.count { return [] }
        var path: [Digest] = []
        var isWhole = true
        // The subtree that ends at `count` is known to the verifier only if it is the old tree.
        while range.upperBound != count {
            let middle = range.lowerBound + split(range.count)
            if count <= middle {
                path.append(root(leaves, middle..<range.upperBound))
                range = range.lowerBound..<middle
            } else {
                path.append(root(leaves, range.lowerBound..<middle))
                range = middle..<range.upperBound
                isWhole = false
            }
        }
        if !isWhole { path.append(root(leaves, range)) }
        return path.reversed()
    }

    /// The root that an audit path gives for a leaf; nil when the path has not the length that the
    /// place in the tree asks for. Source: RFC 9162 section 2.1.3.2.
    public static func root(
        fromLeaf leaf: Digest, at index: Int64, of count: Int64, path: [Digest]
    ) -> Digest? {
        guard index >= 0, index < count else { return nil }
        var (position, last) = (index, count - 1)
        var hash = leaf
        for sibling in path {
            if last == 0 { return nil }
            if position & 1 == 1 || position == last {
                hash = node(sibling, hash)
                while position & 1 == 0, position != 0 {
                    position >>= 1
                    last >>= 1
                }
            } else {
                hash = node(hash, sibling)
            }
            position >>= 1
            last >>= 1
        }
        return last == 0 ? hash : nil
    }

    /// Whether a path proves that the tree of `oldCount` leaves is the beginning of the one of
    /// `newCount` leaves. Source: RFC 9162 section 2.1.4.2.
    public static func isConsistent(
        _ oldRoot: Digest, _ oldCount: Int64, with newRoot: Digest, _ newCount: Int64,
        path: [Digest]
    ) -> Bool {
        guard oldCount >= 0, oldCount <= newCount else { return false }
        if oldCount == newCount { return path.isEmpty && oldRoot == newRoot }
        if oldCount == 0 { return path.isEmpty && oldRoot == emptyRoot }
        var path = path[...]
        // An old tree that is a whole subtree is its own first node.
        if oldCount & (oldCount - 1) == 0 { path = ([oldRoot] + path)[...] }
        guard let first = path.popFirst() else { return false }
        var (position, last) = (oldCount - 1, newCount - 1)
        while position & 1 == 1 {
            position >>= 1
            last >>= 1
        }
        var (old, new) = (first, first)
        for sibling in path {
            if last == 0 { return false }
            if position & 1 == 1 || position == last {
                old = node(sibling, old)
                new = node(sibling, new)
                while position & 1 == 0, position != 0 {
                    position >>= 1
                    last >>= 1
                }
            } else {
                new = node(new, sibling)
            }
            position >>= 1
            last >>= 1
        }
        return last == 0 && old == oldRoot && new == newRoot
    }

    /// The largest power of two below `count`, which is at least 2.
    private static func split(_ count: Int) -> Int {
        1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount)
    }
}

/// The roots of the whole subtrees that a growing tree consists of, largest first: enough to add
/// leaves and to give the root at any moment. For 2^k leaves it is one hash.
struct MerkleFrontier: Sendable {
    private(set) var count: Int64 = 0
    private(set) var roots: [Digest] = []

    mutating func append(_ leaf: Digest) {
        var hash = leaf
        var bit = count
        while bit & 1 == 1 {
            hash = MerkleTree.node(roots.removeLast(), hash)
            bit >>= 1
        }
        roots.append(hash)
        count += 1
    }

    /// Adds leaf hashes that stand side by side.
    mutating func append(_ leaves: [UInt8]) {
        for at in stride(from: 0, to: leaves.count, by: MerkleTree.size) {
            append(Digest(Array(leaves[at..<(at + MerkleTree.size)])))
        }
    }

    var root: Digest {
        guard var hash = roots.last else { return MerkleTree.emptyRoot }
        for left in roots.dropLast().reversed() { hash = MerkleTree.node(left, hash) }
        return hash
    }
}
