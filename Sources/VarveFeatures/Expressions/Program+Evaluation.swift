internal import VarveBytes

extension Program {
    /// The value over a row. A slot that holds a value of another type than its field's counts as
    /// null.
    /// - Complexity: some nanoseconds for each instruction; allocates for texts that it makes only.
    func run(_ row: borrowing Span<Value>) -> Value {
        if let onlySlot {
            let value = row[onlySlot]
            return value.type == type ? value : .null
        }
        var registers = Registers()
        var texts = textRegisters == 0 ? [] : [String](repeating: "", count: textRegisters)
        run(row, &registers, &texts)
        if let resultText {
            return text(resultText.rawValue, row, registers, texts).map(Value.string) ?? .null
        }
        if registers.isNull(0) { return .null }
        switch type {
        case .bool: return .bool(registers.bits[0] != 0)
        case .int64: return .int64(registers.int(0))
        case .float64: return .float64(registers.float(0))
        case .timestamp: return .timestamp(Timestamp(microseconds: registers.int(0)))
        case .string: return .null
        }
    }

    /// Whether the value over a row is true: neither false nor null.
    func isTrue(_ row: borrowing Span<Value>) -> Bool {
        var registers = Registers()
        var texts = textRegisters == 0 ? [] : [String](repeating: "", count: textRegisters)
        run(row, &registers, &texts)
        return type == .bool && registers.isTrue(0)
    }

    private func run(
        _ row: borrowing Span<Value>, _ registers: inout Registers, _ texts: inout [String]
    ) {
        let code = instructions.span
        var next = 0
        while next < code.count {
            let step = code[next]
            next += 1
            switch step.operation {
            case .jump: next = Int(step.right)
            case .jumpUnlessTrue: if !registers.isTrue(step.left) { next = Int(step.right) }
            case .jumpIfPresent: if !registers.isNull(step.left) { next = Int(step.right) }
            case .loadInt:
                if case .int64(let value) = row[Int(step.left)] {
                    registers.set(step.target, value)
                } else {
                    registers.setNull(step.target)
                }
            case .loadFloat:
                if case .float64(let value) = row[Int(step.left)] {
                    registers.set(step.target, value)
                } else {
                    registers.setNull(step.target)
                }
            case .loadBool:
                if case .bool(let value) = row[Int(step.left)] {
                    registers.set(step.target, value)
                } else {
                    registers.setNull(step.target)
                }
            case .loadTime:
                if case .timestamp(let value) = row[Int(step.left)] {
                    registers.set(step.target, value.microseconds)
                } else {
                    registers.setNull(step.target)
                }
            case .loadConstant: registers.set(step.target, bits: constants[Int(step.left)])
            case .loadNull: registers.setNull(step.target)
            case .addFloat: registers.floats(step) { $0 + $1 }
            case .subtractFloat: registers.floats(step) { $0 - $1 }
            case .multiplyFloat: registers.floats(step) { $0 * $1 }
            case .divideFloat: registers.floats(step) { $0 / $1 }
            case .equalFloat: registers.compare(step) { (a: Double, b: Double) in a == b }
            case .unequalFloat: registers.compare(step) { (a: Double, b: Double) in a != b }
            case .lessFloat: registers.compare(step) { (a: Double, b: Double) in a < b }
            case .notMoreFloat: registers.compare(step) { (a: Double, b: Double) in a <= b }
            case .addInt: registers.ints(step) { $0.addingReportingOverflow($1) }
            case .subtractInt: registers.ints(step) { $0.subtractingReportingOverflow($1) }
            case .multiplyInt: registers.ints(step) { $0.multipliedReportingOverflow(by: $1) }
            case .equalInt: registers.compare(step) { (a: Int64, b: Int64) in a == b }
            case .unequalInt: registers.compare(step) { (a: Int64, b: Int64) in a != b }
            case .lessInt: registers.compare(step) { (a: Int64, b: Int64) in a < b }
            case .notMoreInt: registers.compare(step) { (a: Int64, b: Int64) in a <= b }
            case .intToFloat: registers.int(step) { Int64(bitPattern: Double($0).bitPattern) }
            case .and: registers.logic(step, decisive: 0)
            case .or: registers.logic(step, decisive: 1)
            case .not: registers.int(step) { $0 ^ 1 }
            case .isNull: registers.set(step.target, registers.isNull(step.left))
            case .isPresent: registers.set(step.target, !registers.isNull(step.left))
            default:
                if step.operation.isOfText {
                    runText(step, row, &registers, &texts)
                } else {
                    Self.runNumber(step, &registers)
                }
            }
        }
    }

    private static func runNumber(_ step: Instruction, _ registers: inout Registers) {
        switch step.operation {
        case .divideInt: registers.ints(step) { $0.dividedReportingOverflow(by: $1) }
        case .remainderInt:
            // Int64.min % -1 is 0, though the quotient overflows.
            registers.ints(step) {
                $1 == -1 ? (0, false) : $0.remainderReportingOverflow(dividingBy: $1)
            }
        case .negateInt:
            registers.ints(step) { value, _ in Int64(0).subtractingReportingOverflow(value) }
        case .absInt: registers.int(step) { Int64(exactly: $0.magnitude) }
        case .signInt: registers.int(step) { $0.signum() }
        case .minInt: registers.ints(step) { (min($0, $1), false) }
        case .maxInt: registers.ints(step) { (max($0, $1), false) }
        case .negateFloat: registers.float(step) { -$0 }
        case .absFloat: registers.float(step) { $0.magnitude }
        case .signFloat:
            guard !registers.isNull(step.left) else { return registers.setNull(step.target) }
            let value = registers.float(step.left)
            registers.set(step.target, value > 0 ? 1 : value < 0 ? -1 : 0 as Int64)
        case .remainderFloat: registers.floats(step) { $0.truncatingRemainder(dividingBy: $1) }
        case .minFloat: registers.floats(step) { $1 < $0 ? $1 : $0 }
        case .maxFloat: registers.floats(step) { $1 > $0 ? $1 : $0 }
        case .floorFloat: registers.float(step) { $0.rounded(.down) }
        case .ceilFloat: registers.float(step) { $0.rounded(.up) }
        case .roundFloat: registers.float(step) { $0.rounded(.toNearestOrAwayFromZero) }
        case .sqrt: registers.float(step) { $0.squareRoot() }
        case .exp: registers.float(step, Elementary.exp)
        case .log: registers.float(step, Elementary.log)
        case .log2: registers.float(step, Elementary.log2)
        case .log10: registers.float(step, Elementary.log10)
        case .log1p: registers.float(step, Elementary.log1p)
        case .pow: registers.floats(step, Elementary.pow)
        case .floatToInt:
            guard !registers.isNull(step.left) else { return registers.setNull(step.target) }
            registers.set(
                step.target, Int64(exactly: registers.float(step.left).rounded(.towardZero)))
        case .epochSeconds: registers.int(step) { $0.flooredDivision(by: 1_000_000).quotient }
        default: runTime(step, &registers)
        }
    }

    /// A part of the time in register `left` on a clock that is `right` microseconds ahead of UTC.
    private static func runTime(_ step: Instruction, _ registers: inout Registers) {
        registers.ints(step) { time, offset in
            let (local, overflow) = time.addingReportingOverflow(offset)
            let (days, inDay) = local.flooredDivision(by: 86_400_000_000)
            let part: Int64 =
                switch step.operation {
                case .minute: inDay / 60_000_000 % 60
                case .hour: inDay / 3_600_000_000
                // 1970-01-01 was a Thursday, day 4.
                case .dayOfWeek: (days + 3).flooredDivision(by: 7).remainder + 1
                case .day: Int64(CivilDate(daysSinceEpoch: days).day)
                case .month: Int64(CivilDate(daysSinceEpoch: days).month)
                default: CivilDate(daysSinceEpoch: days).year
                }
            return (part, overflow)
        }
    }
}

// MARK: - Texts

extension Program {
    private func text(
        _ place: Int32, _ row: borrowing Span<Value>, _ registers: Registers,
        _ made: [String]
    ) -> String? {
        let place = TextPlace(rawValue: place)
        switch place.kind {
        case .slot:
            guard case .string(let text) = row[place.index] else { return nil }
            return text
        case .constant: return texts[place.index]
        case .register:
            let isNull = registers.isNull(Int32(truncatingIfNeeded: place.index))
            return isNull ? nil : made[place.index]
        }
    }

    /// An operation that takes a text and gives something else, or looks at two.
    private func runText(
        _ step: Instruction, _ row: borrowing Span<Value>, _ registers: inout Registers,
        _ made: inout [String]
    ) {
        let target = step.target
        if step.operation.makesText {
            if let text = makeText(step, row, registers, made) {
                made[Int(target)] = text
                registers.setPresent(target)
            } else {
                registers.setNull(target)
            }
            return
        }
        let left = text(step.left, row, registers, made)
        switch step.operation {
        case .isTextNull: return registers.set(target, left == nil)
        case .isTextPresent: return registers.set(target, left != nil)
        case .length: return registers.set(target, left.map { Int64($0.unicodeScalars.count) })
        case .textToInt: return registers.set(target, left.flatMap(TextFunctions.int))
        case .textToFloat: return registers.set(target, left.flatMap(TextFunctions.float))
        case .textToTime:
            return registers.set(target, left.flatMap { Timestamp(parsing: $0)?.microseconds })
        default: break
        }
        guard let left, let right = text(step.right, row, registers, made) else {
            return registers.setNull(target)
        }
        switch step.operation {
        case .equalText: registers.set(target, TextFunctions.areEqual(left, right))
        case .unequalText: registers.set(target, !TextFunctions.areEqual(left, right))
        case .lessText: registers.set(target, TextFunctions.isLess(left, right))
        case .notMoreText: registers.set(target, !TextFunctions.isLess(right, left))
        case .startsWith: registers.set(target, left.utf8.starts(with: right.utf8))
        case .endsWith:
            registers.set(target, left.utf8.reversed().starts(with: right.utf8.reversed()))
        default: registers.set(target, TextFunctions.contains(left, right))
        }
    }

    /// The text that an operation makes; nil for null.
    private func makeText(
        _ step: Instruction, _ row: borrowing Span<Value>, _ registers: Registers,
        _ made: [String]
    ) -> String? {
        switch step.operation {
        case .boolToText, .intToText, .floatToText, .timeToText:
            return registers.isNull(step.left) ? nil : Self.text(step, registers)
        default: break
        }
        guard let left = text(step.left, row, registers, made) else { return nil }
        switch step.operation {
        case .loadText: return left
        case .lower: return TextFunctions.lower(left)
        case .upper: return TextFunctions.upper(left)
        case .trim: return TextFunctions.trim(left)
        case .substring:
            if registers.isNull(step.right) || registers.isNull(step.third) { return nil }
            return TextFunctions.substring(
                left, from: registers.int(step.right), count: registers.int(step.third))
        default: break
        }
        guard let right = text(step.right, row, registers, made) else { return nil }
        switch step.operation {
        case .minText: return TextFunctions.isLess(right, left) ? right : left
        case .maxText: return TextFunctions.isLess(left, right) ? right : left
        case .concat: return TextFunctions.concat(left, right)
        default:
            let third = text(step.third, row, registers, made)
            return third.flatMap { TextFunctions.replace(left, right, with: $0) }
        }
    }

    private static func text(_ step: Instruction, _ registers: Registers) -> String {
        switch step.operation {
        case .boolToText: registers.bits[Int(step.left)] != 0 ? "true" : "false"
        case .intToText: registers.int(step.left).description
        case .floatToText: registers.float(step.left).description
        default: Timestamp(microseconds: registers.int(step.left)).description
        }
    }
}
