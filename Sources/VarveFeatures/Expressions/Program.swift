/// A checked expression as instructions for a small register machine: no tree is walked and nothing
/// is allocated for numbers.
///
/// A register holds 64 bits (a boolean as 0 or 1, an integer, a double's bits, or a timestamp's
/// microseconds) and, beside them, whether it is null. Texts lie in rows, constants, or in text
/// registers of their own; an instruction finds one through a `TextPlace`.
struct Program: Sendable {
    /// How many registers a program may use.
    static let registerLimit = 16
    /// The longest text that a program makes, bytes; a longer one is null.
    static let textLimit = 1 << 20

    var instructions: [Instruction] = []
    /// The bits of constants.
    var constants: [UInt64] = []
    var texts: [String] = []
    /// Text registers used.
    var textRegisters = 0
    /// Where the result is: register 0, unless it is a text.
    var resultText: TextPlace?
    /// The slot, for a program that is no more than a field.
    var onlySlot: Int?
    let type: ValueType

    init(type: ValueType) { self.type = type }
}

/// Where a text is, in 32 bits: a slot of the row, a constant, or a text register.
struct TextPlace: Sendable, Hashable {
    enum Kind: Int32 {
        case slot, constant, register
    }

    let rawValue: Int32

    init(rawValue: Int32) { self.rawValue = rawValue }

    init(_ kind: Kind, _ index: Int) {
        rawValue = Int32(truncatingIfNeeded: index) << 2 | kind.rawValue
    }

    var kind: Kind { Kind(rawValue: rawValue & 3) ?? .register }
    var index: Int { Int(rawValue >> 2) }
}

/// One step of a program. `target` is the register it writes; what `left`, `right` and `third` are
/// depends on the operation: registers, text places, or an index.
struct Instruction: Sendable, Hashable {
    var operation: Operation
    var target: UInt8
    var left: Int32 = 0
    var right: Int32 = 0
    var third: Int32 = 0
}

/// What an instruction does. Unless it says otherwise, registers `left` and `right` go in and null
/// gives null.
enum Operation: UInt8, Sendable, Hashable {
    // Loads: `left` is a slot or an index of a constant.
    case loadBool, loadInt, loadFloat, loadTime, loadConstant, loadNull
    // Jumps to instruction `right`, looking at register `left`.
    case jump, jumpUnlessTrue, jumpIfPresent

    // Three-valued logic, and questions about null that are never null.
    case and, or, not
    case isNull, isPresent

    case addInt, subtractInt, multiplyInt, divideInt, remainderInt, negateInt, absInt, signInt
    case minInt, maxInt, equalInt, unequalInt, lessInt, notMoreInt
    case intToFloat
    /// These change a type and no bits; programs leave them out.
    case boolToInt, intToTime

    case addFloat, subtractFloat, multiplyFloat, divideFloat, remainderFloat, negateFloat
    case absFloat, signFloat, floorFloat, ceilFloat, roundFloat, minFloat, maxFloat
    case equalFloat, unequalFloat, lessFloat, notMoreFloat
    case sqrt, exp, log, log2, log10, log1p, pow
    case floatToInt

    // Parts of the time in register `left`, seen at an offset of `right` microseconds from UTC.
    case year, month, day, hour, minute, dayOfWeek
    case epochSeconds

    // Texts go in by their places; see `isOfText`.
    case isTextNull, isTextPresent
    case equalText, unequalText, lessText, notMoreText
    case startsWith, endsWith, contains, length
    case textToInt, textToFloat, textToTime
    // These write text register `target`; see `makesText`.
    case loadText
    case concat, minText, maxText, lower, upper, trim, replace
    /// Text `left`, registers `right` (first character, from 1) and `third` (count).
    case substring
    // Register `left` as a text.
    case boolToText, intToText, floatToText, timeToText

    /// Whether it takes or makes texts.
    var isOfText: Bool { rawValue >= Self.isTextNull.rawValue }
    /// Whether it writes a text register.
    var makesText: Bool { rawValue >= Self.loadText.rawValue }
}
