// The nodes of all trees lie in one array. The two children of a node are neighbours, the false
// one after the true one, so a step down is "link + (condition ? 0 : 1)", without a branch:
//
//     [ root 0 | true child, false child | true child, false child | ... | root 1 | ... ]
//
// All six comparisons of ONNX become two kinds of node (`Forest.Node.isEquality`): x < t is
// x <= the float below t, the greater ones swap the children, != swaps those of ==. What a missing
// value does is kept through the swaps, so results equal the comparisons as written, NaN included.
//
// A node may have several parents (LightGBM's "category is one of a, b, c" is a chain of == nodes
// with one common true child). It lies beside its sibling of the first parent; the others' places
// hold a jump to it: a node whose comparison always holds, with the common child as true child.

/// The trees of an ensemble, checked and laid out for evaluation.
struct Forest: Sendable {
    /// One node, 12 bytes: a visit touches one cache line, and one bounds check proves it.
    struct Node: Sendable {
        /// Inner: the bound that a feature is compared with. Leaf: its vote, when there is at most
        /// one target.
        var threshold: Float
        /// Inner: index of the true child; the false child follows it. Leaf: `~` the index of its
        /// first vote.
        var link: Int32
        /// Inner: column of the feature. Leaf: 0.
        var feature: UInt16
        /// Inner: compares with == instead of <=.
        var isEquality: Bool
        /// Inner: a missing value (NaN) goes to the true child.
        var missingIsTrue: Bool

        /// A node that every row passes on to the node at `place`.
        static func jump(to place: Int32) -> Node {
            Node(
                threshold: .infinity, link: place, feature: 0, isEquality: false,
                missingIsTrue: true)
        }
    }

    private(set) var nodes: [Node] = []
    /// Index of each tree's root, in the order in which the file names the trees first.
    private(set) var roots: [Int32] = []
    /// Leaf's votes: first index by the leaf's link, as many as `voteEnds` says.
    private(set) var voteEnds: [Int32] = []
    private(set) var voteTargets: [Int32] = []
    private(set) var voteWeights: [Float] = []
    /// Whether every row gets at least one vote for the target: some tree's leaves all vote for it.
    private(set) var isAlwaysVoted: [Bool]
    /// Whether any node compares with == or sends missing values to its true child.
    private(set) var needsFullComparison = false
    /// Columns of the input.
    let width: Int
    /// Classes or targets voted for.
    let targetCount: Int

    /// Checks the tables and lays the trees out.
    ///
    /// Every tree has one root and no cycles, so walking down from a root always ends at a leaf.
    /// - Throws: `.node`.
    init(
        _ tables: TreeTables, width: Int, targetCount: Int, node: NodeReader
    ) throws(ModelError) {
        self.width = width
        self.targetCount = targetCount
        isAlwaysVoted = Array(repeating: false, count: targetCount)
        let shape = try TreeShape(tables, node: node)
        let votes = try Votes(tables, shape: shape, targetCount: targetCount, node: node)
        nodes.reserveCapacity(tables.ids.count)
        for root in shape.roots {
            try lay(root, tables, shape, votes, node)
        }
    }

    /// Appends one tree, breadth first.
    private mutating func lay(
        _ root: Int32, _ tables: TreeTables, _ shape: TreeShape, _ votes: Votes, _ node: NodeReader
    ) throws(ModelError) {
        let base = nodes.count
        var alwaysVoted: Set<Int32>?
        // What comes at `base + i`: the node with this table index, or `~` the place to jump to.
        var order = [root]
        var places: [Int32: Int32] = [root: Int32(base)]
        var next = 0
        while next < order.count {
            let entry = order[next]
            next += 1
            guard entry >= 0 else {
                nodes.append(.jump(to: ~entry))
                needsFullComparison = true
                continue
            }
            let index = Int(entry)
            if tables.modes[index] == .leaf {
                let range = votes.range(of: index)
                let targets = votes.targets[range]
                nodes.append(leaf(votes, range))
                alwaysVoted = alwaysVoted.map { $0.intersection(targets) } ?? Set(targets)
                continue
            }
            let feature = tables.features[index]
            guard feature >= 0, feature < Int64(width) else {
                throw node.failure(
                    "a tree asks for feature \(feature), the input has \(width) columns")
            }
            let inner = Self.inner(
                tables.modes[index], tables.thresholds[index],
                missingIsTrue: tables.missingIsTrue[index])
            nodes.append(
                Node(
                    threshold: inner.threshold, link: Int32(base + order.count),
                    feature: UInt16(feature), isEquality: inner.isEquality,
                    missingIsTrue: inner.missingIsTrue))
            if inner.isEquality || inner.missingIsTrue { needsFullComparison = true }
            let (ifTrue, ifFalse) = shape.children[index]
            for child in inner.isSwapped ? [ifFalse, ifTrue] : [ifTrue, ifFalse] {
                if let place = places[child] {
                    order.append(~place)
                } else {
                    places[child] = Int32(base + order.count)
                    order.append(child)
                }
            }
        }
        roots.append(Int32(base))
        for target in alwaysVoted ?? [] { isAlwaysVoted[Int(target)] = true }
    }

    private mutating func leaf(_ votes: Votes, _ range: Range<Int>) -> Node {
        let start = Int32(voteTargets.count)
        voteTargets.append(contentsOf: votes.targets[range])
        voteWeights.append(contentsOf: votes.weights[range])
        // One entry per vote, and one for a leaf without votes, so that a leaf's link names it.
        let end = Int32(voteTargets.count)
        if range.isEmpty {
            voteTargets.append(0)
            voteWeights.append(0)
        }
        voteEnds.append(contentsOf: repeatElement(end, count: max(range.count, 1)))
        return Node(
            threshold: range.isEmpty ? 0 : votes.weights[range.lowerBound], link: ~start,
            feature: 0, isEquality: false, missingIsTrue: false)
    }

    /// The comparison as one of the two kinds a forest has.
    private static func inner(
        _ mode: TreeTables.Mode, _ threshold: Float, missingIsTrue: Bool
    ) -> (threshold: Float, isEquality: Bool, isSwapped: Bool, missingIsTrue: Bool) {
        // x < -infinity never holds; neither does x <= NaN.
        let below = threshold == -.infinity ? Float.nan : threshold.nextDown
        return switch mode {
        case .lessOrEqual, .leaf: (threshold, false, false, missingIsTrue)
        case .less: (below, false, false, missingIsTrue)
        // A comparison with NaN never holds, so its negation always must.
        case .greater: (threshold.isNaN ? .infinity : threshold, false, true, !missingIsTrue)
        case .greaterOrEqual: (threshold.isNaN ? .infinity : below, false, true, !missingIsTrue)
        case .equal: (threshold, true, false, missingIsTrue)
        // NaN != t holds, so a missing value takes the true branch whatever the attribute says.
        case .notEqual: (threshold, true, true, false)
        }
    }
}

/// Who is whose child in the tables.
private struct TreeShape {
    var children: [(ifTrue: Int32, ifFalse: Int32)] = []
    var roots: [Int32] = []
    var index: [TreeTables.NodeID: Int32] = [:]

    init(_ tables: TreeTables, node: NodeReader) throws(ModelError) {
        let count = tables.ids.count
        index.reserveCapacity(count)
        for (offset, id) in tables.ids.enumerated() {
            guard index.updateValue(Int32(offset), forKey: id) == nil else {
                throw node.failure("tree \(id.tree) has two nodes \(id.node)")
            }
        }
        children = Array(repeating: (-1, -1), count: count)
        var parents = Array(repeating: Int32(0), count: count)
        for (offset, id) in tables.ids.enumerated() where tables.modes[offset] != .leaf {
            let ifTrue = try child(tables.trueIDs[offset], of: id, node)
            let ifFalse = try child(tables.falseIDs[offset], of: id, node)
            children[offset] = (ifTrue, ifFalse)
            parents[Int(ifTrue)] += 1
            parents[Int(ifFalse)] += 1
        }
        try findRoots(tables, parents, node)
        try requireNoCycles(tables, parents, node)
    }

    private func child(
        _ child: Int64, of id: TreeTables.NodeID, _ node: NodeReader
    ) throws(ModelError) -> Int32 {
        guard let target = index[TreeTables.NodeID(tree: id.tree, node: child)] else {
            throw node.failure(
                "tree \(id.tree): node \(id.node) links to node \(child), which is not there")
        }
        return target
    }

    /// Finds the one node without parents of each tree, in the order in which the file first names
    /// the trees: the order in which their votes are summed.
    private mutating func findRoots(
        _ tables: TreeTables, _ parents: [Int32], _ node: NodeReader
    ) throws(ModelError) {
        var rootOf: [Int64: Int32] = [:]
        for (offset, id) in tables.ids.enumerated() where parents[offset] == 0 {
            guard rootOf.updateValue(Int32(offset), forKey: id.tree) == nil else {
                throw node.failure("tree \(id.tree) has more than one root")
            }
        }
        var seen: Set<Int64> = []
        for id in tables.ids where seen.insert(id.tree).inserted {
            guard let root = rootOf[id.tree] else {
                throw node.failure("tree \(id.tree) has no root; its links form a cycle")
            }
            roots.append(root)
        }
    }

    /// Takes nodes away whose parents all are gone; what cannot be taken away is on a cycle or
    /// below one (Kahn, 1962). What is left of a tree with one root is reached from it.
    private func requireNoCycles(
        _ tables: TreeTables, _ parents: [Int32], _ node: NodeReader
    ) throws(ModelError) {
        var waiting = parents
        var ready = roots
        var taken = 0
        while let next = ready.popLast() {
            taken += 1
            guard tables.modes[Int(next)] != .leaf else { continue }
            let (ifTrue, ifFalse) = children[Int(next)]
            for child in [ifTrue, ifFalse] {
                waiting[Int(child)] -= 1
                if waiting[Int(child)] == 0 { ready.append(child) }
            }
        }
        guard taken == tables.ids.count else {
            throw node.failure(
                "the links of \(tables.ids.count - taken) tree nodes form a cycle")
        }
    }
}

/// The leaves' votes, sorted by leaf, in the file's order within each leaf.
private struct Votes {
    var targets: [Int32] = []
    var weights: [Float] = []
    private var starts: [Int32]

    init(
        _ tables: TreeTables, shape: TreeShape, targetCount: Int, node: NodeReader
    ) throws(ModelError) {
        starts = Array(repeating: 0, count: tables.ids.count + 1)
        var leaves: [Int32] = []
        leaves.reserveCapacity(tables.voteLeaves.count)
        try ModelLimits.check(tables.voteLeaves.count, "votes", atMost: ModelLimits.treeNodesMax)
        for (offset, id) in tables.voteLeaves.enumerated() {
            guard let leaf = shape.index[id], tables.modes[Int(leaf)] == .leaf else {
                throw node.failure(
                    "tree \(id.tree): node \(id.node) has a vote, but is not a leaf")
            }
            let target = tables.voteTargets[offset]
            guard target >= 0, target < Int64(targetCount) else {
                throw node.failure(
                    "tree \(id.tree): leaf \(id.node) votes for \(target), expected 0 to "
                        + "\(targetCount - 1)")
            }
            leaves.append(leaf)
            starts[Int(leaf) + 1] += 1
        }
        for leaf in 1..<starts.count { starts[leaf] += starts[leaf - 1] }
        var next = starts
        targets = Array(repeating: 0, count: leaves.count)
        weights = Array(repeating: 0, count: leaves.count)
        for (offset, leaf) in leaves.enumerated() {
            let place = Int(next[Int(leaf)])
            next[Int(leaf)] += 1
            targets[place] = Int32(tables.voteTargets[offset])
            weights[place] = tables.voteWeights[offset]
        }
        for leaf in tables.ids.indices {
            let range = range(of: leaf)
            guard range.count < 2 || Set(targets[range]).count == range.count else {
                let id = tables.ids[leaf]
                throw node.failure(
                    "tree \(id.tree): leaf \(id.node) votes twice for the same target")
            }
        }
    }

    /// Where the votes of the node at `index` of the tables lie.
    func range(of index: Int) -> Range<Int> {
        Int(starts[index])..<Int(starts[index + 1])
    }
}
