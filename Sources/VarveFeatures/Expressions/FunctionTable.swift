/// The functions of expressions: one table that the parser, the checker and the documentation read.
enum FunctionTable {
    /// One way to call a function.
    struct Overload {
        let parameters: [ValueType]
        /// What trailing parameters are when they are left out.
        var defaults: [Int64] = []
        let result: ValueType
        let operation: Operation
    }

    /// How arguments become a result.
    enum Shape {
        /// By the first overload that fits, integers becoming float64 where none does without.
        case overloads([Overload])
        /// `if`: a boolean, and two values of one type.
        case choice
        /// `coalesce`: two or more values of one type.
        case firstPresent
        /// `min` and `max`: two or more values of one ordered type.
        case extreme(ints: Operation, floats: Operation, texts: Operation)
        /// `concat`: two or more strings.
        case joined
    }

    struct Entry {
        let name: String
        var aliases: [String] = []
        /// Names of the parameters, for messages and documentation.
        let parameters: String
        let summary: String
        let shape: Shape
    }

    private static func numeric(
        _ name: String, _ operation: Operation, _ summary: String, aliases: [String] = []
    ) -> Entry {
        Entry(
            name: name, aliases: aliases, parameters: "x", summary: summary,
            shape: .overloads([
                Overload(parameters: [.float64], result: .float64, operation: operation)
            ]))
    }

    private static func numeric(
        _ name: String, _ ints: Operation, _ floats: Operation, floatResult: ValueType,
        _ summary: String
    ) -> Entry {
        Entry(
            name: name, parameters: "x", summary: summary,
            shape: .overloads([
                Overload(parameters: [.int64], result: .int64, operation: ints),
                Overload(parameters: [.float64], result: floatResult, operation: floats),
            ]))
    }

    private static func text(
        _ name: String, _ parameters: String, _ count: Int, _ result: ValueType,
        _ operation: Operation, _ summary: String
    ) -> Entry {
        Entry(
            name: name, parameters: parameters, summary: summary,
            shape: .overloads([
                Overload(
                    parameters: [ValueType](repeating: .string, count: count), result: result,
                    operation: operation)
            ]))
    }

    private static func time(_ name: String, _ operation: Operation, _ summary: String) -> Entry {
        Entry(
            name: name, parameters: "t, offset", summary: summary,
            shape: .overloads([
                Overload(
                    parameters: [.timestamp, .int64], defaults: [0], result: .int64,
                    operation: operation)
            ]))
    }

    private static func conversion(
        _ name: String, _ result: ValueType, _ operations: [(ValueType, Operation)],
        _ summary: String
    ) -> Entry {
        Entry(
            name: name, parameters: "x", summary: summary,
            shape: .overloads(
                operations.map {
                    Overload(parameters: [$0.0], result: result, operation: $0.1)
                }))
    }

    /// Every function, in the order of the documentation.
    static let entries: [Entry] = [
        Entry(
            name: "if", parameters: "condition, a, b",
            summary: "a where the condition is true, b where it is false or null", shape: .choice),
        Entry(
            name: "coalesce", aliases: ["ifnull"], parameters: "a, b, ...",
            summary: "the first argument that is not null", shape: .firstPresent),
        Entry(
            name: "min", aliases: ["least"], parameters: "a, b, ...",
            summary: "the least argument; null if one is null",
            shape: .extreme(ints: .minInt, floats: .minFloat, texts: .minText)),
        Entry(
            name: "max", aliases: ["greatest"], parameters: "a, b, ...",
            summary: "the greatest argument; null if one is null",
            shape: .extreme(ints: .maxInt, floats: .maxFloat, texts: .maxText)),

        numeric("abs", .absInt, .absFloat, floatResult: .float64, "the absolute value"),
        numeric("sign", .signInt, .signFloat, floatResult: .int64, "-1, 0 or 1"),
        numeric("floor", .floorFloat, "the greatest whole number not above x"),
        numeric("ceil", .ceilFloat, "the least whole number not below x", aliases: ["ceiling"]),
        numeric("round", .roundFloat, "the nearest whole number, halves away from zero"),
        Entry(
            name: "div", parameters: "a, b",
            summary: "the integer quotient, rounded towards zero; a = div(a, b) * b + a % b",
            shape: .overloads([
                Overload(parameters: [.int64, .int64], result: .int64, operation: .divideInt)
            ])),
        numeric("sqrt", .sqrt, "the square root; null below 0"),
        numeric("exp", .exp, "e to the power x"),
        numeric("log", .log, "the natural logarithm; null unless x > 0", aliases: ["ln"]),
        numeric("log2", .log2, "the logarithm to base 2; null unless x > 0"),
        numeric("log10", .log10, "the logarithm to base 10; null unless x > 0"),
        numeric("log1p", .log1p, "log(1 + x), exact near 0; null unless x > -1"),
        Entry(
            name: "pow", aliases: ["power"], parameters: "x, y",
            summary: "x to the power y; null for a negative x and a fractional y",
            shape: .overloads([
                Overload(parameters: [.float64, .float64], result: .float64, operation: .pow)
            ])),

        text("lower", "s", 1, .string, .lower, "A to Z in lower case; other letters stay"),
        text("upper", "s", 1, .string, .upper, "a to z in upper case; other letters stay"),
        text("trim", "s", 1, .string, .trim, "without spaces, tabs and line ends at both ends"),
        text("length", "s", 1, .int64, .length, "the number of Unicode scalars"),
        Entry(
            name: "concat", parameters: "a, b, ...", summary: "all texts after each other",
            shape: .joined),
        Entry(
            name: "substring", aliases: ["substr"], parameters: "s, start, count",
            summary: "up to count Unicode scalars from start on, the first being 1; without a "
                + "count to the end; null for a start below 1 or a negative count",
            shape: .overloads([
                Overload(
                    parameters: [.string, .int64, .int64], defaults: [.max], result: .string,
                    operation: .substring)
            ])),
        text("starts_with", "s, part", 2, .bool, .startsWith, "whether s begins with part"),
        text("ends_with", "s, part", 2, .bool, .endsWith, "whether s ends with part"),
        text("contains", "s, part", 2, .bool, .contains, "whether part occurs in s"),
        text(
            "replace", "s, part, other", 3, .string, .replace,
            "s with every occurrence of part replaced by other"),

        time("year", .year, "the year"),
        time("month", .month, "the month, 1 to 12"),
        time("day", .day, "the day of the month, 1 to 31"),
        time("day_of_week", .dayOfWeek, "1 for Monday to 7 for Sunday"),
        time("hour", .hour, "the hour, 0 to 23"),
        time("minute", .minute, "the minute, 0 to 59"),
        Entry(
            name: "epoch_seconds", parameters: "t",
            summary: "whole seconds since 1970-01-01T00:00:00Z, rounded down",
            shape: .overloads([
                Overload(parameters: [.timestamp], result: .int64, operation: .epochSeconds)
            ])),

        conversion(
            "to_int", .int64,
            [(.bool, .boolToInt), (.float64, .floatToInt), (.string, .textToInt)],
            "as int64: floats rounded towards zero, true as 1, decimal text; else null"),
        conversion(
            "to_float", .float64, [(.int64, .intToFloat), (.string, .textToFloat)],
            "as float64: the nearest one; decimal text; else null"),
        conversion(
            "to_string", .string,
            [
                (.bool, .boolToText), (.int64, .intToText), (.float64, .floatToText),
                (.timestamp, .timeToText),
            ], "as text: floats in the shortest form that reads back, timestamps as RFC 3339"),
        conversion(
            "to_timestamp", .timestamp, [(.string, .textToTime), (.int64, .intToTime)],
            "as timestamp: RFC 3339 text with a zone, or microseconds since 1970 UTC; else null"),
    ]

    private static let byName: [String: Entry] = Dictionary(
        uniqueKeysWithValues: entries.flatMap { entry in
            ([entry.name] + entry.aliases).map { ($0, entry) }
        })

    /// Every canonical name.
    static let names = entries.map(\.name)

    static func entry(_ canonicalName: String) -> Entry? { byName[canonicalName] }

    /// The canonical name of a function, written in any case or under an alias.
    static func canonicalName(_ name: String) -> String? { byName[name.lowercased()]?.name }
}

extension FunctionTable.Entry {
    /// `hour(t [, offset])`, as messages and documentation write it.
    var signature: String {
        guard case .overloads(let overloads) = shape, let first = overloads.first,
            !first.defaults.isEmpty, let comma = parameters.lastIndex(of: ",")
        else { return "\(name)(\(parameters))" }
        return "\(name)(\(parameters[..<comma]) [\(parameters[comma...])])"
    }

    /// The types that go in and come out, a way to call it for each line.
    var types: [String] {
        switch shape {
        case .overloads(let overloads):
            overloads.map { overload in
                let names = overload.parameters.map(\.rawValue).joined(separator: ", ")
                return "(\(names)) -> \(overload.result.rawValue)"
            }
        case .choice: ["(bool, T, T) -> T"]
        case .firstPresent: ["(T, T, ...) -> T"]
        case .extreme: ["(T, T, ...) -> T, T being a number, string or timestamp"]
        case .joined: ["(string, string, ...) -> string"]
        }
    }
}
