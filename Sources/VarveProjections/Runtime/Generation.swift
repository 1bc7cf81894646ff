public import VarveBytes
public import VarveFormats
public import VarveLog

/// Which build of a projection is live. A swap is a record of the log, as everything is: deleting
/// the projections' files changes no answer.
///
///     varve.catalog:  {"kind": "generation", "projection": "online", "generation": 3,
///                      "previous": 2, "base": 41003}
///     DIR/projections/<name>/<generation>/...    what the projection saved
public struct Generation: Sendable, Equatable {
    /// From 1.
    public let number: Int
    /// The generation that was live before; nil for the first.
    public let previous: Int?
    /// The definitions of this generation are those in force at this position; what was not
    /// defined then has its first version.
    public let base: Position

    /// What is live before any swap.
    public static let first = Generation(number: 1, previous: nil, base: Position(0))

    public init(number: Int, previous: Int?, base: Position) {
        self.number = number
        self.previous = previous
        self.base = base
    }

    /// The generation that a rebuild makes.
    public func next(base: Position) -> Generation {
        Generation(number: number + 1, previous: number, base: base)
    }

    /// Where a generation's files are.
    public func directory(_ root: String) -> String { "\(root)/\(number)" }

    /// The record that makes this generation of a projection the live one.
    public func record(of projection: String, time: Timestamp) -> Record {
        let json = JSON.object([
            .init("kind", "generation"), .init("projection", .string(projection)),
            .init("generation", .integer(Int64(number))),
            .init("previous", previous.map { .integer(Int64($0)) } ?? .null),
            .init("base", .integer(base.value)),
        ])
        return Record(
            key: Array("generation/\(projection)".utf8), value: Array(json.text.utf8),
            timestamp: time.microseconds.flooredDivision(by: 1000).quotient)
    }

    /// Reads what `record` wrote; nil when it is something else.
    init?(_ json: JSON) {
        guard let number = json["generation"]?.integerValue, number > 0,
            let base = json["base"]?.integerValue, base >= 0
        else { return nil }
        self.number = Int(number)
        previous = json["previous"]?.integerValue.map { Int($0) }
        self.base = Position(base)
    }
}

/// A projection's file that is not what it should be. Projections can be deleted: the next start
/// folds them from the log.
public struct SnapshotError: Error, Sendable, Equatable, CustomStringConvertible {
    public let path: String
    public let reason: String

    init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    /// A file's bytes as a JSON document.
    static func json(_ bytes: [UInt8], in path: String) throws(SnapshotError) -> JSON {
        do {
            return try JSON(parsing: bytes.raw)
        } catch {
            throw SnapshotError(path: path, reason: "it is not JSON (\(error))")
        }
    }

    public var description: String {
        "\(path): \(reason); delete it and restart to fold the projection from the log"
    }
}
