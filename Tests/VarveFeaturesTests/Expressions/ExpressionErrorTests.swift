import Testing
import VarveFeatures

struct ExpressionErrorTests {
    private static let scope = [
        Field(name: "dep_delay", type: .float64, isNullable: true),
        Field(name: "carrier", type: .string), Field(name: "time", type: .timestamp),
        Field(name: "seats", type: .int64), Field(name: "late", type: .bool),
        Field(name: "weather.visibility", type: .float64),
    ]

    private static let fields =
        "a field (dep_delay, carrier, time, seats, late, weather.visibility)"

    @Test(
        "a mistake is named with its place, what was expected, and what was meant",
        arguments: [
            ("", "1:1 the end | a field, a value or a function"),
            ("1 +", "1:4 the end | a field, a value or a function"),
            ("1 + * 2", "1:5 \"*\" | a field, a value or a function"),
            ("(1", "1:3 the end | \")\""), ("1)", "1:2 \")\" | an operator or the end"),
            ("1 2", "1:3 \"2\" | an operator or the end"),
            ("dep_dely > 1", "1:1 \"dep_dely\" | \(fields) | dep_delay"),
            ("Carrier = 'a'", "1:1 \"Carrier\" | \(fields) | carrier"),
            ("visibility > 1", "1:1 \"visibility\" | \(fields) | weather.visibility"),
            ("zzz > 1", "1:1 \"zzz\" | \(fields)"),
            ("lgo(1)", "1:1 \"lgo\" | a function | log"),
            ("nosuchthing(1)", "1:1 \"nosuchthing\" | a function"),
            (
                "log",
                "1:1 \"log\" without arguments | "
                    + "a field, or the function's arguments in parentheses"
            ),
            ("log()", "1:1 0 arguments | log(x)"), ("log(1, 2)", "1:1 2 arguments | log(x)"),
            ("if(late, 1)", "1:1 2 arguments | if(condition, a, b)"),
            ("hour()", "1:1 0 arguments | hour(t [, offset])"),
            (
                "log(carrier)",
                "1:5 \"carrier\" of type string | float64 in log(x) | to_float(carrier)"
            ),
            (
                "hour('2013')",
                "1:6 '2013' of type string | timestamp in hour(t [, offset]) | to_timestamp('2013')"
            ),
            (
                "div(dep_delay, 2)",
                "1:5 \"dep_delay\" of type float64 | int64 in div(a, b) | to_int(dep_delay)"
            ),
            ("lower(seats)", "1:7 \"seats\" of type int64 | string in lower(s) | to_string(seats)"),
            ("abs(late)", "1:5 \"late\" of type bool | int64 or float64 in abs(x)"),
            ("concat(carrier, 1)", "1:17 \"1\" of type int64 | a string; to_string(x) makes one"),
            (
                "carrier + 'x'",
                "1:1 \"carrier\" of type string | "
                    + "numbers on both sides of \"+\"; concat(a, b) joins texts"
            ),
            ("seats + carrier", "1:9 \"carrier\" of type string | a number"),
            (
                "time + dep_delay",
                "1:8 \"dep_delay\" of type float64 | a duration (int64 microseconds)"
            ),
            ("-carrier", "1:2 \"carrier\" of type string | a number"),
            ("not seats", "1:5 \"seats\" of type int64 | a boolean, such as a comparison"),
            ("late and\n  seats", "2:3 \"seats\" of type int64 | a boolean, such as a comparison"),
            (
                "'é' = 'x' and seats",
                "1:15 \"seats\" of type int64 | a boolean, such as a comparison"
            ),
            (
                "carrier = 1",
                "1:11 \"1\" of type int64 | string, as the value before it | to_string(1)"
            ),
            (
                "time > '2013-01-01T00:00:00Z'",
                "1:8 '2013-01-01T00:00:00Z' of type string | timestamp, as the value before it | "
                    + "to_timestamp('2013-01-01T00:00:00Z')"
            ),
            (
                "late < true",
                "1:1 \"late\" of type bool | a number, string or timestamp: booleans have no order"
            ),
            (
                "max(late, true)",
                "1:5 \"late\" of type bool | a number, string or timestamp: booleans have no order"
            ),
            (
                "1 < seats < 3",
                "1:11 a second \"<\" | one comparison; join two with \"and\", as in a < b and b < c"
            ),
            (
                "seats = null",
                "1:9 null in a comparison, which is never true | \"is null\" or \"is not null\""
            ),
            (
                "seats in (1, null)",
                "1:14 null, which has no type here | a value; \"x is null\" asks whether x is null"
            ),
            ("if(late, null, null)", "1:10 nothing but null | a value that gives a type"),
            (
                "null",
                "1:1 null, which has no type here | a value; \"x is null\" asks whether x is null"
            ),
            (
                "if(late, 1, 'a')",
                "1:13 'a' of type string | int64, as the value before it | to_int('a')"
            ),
            ("seats is 3", "1:10 \"3\" | null or not null"),
            ("seats in ()", "1:12 an empty list | a value"),
            ("seats not 3", "1:11 \"3\" | \"in\" or \"between\" after \"not\""),
            ("seats between 1 or 3", "1:17 \"or\" | \"and\""), ("seats in 3", "1:10 \"3\" | \"(\""),
            ("max(1, 2", "1:9 the end | \",\" or \")\""),
            ("carrier = 'AA", "1:11 'AA | a closing quote; a quote inside is written twice"),
            ("`carrier", "1:1 `carrier | a closing backtick"),
            ("late && late", "1:6 \"&&\" | the word of this language: and"),
            ("!late", "1:1 \"!\" | the word of this language: not"),
            ("2 ^ 3", "1:3 \"^\" | the word of this language: pow(base, exponent)"),
            ("late ? 1 : 2", "1:6 \"?\" | the word of this language: if(condition, a, b)"),
            (
                "carrier like 'A%'",
                "1:9 \"like\" | starts_with, ends_with or contains, which do the same"
            ),
            (
                "case when late then 1 end",
                "1:1 \"case\" | if(condition, a, b), which does the same"
            ),
            (
                "and 1",
                "1:1 the word \"and\" | a field, a value or a function; "
                    + "a field of this name stands in backticks"
            ),
            (
                "5x",
                "1:1 \"5x\" | a number, "
                    + "or a duration such as \"90s\", \"6h\" or \"7d\" without quotes"
            ),
            (
                "9223372036854775808",
                "1:1 \"9223372036854775808\" | an integer up to 9223372036854775807"
            ),
            (
                "99999999999999999999",
                "1:1 99999999999999999999 | "
                    + "an integer up to 9223372036854775807, or a decimal number such as 1e20"
            ),
            ("1e999", "1:1 1e999 | a number below 1.8e308"),
            (".5", "1:1 \".\" | the word of this language: 0.5 for a fraction below one"),
            ("1 # 2", "1:3 \"#\" | a name, a value or an operator"),
            ("1 é", "1:3 \"é\" | a name, a value or an operator"),
            (
                "to_timestamp('2013-01-01')",
                "1:14 '2013-01-01' | a time with its zone, such as '2013-03-10T07:30:00Z'"
            ),
            ("to_int('x')", "1:8 'x' | an integer such as '12'"),
            ("to_float('x')", "1:10 'x' | a number such as '1.5'"),
        ])
    func message(_ text: String, _ expected: String) {
        do {
            let expression = try Expression(parsing: text, scope: Self.scope)
            Issue.record("\(text) was read as \(expression.text)")
        } catch {
            let suggestion = error.suggestion.map { " | \($0)" } ?? ""
            let message =
                "\(error.line):\(error.column) \(error.found) | \(error.expected)\(suggestion)"
            #expect(message == expected)
        }
    }

    @Test("an error is a sentence")
    func description() {
        let error = #expect(throws: ExpressionError.self) {
            try Expression(parsing: "dep_dely > 1", scope: [Self.scope[0]])
        }
        #expect(
            error?.description == "line 1, column 1: found \"dep_dely\", "
                + "expected a field (dep_delay); did you mean dep_delay?")
    }
}
