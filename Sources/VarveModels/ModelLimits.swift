/// What a model may ask for at most. Everything a file declares is checked against these before
/// anything is allocated for it; tables the file holds are bounded by the file's own size.
enum ModelLimits {
    /// Bytes of a model file: ten times the largest tabular model met.
    static let fileBytesMax = 256 << 20
    /// Nodes of the graph (not of its trees).
    static let graphNodesMax = 10_000
    /// Initializers, and constants made by nodes.
    static let constantsMax = 20_000
    /// Inputs, outputs or attributes of one node, inputs or outputs of the graph, operator sets.
    static let listMax = 4_096
    /// Axes of a constant tensor.
    static let axesMax = 8
    /// Columns of any value, classes of a classifier, targets of a regressor.
    static let widthMax = 65_536
    /// Cells (rows x columns) of any value while a batch is evaluated.
    static let cellsMax = 1 << 30
    /// Nodes of all trees of one ensemble; links between them are 31 bits wide.
    static let treeNodesMax = 1 << 28

    static func check(_ value: Int, _ what: String, atMost limit: Int) throws(ModelError) {
        guard value <= limit else { throw .limit(what, value: value, limit: limit) }
    }
}
