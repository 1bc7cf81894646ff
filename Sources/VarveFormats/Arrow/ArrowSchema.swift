import VarveBytes

/// The numbers of Arrow's metadata: Message.fbs, Schema.fbs and File.fbs of format version V5.
enum ArrowFormat {
    static let version: Int16 = 4
    static let magic = Array("ARROW1".utf8)
    static let continuation: UInt32 = 0xFFFF_FFFF

    // Message.header
    static let schemaHeader: UInt8 = 1
    static let dictionaryHeader: UInt8 = 2
    static let batchHeader: UInt8 = 3

    // Field.type
    static let intType: UInt8 = 2
    static let floatType: UInt8 = 3
    static let utf8Type: UInt8 = 5
    static let boolType: UInt8 = 6
    static let timestampType: UInt8 = 10
    static let largeUTF8Type: UInt8 = 20
    /// The names of all types in the order of their numbers, for messages.
    static let typeNames = [
        "none", "null", "int", "floating point", "binary", "utf8", "bool", "decimal", "date",
        "time", "timestamp", "interval", "list", "struct", "union", "fixed size binary",
        "fixed size list", "map", "duration", "large binary", "large utf8", "large list",
        "run end encoded", "binary view", "utf8 view", "list view", "large list view",
    ]

    /// The most columns a schema may have.
    static let columnLimit = 16_384
    /// The most bytes of names, keys and values a schema may have: they may share bytes, so that a
    /// small schema could stand for many.
    static let schemaTextLimit = 16 << 20
    /// The most bytes that the compressed body of one record batch may expand to.
    static let expandedBodyLimit = 1 << 30
    /// The most bytes of text in one record batch, unless a single row has more.
    static let batchTextLimit = 1 << 30
}

/// How the cells of a column lie in a record batch, of all layouts that are read.
enum ArrowLayout: Sendable, Equatable {
    case bool
    case integer(bits: Int, isSigned: Bool)
    case float(bits: Int)
    /// Offsets of 4 bytes, or of 8 when large.
    case utf8(isLarge: Bool)
    case timestamp(ArrowTimeUnit)

    /// The column type that holds such cells.
    var columnType: ColumnType {
        switch self {
        case .bool: .bool
        case .integer: .int64
        case .float: .float64
        case .utf8: .string
        case .timestamp: .timestamp
        }
    }

    /// Buffers of a column in a record batch, its validity included.
    var bufferCount: Int {
        if case .utf8 = self { 3 } else { 2 }
    }
}

/// The unit of a timestamp column.
enum ArrowTimeUnit: Int16, Sendable {
    case second, millisecond, microsecond, nanosecond
}

extension FlatTable {
    /// The schema of a table. Every field may be null; timestamps are microseconds in UTC.
    static func schema(_ table: Table) -> FlatTable {
        FlatTable([
            (0, .int16(0)),
            (1, .tables(table.columns.map { field($0) })),
            (
                2,
                .tables(
                    table.metadata.map { FlatTable([(0, .text($0.key)), (1, .text($0.value))]) })
            ),
        ])
    }

    private static func field(_ column: Column) -> FlatTable {
        let (number, parameters): (UInt8, FlatTable) =
            switch column.type {
            case .bool: (ArrowFormat.boolType, FlatTable([]))
            case .int64: (ArrowFormat.intType, FlatTable([(0, .int32(64)), (1, .bool(true))]))
            case .float64: (ArrowFormat.floatType, FlatTable([(0, .int16(2))]))
            case .string: (ArrowFormat.utf8Type, FlatTable([]))
            case .timestamp:
                (
                    ArrowFormat.timestampType,
                    FlatTable([
                        (0, .int16(ArrowTimeUnit.microsecond.rawValue)), (1, .text("UTC")),
                    ])
                )
            }
        return FlatTable([
            (0, .text(column.name)), (1, .bool(true)), (2, .uint8(number)),
            (3, .table(parameters)), (5, .tables([])),
        ])
    }
}

/// A schema as it was read.
struct ArrowSchema: Sendable {
    var fields: [(name: String, layout: ArrowLayout)] = []
    var metadata: [(key: String, value: String)] = []

    init(reading schema: borrowing FlatTableView) throws(ArrowError) {
        guard try schema.integer(0, default: Int16(0)) == 0 else {
            throw .unsupported("big-endian Arrow data, expected little-endian")
        }
        let count = try schema.tableCount(1)
        guard count <= ArrowFormat.columnLimit else {
            throw .unsupported("\(count) columns, expected at most \(ArrowFormat.columnLimit)")
        }
        var names: Set<String> = []
        var textLeft = ArrowFormat.schemaTextLimit
        func counted(_ text: String?) throws(ArrowError) -> String {
            let text = text ?? ""
            textLeft -= text.utf8.count
            guard textLeft >= 0 else {
                throw .unsupported(
                    "a schema of more than \(ArrowFormat.schemaTextLimit) bytes of text")
            }
            return text
        }
        for index in 0..<count {
            let field = try schema.table(1, at: index)
            let name = try counted(try field.text(0))
            guard names.insert(name).inserted else {
                throw .unsupported("two columns are named \(name), expected different names")
            }
            fields.append((name, try Self.layout(of: name, field)))
        }
        for index in 0..<(try schema.tableCount(2)) {
            let pair = try schema.table(2, at: index)
            metadata.append((try counted(try pair.text(0)), try counted(try pair.text(1))))
        }
    }

    private static func layout(
        of name: String, _ field: borrowing FlatTableView
    ) throws(ArrowError) -> ArrowLayout {
        let expected = "expected bool, an integer, float32, float64, string or timestamp"
        if try field.has(4) {
            throw .unsupported(
                "column \(name) is dictionary encoded, \(expected): cast it to string")
        }
        let number = try field.integer(2, default: UInt8(0))
        switch number {
        case ArrowFormat.boolType: return .bool
        case ArrowFormat.utf8Type: return .utf8(isLarge: false)
        case ArrowFormat.largeUTF8Type: return .utf8(isLarge: true)
        case ArrowFormat.intType:
            let type = try field.table(3, "type of column \(name)")
            let bits = Int(try type.integer(0, default: Int32(0)))
            guard [8, 16, 32, 64].contains(bits) else {
                throw .unsupported("column \(name) holds integers of \(bits) bits, \(expected)")
            }
            return .integer(bits: bits, isSigned: try type.integer(1, default: UInt8(0)) != 0)
        case ArrowFormat.floatType:
            switch try field.table(3, "type of column \(name)").integer(0, default: Int16(0)) {
            case 1: return .float(bits: 32)
            case 2: return .float(bits: 64)
            default: throw .unsupported("column \(name) holds float16, \(expected)")
            }
        case ArrowFormat.timestampType:
            let type = try field.table(3, "type of column \(name)")
            guard let unit = ArrowTimeUnit(rawValue: try type.integer(0, default: 0)) else {
                throw .unsupported("column \(name) holds timestamps of an unknown unit")
            }
            guard let zone = try type.text(1), !zone.isEmpty else {
                throw .unsupported(
                    "column \(name) holds times without a zone, expected timestamps with one: "
                        + "say which zone they are in (pandas: dt.tz_localize)")
            }
            return .timestamp(unit)
        default:
            let names = ArrowFormat.typeNames
            let type = Int(number) < names.count ? names[Int(number)] : "type \(number)"
            throw .unsupported("column \(name) holds \(type), \(expected)")
        }
    }
}
