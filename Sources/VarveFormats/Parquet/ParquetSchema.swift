/// One column as a file describes it, and how its values become cells.
struct ParquetLeaf {
    /// How the bits of a value become those of a cell.
    enum Kind: Equatable {
        case bool
        /// 32 bits, signed or not; or 64 of them.
        case integer32(isSigned: Bool)
        case integer64(isSigned: Bool)
        case float32, float64
        case text
        case time(unitsPerSecond: Int64)
        /// Nanoseconds of a day and its Julian number: what Spark writes unless told otherwise.
        case time96
        /// Days since 1970; read as their first moment in UTC.
        case date
    }

    let name: String
    let kind: Kind
    let isOptional: Bool

    var columnType: ColumnType {
        switch kind {
        case .bool: .bool
        case .integer32, .integer64: .int64
        case .float32, .float64: .float64
        case .text: .string
        case .time, .time96, .date: .timestamp
        }
    }
}

/// The columns of a file, in order, each read as something or refused with a reason.
struct ParquetSchema {
    /// By number of the leaf: its name at the top of the tree, and what it is.
    private(set) var leaves: [(name: String, leaf: Result<ParquetLeaf, ParquetError>)] = []

    init(_ elements: [ParquetSchemaElement], zonelessTimesAreUTC: Bool) throws(ParquetError) {
        guard let root = elements.first, root.physical == nil else {
            throw .malformed(at: 0, reason: "a schema without a root")
        }
        var index = 1
        for _ in 0..<max(0, root.childCount) {
            guard index < elements.count else {
                throw .malformed(
                    at: 0, reason: "a schema of \(elements.count) elements ends early")
            }
            let element = elements[index]
            if element.physical != nil {
                leaves.append(
                    (
                        element.name,
                        Self.leaf(element, zonelessTimesAreUTC: zonelessTimesAreUTC)
                    ))
                index += 1
                continue
            }
            // A group: all leaves below it are refused under its name.
            var left = 1
            while left > 0, index < elements.count {
                left += Int(clamping: elements[index].childCount) - 1
                guard left <= elements.count else {
                    throw .malformed(at: 0, reason: "a group of more elements than there are")
                }
                if elements[index].physical != nil {
                    leaves.append((element.name, .failure(Self.nested(element.name))))
                }
                index += 1
            }
        }
        guard index == elements.count else {
            throw .malformed(at: 0, reason: "\(elements.count - index) schema elements too many")
        }
    }

    private static func nested(_ name: String) -> ParquetError {
        .unsupported(
            "column \(name) holds lists or structs, expected a flat column: "
                + "flatten or drop it first")
    }

    private static func leaf(
        _ element: ParquetSchemaElement, zonelessTimesAreUTC: Bool
    ) -> Result<ParquetLeaf, ParquetError> {
        func refuse(_ what: String, _ advice: String) -> Result<ParquetLeaf, ParquetError> {
            .failure(
                .unsupported("column \(element.name) holds \(what), expected \(advice)"))
        }
        func accept(_ kind: ParquetLeaf.Kind) -> Result<ParquetLeaf, ParquetError> {
            .success(
                ParquetLeaf(
                    name: element.name, kind: kind, isOptional: element.repetition == 1))
        }
        if element.repetition > 1 { return .failure(nested(element.name)) }
        switch (element.physical, element.meaning) {
        case (.bool, nil): return accept(.bool)
        case (.int32, nil): return accept(.integer32(isSigned: true))
        case (.int32, .integer(_, let isSigned)?):
            return accept(.integer32(isSigned: isSigned))
        case (.int32, .date?): return accept(.date)
        case (.int64, nil): return accept(.integer64(isSigned: true))
        case (.int64, .integer(_, let isSigned)?):
            return accept(.integer64(isSigned: isSigned))
        case (.int64, .timestamp(let isUTC, let unitsPerSecond)?):
            guard isUTC || zonelessTimesAreUTC else {
                return refuse(
                    "times without a zone",
                    "UTC ones, such as pandas' tz_localize(\"UTC\") or DuckDB's TIMESTAMPTZ give")
            }
            return accept(.time(unitsPerSecond: unitsPerSecond))
        case (.int96, _): return accept(.time96)
        case (.float, nil): return accept(.float32)
        case (.double, nil): return accept(.float64)
        case (.bytes, .string?), (.bytes, .enumeration?), (.bytes, .json?):
            return accept(.text)
        case (.bytes, nil): return refuse("bytes", "texts: cast it to string")
        // A column of pyarrow without a single value.
        case (.int32, .other(11)?): return accept(.integer32(isSigned: true))
        default:
            return refuse(
                "values of a type that Varve has no column for (decimal, time of day, uuid, ...)",
                "bool, integer, float, string or timestamp: cast it")
        }
    }
}

extension ParquetSchemaElement {
    /// The logical type, from its new or old name; nil for a plain value.
    fileprivate var meaning: ParquetLogical? {
        if let logical { return logical }
        guard let converted else { return nil }
        switch ParquetFormat.Converted(rawValue: converted) {
        case .utf8: return .string
        case .enumeration: return .enumeration
        case .json: return .json
        case .date: return .date
        case .timestampMillis: return .timestamp(isUTC: true, unitsPerSecond: 1000)
        case .timestampMicros: return .timestamp(isUTC: true, unitsPerSecond: 1_000_000)
        case .uint8, .uint16, .uint32: return .integer(bits: 32, isSigned: false)
        case .uint64: return .integer(bits: 64, isSigned: false)
        case .int8, .int16, .int32: return .integer(bits: 32, isSigned: true)
        case .int64: return .integer(bits: 64, isSigned: true)
        case nil: return .other(converted)
        }
    }
}
