import VarveBytes
import VarveFormats
public import VarveLog
public import VarveSystem

/// Which build of a projection is live, and which others are kept:
///
///     DIR/projections/<name>/CURRENT             {"generation": 3, "previous": 2}
///     DIR/projections/<name>/<generation>/...    what the projection saved
///
/// `CURRENT` is replaced atomically: a swap either happened or did not.
public struct Generation: Sendable, Equatable {
    /// From 1.
    public let number: Int
    /// The generation that was live before; nil for the first.
    public let previous: Int?
    /// The definitions of this generation are those in force at this position; what was not
    /// defined then has its first version.
    public let base: Position

    /// The generation of an empty directory.
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

    /// The live generation of a projection's directory.
    public static func current(_ root: String, _ files: any FileSystem) throws -> Generation {
        let bytes: [UInt8]
        do {
            bytes = try files.contents(of: "\(root)/CURRENT")
        } catch {
            if error.isNotFound { return .first }
            throw error
        }
        let json = try SnapshotError.json(bytes, in: "\(root)/CURRENT")
        guard let number = json["generation"]?.integerValue, number > 0,
            let base = json["base"]?.integerValue, base >= 0
        else {
            throw SnapshotError(
                path: "\(root)/CURRENT", reason: "it names no generation: \(json.text)")
        }
        return Generation(
            number: Int(number), previous: json["previous"]?.integerValue.map { Int($0) },
            base: Position(base))
    }

    /// Makes this generation the live one.
    public func makeCurrent(_ root: String, _ files: any FileSystem) throws {
        let json = JSON.object([
            .init("generation", .integer(Int64(number))),
            .init("previous", previous.map { .integer(Int64($0)) } ?? .null),
            .init("base", .integer(base.value)),
        ])
        try files.createDirectory(root)
        try files.replace("CURRENT", in: root, with: Array(json.pretty.utf8))
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
