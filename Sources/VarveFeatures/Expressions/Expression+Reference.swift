extension Expression {
    /// The operators and functions as a Markdown table each, for the documentation.
    public static var reference: String {
        var text = """
            | operators, from loose to tight | take | give |
            | --- | --- | --- |
            | `or` | booleans | boolean |
            | `and` | booleans | boolean |
            | `not` | a boolean | boolean |
            | `=` `!=` `<` `<=` `>` `>=` | two numbers, or two of one type (booleans: `=` `!=`) \
            | boolean |
            | `is null`, `is not null` | anything | boolean, never null |
            | `in (a, b)`, `not in (a, b)` | as `=` | boolean |
            | `between a and b`, `not between a and b` | as `<=`; both ends count | boolean |
            | `+` `-` | numbers; timestamps and int64 microseconds | number, timestamp or int64 |
            | `*` `/` `%` | numbers | `/` float64, others the operands' type |
            | `-` before an operand | a number | number |

            | function | types | result |
            | --- | --- | --- |

            """
        for entry in FunctionTable.entries {
            let names = [entry.signature] + entry.aliases
            let calls = names.map { "`\($0)`" }.joined(separator: ", ")
            let types = entry.types.map { "`\($0)`" }.joined(separator: "<br>")
            text += "| \(calls) | \(types) | \(entry.summary) |\n"
        }
        return text
    }
}
