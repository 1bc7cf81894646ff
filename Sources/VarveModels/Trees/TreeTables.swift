/// The tables an ONNX tree ensemble is written as: parallel lists, one entry per node, and one
/// entry per vote of a leaf for a class or target. They come from outside, so `Forest` trusts
/// nothing in them but what is checked here: that the lists are equally long.
///
/// Source: TreeEnsembleClassifier and TreeEnsembleRegressor, versions 1 and 3, in
/// https://github.com/onnx/onnx/blob/main/docs/Operators-ml.md
struct TreeTables {
    /// What a node does with its feature and threshold.
    enum Mode {
        case lessOrEqual, less, greaterOrEqual, greater, equal, notEqual, leaf

        init?(_ name: String) {
            switch name {
            case "BRANCH_LEQ": self = .lessOrEqual
            case "BRANCH_LT": self = .less
            case "BRANCH_GTE": self = .greaterOrEqual
            case "BRANCH_GT": self = .greater
            case "BRANCH_EQ": self = .equal
            case "BRANCH_NEQ": self = .notEqual
            case "LEAF": self = .leaf
            default: return nil
            }
        }
    }

    /// A node's name: ids are unique within a tree.
    struct NodeID: Hashable {
        var tree: Int64
        var node: Int64
    }

    var ids: [NodeID] = []
    var modes: [Mode] = []
    var features: [Int64] = []
    var thresholds: [Float] = []
    var trueIDs: [Int64] = []
    var falseIDs: [Int64] = []
    /// Whether a missing value (NaN) takes the true branch.
    var missingIsTrue: [Bool] = []

    var voteLeaves: [NodeID] = []
    var voteTargets: [Int64] = []
    var voteWeights: [Float] = []

    /// Reads the node tables, and the votes under `votes` ("class" or "target").
    /// - Throws: `.attribute`, `.node`, `.limit`.
    init(_ node: inout NodeReader, votes: String) throws(ModelError) {
        node.ignore("nodes_hitrates", "nodes_hitrates_as_tensor")
        let names = try node.strings("nodes_modes")
        let count = names.count
        guard count > 0 else { throw node.failure("nodes_modes", "is missing or empty") }
        try ModelLimits.check(count, "tree nodes", atMost: ModelLimits.treeNodesMax)
        for name in names {
            guard let mode = Mode(name) else {
                throw node.failure(
                    "nodes_modes",
                    "holds \"\(name)\", expected BRANCH_LEQ, BRANCH_LT, "
                        + "BRANCH_GTE, BRANCH_GT, BRANCH_EQ, BRANCH_NEQ or LEAF")
            }
            modes.append(mode)
        }
        let trees = try Self.ints("nodes_treeids", count, &node)
        let nodes = try Self.ints("nodes_nodeids", count, &node)
        ids = zip(trees, nodes).map { NodeID(tree: $0, node: $1) }
        features = try Self.ints("nodes_featureids", count, &node)
        trueIDs = try Self.ints("nodes_truenodeids", count, &node)
        falseIDs = try Self.ints("nodes_falsenodeids", count, &node)
        thresholds = try node.floatsOrTensor("nodes_values")
        try Self.require(thresholds.count, count, "nodes_values", node)
        let missing = try node.ints("nodes_missing_value_tracks_true")
        if !missing.isEmpty {
            try Self.require(missing.count, count, "nodes_missing_value_tracks_true", node)
        }
        missingIsTrue =
            missing.isEmpty ? Array(repeating: false, count: count) : missing.map { $0 != 0 }

        voteTargets = try node.ints("\(votes)_ids")
        let voteCount = voteTargets.count
        let voteTrees = try Self.ints("\(votes)_treeids", voteCount, &node)
        let voteNodes = try Self.ints("\(votes)_nodeids", voteCount, &node)
        voteLeaves = zip(voteTrees, voteNodes).map { NodeID(tree: $0, node: $1) }
        voteWeights = try node.floatsOrTensor("\(votes)_weights")
        try Self.require(voteWeights.count, voteCount, "\(votes)_weights", node)
    }

    private static func ints(
        _ name: String, _ count: Int, _ node: inout NodeReader
    ) throws(ModelError) -> [Int64] {
        let values = try node.ints(name)
        try require(values.count, count, name, node)
        return values
    }

    private static func require(
        _ found: Int, _ expected: Int, _ name: String, _ node: NodeReader
    ) throws(ModelError) {
        guard found == expected else {
            throw node.failure(name, "has \(found) entries, expected \(expected)")
        }
    }
}
