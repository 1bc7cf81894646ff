/// A typed, total expression over the fields of a scope.
///
/// - **Values** are `bool`, `int64`, `float64`, `string` and `timestamp`, each possibly null.
///   Literals: `12`, `1.5`, `2e-3`, `'text'` or `"text"` (a quote inside is written twice), `true`,
///   `false`, `null`, and durations such as `90s`, which are int64 microseconds.
/// - **Total**: evaluation never fails. Null goes through every operation but those that ask for it
///   (`is null`, `if`, `coalesce`, `and`, `or`). Division by zero, integer overflow, results that
///   are not finite, conversions that fail, and texts beyond 1 MiB give null.
/// - **Numbers**: int64 beside float64 becomes float64, the nearest one. `/` always gives float64;
///   `div` is the integer quotient, `%` the remainder with the sign of the dividend.
/// - **Logic** has three values, as in SQL: `false and null` is false, `true and null` is null.
/// - **Times**: timestamp - timestamp gives int64 microseconds; timestamp +- int64 a timestamp.
/// - **Texts** compare by their UTF-8 bytes.
/// - **Reproducible**: the same bits on every machine and in every version.
///
/// `ExpressionParser` has the grammar, `reference` the functions.
public struct Expression: Sendable {
    /// The canonical text: equal expressions over the same scope have equal texts, and it reads
    /// back as an equal expression.
    public let text: String
    /// The type of its values, null aside.
    public let type: ValueType
    /// The slots of the scope that it reads, ascending, each once.
    public let reads: [Int]
    private let program: Program

    /// Parses and checks a text; the scope's order fixes the slots. Field names may be dotted; a
    /// name that is a keyword stands in backticks.
    public init(parsing text: String, scope: [Field]) throws(ExpressionError) {
        let bytes = Array(text.utf8)
        let syntax = try ExpressionParser.parse(bytes)
        let node = try ExpressionChecker(bytes, scope: scope).check(syntax)
        guard let program = ExpressionCompiler.program(node) else {
            throw ExpressionError(
                bytes, at: 0, found: "operands nested more than \(Program.registerLimit) deep",
                expected: "a simpler expression")
        }
        self.text = syntax.text
        self.type = node.type
        self.program = program
        var slots: Set<Int> = []
        node.collectSlots(&slots)
        reads = slots.sorted()
    }

    /// The slot, for an expression that is no more than a field.
    var onlySlot: Int? { program.onlySlot }

    /// The value over one row, whose element i is the value of the scope's field i: of the field's
    /// type, or null. Only the slots in `reads` are looked at.
    /// - Complexity: some nanoseconds for each operation; allocates for texts that it makes only.
    public func evaluate(_ row: borrowing [Value]) -> Value { program.run(row.span) }

    /// The same over a row that lies elsewhere.
    public func evaluate(_ row: borrowing Span<Value>) -> Value { program.run(row) }

    /// Whether a boolean expression is true over a row, neither false nor null: the meaning of
    /// `where`.
    public func isTrue(_ row: borrowing [Value]) -> Bool { program.isTrue(row.span) }

    /// The same over a row that lies elsewhere.
    public func isTrue(_ row: borrowing Span<Value>) -> Bool { program.isTrue(row) }
}

extension Expression: Hashable {
    /// Whether both have the same text and read the same slots as the same types.
    public static func == (left: Expression, right: Expression) -> Bool {
        left.type == right.type && left.text.utf8.elementsEqual(right.text.utf8)
            && left.program.instructions == right.program.instructions
    }

    /// Hashes the text.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(Array(text.utf8))
    }
}

extension TypedNode {
    fileprivate func collectSlots(_ slots: inout Set<Int>) {
        if case .slot(let slot) = kind { slots.insert(slot) }
        for operand in operands { operand.collectSlots(&slots) }
    }
}
