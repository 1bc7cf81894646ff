/// What is known about a value of the graph before any row is seen. The first axis always is the
/// batch: operators that would mix rows are refused.
struct BatchType: Sendable, Equatable {
    enum Element: Sendable, Equatable {
        case float32, float64, int64
    }

    enum Layout: Sendable, Equatable {
        /// [N]: one value per row.
        case column
        /// [N, width].
        case matrix(width: Int)
        /// [1, N]: what ArrayFeatureExtractor makes when it looks rows up in a constant.
        case transposedColumn
    }

    var element: Element
    var layout: Layout
    /// For class labels that are texts: the int64 values are indexes into these.
    var labels: [String]?
    /// For scores of a classifier: the class each column stands for.
    var classes: [String]?

    init(_ element: Element, _ layout: Layout, labels: [String]? = nil, classes: [String]? = nil) {
        self.element = element
        self.layout = layout
        self.labels = labels
        self.classes = classes
    }

    /// Values per row.
    var width: Int {
        if case .matrix(let width) = layout { width } else { 1 }
    }
}

extension BatchType: CustomStringConvertible {
    var description: String {
        let kind = labels == nil ? "\(element)" : "string"
        return switch layout {
        case .column: "\(kind) [N]"
        case .matrix(let width): "\(kind) [N, \(width)]"
        case .transposedColumn: "\(kind) [1, N]"
        }
    }
}

/// The values of one graph value for a batch of rows, row-major.
enum Batch: Sendable {
    case float32([Float])
    case float64([Double])
    case int64([Int64])

    static let empty = Batch.int64([])

    /// The values of a batch planned as float32; the plan checked the types.
    var floats: [Float] {
        guard case .float32(let values) = self else {
            preconditionFailure("a batch planned as float32 is \(self)")
        }
        return values
    }

    /// The values of a batch planned as float64.
    var doubles: [Double] {
        guard case .float64(let values) = self else {
            preconditionFailure("a batch planned as float64 is \(self)")
        }
        return values
    }

    /// The values of a batch planned as int64.
    var integers: [Int64] {
        guard case .int64(let values) = self else {
            preconditionFailure("a batch planned as int64 is \(self)")
        }
        return values
    }
}

/// An operator with its constants, ready to be applied to batches.
///
/// Each row's results depend on that row only, and are computed in an order that does not depend
/// on the number of rows: the same bits for a batch of one and of a thousand.
protocol Operation: Sendable {
    /// Applies the operator to `rows` rows; inputs and outputs are as planned.
    func evaluate(_ inputs: [Batch], rows: Int) throws(ModelError) -> [Batch]
}
