import VarveFeatures
import VarveFormats

/// What the rows of a spine that is a stream are labelled with: an expression over the record, which
/// says how things turned out. A record tells that some time after the moment that a model would
/// have been asked: T is so much before its event time.
public struct SpineLabel: Sendable, Equatable {
    /// The column that it adds to a spine.
    public static let column = "label"
    /// The column that holds T when there is a delay.
    public static let timeColumn = "_time"

    /// Over the fields of the stream.
    public let expression: String
    /// Microseconds from T to the record's event time.
    public let delay: Int64

    public init(expression: String, delay: Int64) {
        self.expression = expression
        self.delay = delay
    }

    /// - Parameter delay: a text such as `2h`; nil: none.
    /// - Throws: `TrainingError.badSpine`.
    public init(expression: String, delay: String?) throws(TrainingError) {
        var microseconds: Int64 = 0
        if let delay {
            guard let read = DurationText.microseconds(delay) else {
                throw .badSpine("the label's delay is \"\(delay)\", expected \(DurationText.examples)")
            }
            microseconds = read
        }
        self.init(expression: expression, delay: microseconds)
    }

    /// The expression made ready.
    func compiled(over stream: StreamDefinition) throws(TrainingError) -> Expression {
        do {
            return try Expression(parsing: expression, scope: stream.fields)
        } catch {
            throw .badSpine("the label of stream \(stream.name): \(error)")
        }
    }

    /// The label in a manifest.
    var json: JSON {
        .object([
            .init("expression", .string(expression)), .init("delay", .string(DurationText.text(delay))),
        ])
    }

    /// Reads what `json` wrote.
    init?(_ json: JSON) throws(TrainingError) {
        guard let expression = json["expression"]?.stringValue else { return nil }
        try self.init(expression: expression, delay: json["delay"]?.stringValue)
    }
}
