import Testing
import VarveBytes
import VarveFeatures

/// A field of each type with a value, and one of each that is null.
enum Row {
    static let fields: [(Field, Value)] = [
        (Field(name: "i", type: .int64), .int64(7)),
        (Field(name: "f", type: .float64), .float64(2.5)),
        (Field(name: "s", type: .string), .string("Oslo Gårdermoen")),
        (Field(name: "b", type: .bool), .bool(true)),
        // A Sunday.
        (Field(name: "t", type: .timestamp), .timestamp(time("2013-03-10T07:30:15.25Z"))),
        (Field(name: "ni", type: .int64, isNullable: true), .null),
        (Field(name: "nf", type: .float64, isNullable: true), .null),
        (Field(name: "ns", type: .string, isNullable: true), .null),
        (Field(name: "nb", type: .bool, isNullable: true), .null),
        (Field(name: "nt", type: .timestamp, isNullable: true), .null),
        (Field(name: "big", type: .int64), .int64(.max)),
        (Field(name: "huge", type: .float64), .float64(1e308)),
        (Field(name: "in", type: .int64), .int64(3)),
        (Field(name: "weather.visibility", type: .float64), .float64(9)),
    ]
    static let scope = fields.map(\.0)
    static let values = fields.map(\.1)

    static func time(_ text: String) -> Timestamp { Timestamp(parsing: text) ?? .distantPast }

    static func evaluate(_ text: String) throws -> Value {
        try Expression(parsing: text, scope: scope).evaluate(values)
    }
}

struct ExpressionTests {
    @Test(
        "expressions have their values",
        arguments: [
            // Literals and fields.
            ("12", .int64(12)), ("-12", .int64(-12)), ("1.5", .float64(1.5)),
            ("2e-3", .float64(0.002)),
            ("-9223372036854775808", .int64(.min)), ("'it''s'", .string("it's")),
            (#""say ""x""""#, .string(#"say "x""#)), ("TRUE", .bool(true)), ("false", .bool(false)),
            ("90s", .int64(90_000_000)), ("2w", .int64(1_209_600_000_000)),
            ("-5h", .int64(-18_000_000_000)),
            ("500ms", .int64(500_000)), ("i", .int64(7)), ("`in`", .int64(3)), ("nf", .null),
            ("weather.visibility", .float64(9)), ("''", .string("")),
            // Arithmetic.
            ("i + 1", .int64(8)), ("i - 10", .int64(-3)), ("i * f", .float64(17.5)),
            ("i / 2", .float64(3.5)),
            ("i % 4", .int64(3)), ("-i % 4", .int64(-3)), ("f % 2", .float64(0.5)),
            ("div(i, 2)", .int64(3)),
            ("div(-i, 2)", .int64(-3)), ("-i", .int64(-7)), ("--i", .int64(7)),
            ("1 + 2 * 3", .int64(7)),
            ("(1 + 2) * 3", .int64(9)), ("10 - 4 - 3", .int64(3)), ("8 / 4 / 2", .float64(1)),
            ("2 * -3", .int64(-6)), ("i + nf", .null), ("1 / 0", .null), ("i % 0", .null),
            ("div(i, 0)", .null),
            ("big + 1", .null), ("-big - 2", .null), ("big * 2", .null), ("huge * 10", .null),
            ("1 / (huge * 10)", .null), ("0.0 / 0", .null),
            ("div(-9223372036854775808, -1)", .null),
            ("-9223372036854775808 % -1", .int64(0)), ("abs(-9223372036854775808)", .null),
            ("--9223372036854775808", .null), ("big + 0.0", .float64(9.223372036854775807e18)),
            // Comparison and logic.
            ("i > 6", .bool(true)), ("i >= 7.0", .bool(true)), ("i < 7", .bool(false)),
            ("i <= 7", .bool(true)),
            ("i = 7.0", .bool(true)), ("i == 7", .bool(true)), ("i != 7", .bool(false)),
            ("i <> 8", .bool(true)),
            ("s = 'Oslo Gårdermoen'", .bool(true)), ("s < 'P'", .bool(true)),
            ("s >= 'P'", .bool(false)),
            ("ns = 'a'", .null), ("b = true", .bool(true)), ("b != nb", .null), ("t > nt", .null),
            ("t = to_timestamp('2013-03-10T08:30:15.25+01:00')", .bool(true)),
            ("nf is null", .bool(true)), ("nf is not null", .bool(false)),
            ("s IS NOT NULL", .bool(true)),
            ("ns is null", .bool(true)), ("concat(s, ns) is null", .bool(true)),
            ("i in (1, 7)", .bool(true)), ("i in (1, 2.5)", .bool(false)),
            ("i not in (1, 2)", .bool(true)),
            ("i in (1, ni)", .null), ("i in (7, ni)", .bool(true)), ("ni in (1, 2)", .null),
            ("s in ('a', s)", .bool(true)), ("ns in ('a', 'b')", .null),
            ("lower(s) in ('a', 'b')", .bool(false)),
            ("i between 7 and 8", .bool(true)), ("i between 8 and 7", .bool(false)),
            ("i not between 8 and 9", .bool(true)), ("i between ni and 3", .bool(false)),
            ("i between ni and 9", .null), ("lower(s) between 'o' and upper('p')", .bool(false)),
            ("s between 'A' and 'Z'", .bool(true)),
            ("not b or b", .bool(true)), ("not (b or b)", .bool(false)), ("b and not nb", .null),
            ("i > 6 and f < 3 or nb", .bool(true)), ("'é' = 'e\u{301}'", .bool(false)),
            // Choices.
            ("if(b, 1, 2.5)", .float64(1)), ("if(nb, 1, 2)", .int64(2)),
            ("if(i > 9, 'x', s)", .string("Oslo Gårdermoen")),
            ("if(b, null, 3)", .null), ("if(b, nf, 3)", .null), ("coalesce(nf, i)", .float64(7)),
            ("coalesce(ns, 'none')", .string("none")), ("coalesce(ni, ni)", .null),
            ("coalesce(null, i)", .int64(7)),
            ("coalesce(ns, lower(ns), upper('x'))", .string("X")),
            ("if(b, lower(s), s) = s", .bool(false)),
            ("min(i, f)", .float64(2.5)), ("max(i, f, 9)", .float64(9)), ("least(3, 2)", .int64(2)),
            ("greatest(3, ni)", .null), ("min('b', 'a', 'c')", .string("a")),
            ("max('b', s)", .string("b")),
            ("max(t, to_timestamp(0)) = t", .bool(true)),
            // Numbers.
            ("abs(-3)", .int64(3)), ("abs(-0.5)", .float64(0.5)), ("sign(-0.5)", .int64(-1)),
            ("sign(0)", .int64(0)),
            ("floor(-1.5)", .float64(-2)), ("ceil(-1.5)", .float64(-1)),
            ("round(-1.5)", .float64(-2)),
            ("round(2.5)", .float64(3)), ("floor(i)", .float64(7)),
            ("sqrt(2)", .float64(1.4142135623730951)),
            ("sqrt(-1)", .null), ("log(0)", .null), ("log(-1)", .null), ("log(1)", .float64(0)),
            ("log2(8)", .float64(3)), ("log10(1000)", .float64(3)), ("log10(1e-5)", .float64(-5)),
            ("log1p(0)", .float64(0)), ("log1p(-1)", .null), ("exp(0)", .float64(1)),
            ("exp(710)", .null),
            ("exp(-800)", .float64(0)), ("exp(1)", .float64(2.718281828459045)),
            ("pow(10, 2)", .float64(100)),
            ("pow(2, 0.5)", .float64(1.4142135623730951)), ("pow(-2, 3)", .float64(-8)),
            ("pow(-8, 0.5)", .null),
            ("pow(0, -1)", .null), ("pow(0, 0)", .float64(1)), ("pow(10, 400)", .null),
            ("LN(1)", .float64(0)),
            // Texts.
            ("lower(s)", .string("oslo gårdermoen")), ("upper('abcå')", .string("ABCå")),
            ("length(s)", .int64(15)),
            ("length('e\u{301}')", .int64(2)), ("trim(' \t a b\n')", .string("a b")),
            ("trim('  ')", .string("")),
            ("concat(s, '-', to_string(i))", .string("Oslo Gårdermoen-7")),
            ("substring(s, 6, 2)", .string("Gå")),
            ("substring(s, 6)", .string("Gårdermoen")), ("substring(s, 99, 2)", .string("")),
            ("substring(s, 0, 2)", .null), ("substring(s, 1, -1)", .null),
            ("substring(lower(s), i, 1)", .string("å")),
            ("starts_with(s, 'Oslo')", .bool(true)), ("ends_with(s, 'moen')", .bool(true)),
            ("ends_with(s, 'Oslo')", .bool(false)), ("contains(s, 'o G')", .bool(true)),
            ("contains(s, 'ns')", .bool(false)),
            ("contains(s, '')", .bool(true)), ("contains(s, ns)", .null),
            ("contains('', 'a')", .bool(false)),
            ("replace('banana', 'ana', '-')", .string("b-na")),
            ("replace('abc', '', 'x')", .string("abc")),
            ("replace('aaa', 'a', 'bb')", .string("bbbbbb")),
            // Times.
            ("year(t)", .int64(2013)), ("month(t)", .int64(3)), ("day(t)", .int64(10)),
            ("day_of_week(t)", .int64(7)),
            ("hour(t)", .int64(7)), ("minute(t)", .int64(30)), ("hour(t, -8h)", .int64(23)),
            ("day(t, -8h)", .int64(9)),
            ("hour(nt)", .null), ("hour(t, big)", .null),
            ("epoch_seconds(t)", .int64(1_362_900_615)),
            ("epoch_seconds(to_timestamp(-1))", .int64(-1)),
            ("t - to_timestamp('2013-03-10T00:00:00Z')", .int64(27_015_250_000)),
            ("t + 1h - t", .int64(3_600_000_000)),
            ("t - 15250ms", .timestamp(Row.time("2013-03-10T07:30:00Z"))),
            ("30m + t > t", .bool(true)), ("t + big", .null),
            ("day_of_week(to_timestamp(0))", .int64(4)),
            // Conversions.
            ("to_int(2.9)", .int64(2)), ("to_int(-2.9)", .int64(-2)), ("to_int(huge)", .null),
            ("to_int(b)", .int64(1)),
            ("to_int('-12')", .int64(-12)), ("to_int(s)", .null),
            ("to_int(concat(' ', '1'))", .null), ("to_float('1e3')", .float64(1000)),
            ("to_float(concat('0x', '1'))", .null), ("to_float(concat('in', 'f'))", .null),
            ("to_float(i)", .float64(7)),
            ("to_string(0.1)", .string("0.1")), ("to_string(b)", .string("true")),
            ("to_string(nt)", .null),
            ("to_string(t)", .string("2013-03-10T07:30:15.250Z")),
            ("to_timestamp(concat('x', s))", .null),
        ] as [(String, Value)])
    func value(_ text: String, _ expected: Value) throws {
        let expression: Expression
        do {
            expression = try Expression(parsing: text, scope: Row.scope)
        } catch {
            Issue.record("\(text): \(error)")
            return
        }
        let value = expression.evaluate(Row.values)
        #expect(value == expected, "\(text)")
        if let type = value.type { #expect(type == expression.type) }
        #expect(expression.isTrue(Row.values) == (value == .bool(true)))
        let again = try Expression(parsing: expression.text, scope: Row.scope)
        #expect(again == expression)
        #expect(again.text == expression.text)
        #expect(again.evaluate(Row.values) == expected, "\(text) as \(expression.text)")
    }

    @Test("logic has three values")
    func logic() throws {
        let scope = [
            Field(name: "x", type: .bool, isNullable: true),
            Field(name: "y", type: .bool, isNullable: true),
        ]
        let values: [Bool?] = [true, false, nil]
        let and = try Expression(parsing: "x and y", scope: scope)
        let or = try Expression(parsing: "x or y", scope: scope)
        let not = try Expression(parsing: "not x", scope: scope)
        for x in values {
            for y in values {
                let row = [x, y].map { $0.map(Value.bool) ?? .null }
                let both: Bool? =
                    x == false || y == false ? false : x == nil || y == nil ? nil : true
                let either: Bool? =
                    x == true || y == true ? true : x == nil || y == nil ? nil : false
                #expect(and.evaluate(row) == both.map(Value.bool) ?? .null)
                #expect(or.evaluate(row) == either.map(Value.bool) ?? .null)
                #expect(not.evaluate(row) == x.map { .bool(!$0) } ?? .null)
            }
        }
    }

    @Test(
        "the canonical text has one spelling",
        arguments: [
            ("  a+b *  2 ", "a + b * 2"), ("(a+b)*2", "(a + b) * 2"), ("((a))", "a"),
            ("a-(b-2)", "a - (b - 2)"),
            ("(a-b)-2", "a - b - 2"), ("a*(b*2)", "a * (b * 2)"), ("-(5)", "-5"), ("- - 5", "--5"),
            ("-(-a)", "--a"),
            ("-(a+b)", "-(a + b)"), ("a<>b", "a != b"), ("a==b", "a = b"),
            ("NOT a IS NULL", "not a is null"),
            ("(not (a=b)) and true", "not a = b and true"),
            ("not (a=b and a=1)", "not (a = b and a = 1)"),
            ("(a=1 and (b=1 and a=2))", "a = 1 and b = 1 and a = 2"),
            ("a=1 or (b=1 or a=2)", "a = 1 or b = 1 or a = 2"),
            ("a=1 and (b=1 or a=2)", "a = 1 and (b = 1 or a = 2)"),
            ("(a=1)=(b=1)", "(a = 1) = (b = 1)"),
            ("a in(1,2)", "a in (1, 2)"), ("not(a in (1))", "not a in (1)"),
            ("a between (1+2) and 3", "a between 1 + 2 and 3"),
            ("60m", "1h"), ("24h", "1d"), ("0ms", "0s"), ("1500us", "1500us"),
            ("\"it's\"", "'it''s'"), ("1e3", "1000.0"),
            ("0.10", "0.1"), ("007", "7"), ("LEAST(a,b)", "min(a, b)"), ("Power(a,b)", "pow(a, b)"),
            ("`a`", "a"),
            ("`in`", "`in`"), ("if(a>1,a,null)", "if(a > 1, a, null)"),
            ("(a is null) is null", "(a is null) is null"),
            ("-1 - -1", "-1 - -1"), ("a\n+\tb", "a + b"), ("`odd ``name`", "`odd ``name`"),
        ])
    func canonical(_ text: String, _ expected: String) throws {
        let scope = ["a", "b", "in", "odd `name"].map { Field(name: $0, type: .int64) }
        let expression = try Expression(parsing: text, scope: scope)
        #expect(expression.text == expected)
        #expect(try Expression(parsing: expected, scope: scope) == expression)
    }

    @Test("equality and slots depend on the scope")
    func scopes() throws {
        let (a, b) = (Field(name: "a", type: .int64), Field(name: "b", type: .int64))
        let straight = try Expression(parsing: "b - a * a", scope: [a, b])
        let swapped = try Expression(parsing: "b-a*a", scope: [b, a])
        #expect(straight != swapped)
        #expect(straight.reads == [0, 1])
        #expect(try Expression(parsing: "b > 0", scope: [a, b]).reads == [1])
        #expect(try Expression(parsing: "1", scope: [a, b]).reads == [])
        #expect(straight.evaluate([.int64(3), .int64(10)]) == .int64(1))
        #expect(swapped.evaluate([.int64(10), .int64(3)]) == .int64(1))
        // Equal to Swift, not to the language.
        let composed = try Expression(parsing: "'\u{e9}'", scope: [])
        #expect(try Expression(parsing: "'e\u{301}'", scope: []) != composed)
    }

    @Test("limits hold and long forms within them work")
    func limits() throws {
        let scope = [Field(name: "a", type: .int64)]
        func nested(_ depth: Int) -> String {
            String(repeating: "(", count: depth) + "a" + String(repeating: ")", count: depth)
        }
        #expect(try Expression(parsing: nested(63), scope: scope).text == "a")
        #expect(throws: ExpressionError.self) { try Expression(parsing: nested(64), scope: scope) }
        let sum = Array(repeating: "a", count: 255).joined(separator: " + ")
        #expect(try Expression(parsing: sum, scope: scope).evaluate([.int64(2)]) == .int64(510))
        #expect(throws: ExpressionError.self) {
            try Expression(parsing: sum + " + a + a", scope: scope)
        }
        let list = "a in (" + (0..<3000).map { "\($0)" }.joined(separator: ",") + ")"
        #expect(try Expression(parsing: list, scope: scope).evaluate([.int64(2999)]) == .bool(true))
        let either = (0..<1500).map { "a=\($0)" }.joined(separator: " or ")
        #expect(try Expression(parsing: either, scope: scope).isTrue([.int64(1499)]))
        #expect(throws: ExpressionError.self) {
            try Expression(parsing: String(repeating: " ", count: 16_384) + "a", scope: scope)
        }
        // Every level of a right-hand chain holds a register.
        func chain(_ depth: Int) -> String {
            String(repeating: "a + (", count: depth) + "a" + String(repeating: ")", count: depth)
        }
        #expect(
            try Expression(parsing: chain(15), scope: scope).evaluate([.int64(1)]) == .int64(16))
        #expect(throws: ExpressionError.self) { try Expression(parsing: chain(16), scope: scope) }
        // A chain of choices does not.
        let choices =
            (0..<60).map { "if(a = \($0), \($0), " }.joined() + "-1"
            + String(repeating: ")", count: 60)
        #expect(try Expression(parsing: choices, scope: scope).evaluate([.int64(59)]) == .int64(59))
        // Texts do not grow without bound.
        let text = [Field(name: "s", type: .string)]
        let square = try Expression(
            parsing: "length(replace(s, 'a', replace(s, 'a', s)))", scope: text)
        #expect(square.evaluate([.string(String(repeating: "a", count: 100))]) == .int64(1_000_000))
        #expect(square.evaluate([.string(String(repeating: "a", count: 102))]) == .null)
    }

    @Test("the reference names every function")
    func reference() {
        #expect(Expression.reference.contains("`hour(t [, offset])`"))
        #expect(Expression.reference.contains("`(T, T, ...) -> T`"))
        #expect(Expression.reference.split(separator: "\n").count > 45)
    }
}
