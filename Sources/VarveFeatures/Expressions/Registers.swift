/// The registers of a running program; see `Program`.
struct Registers {
    private(set) var bits = InlineArray<16, UInt64>(repeating: 0)
    /// Bit r says that register r, or text register r, is null.
    private var nulls: UInt32 = 0

    func isNull(_ register: Int32) -> Bool {
        nulls &>> UInt32(truncatingIfNeeded: register) & 1 != 0
    }

    /// Whether a register is true, and not null.
    func isTrue(_ register: Int32) -> Bool { bits[Int(register)] == 1 && !isNull(register) }

    func int(_ register: Int32) -> Int64 { Int64(bitPattern: bits[Int(register)]) }

    func float(_ register: Int32) -> Double { Double(bitPattern: bits[Int(register)]) }

    mutating func setNull(_ register: UInt8) { nulls |= 1 &<< UInt32(register) }

    mutating func set(_ register: UInt8, bits value: UInt64) {
        bits[Int(register)] = value
        nulls &= ~(1 &<< UInt32(register))
    }

    mutating func set(_ register: UInt8, _ value: Bool) { set(register, bits: value ? 1 : 0) }

    mutating func set(_ register: UInt8, _ value: Int64) {
        set(register, bits: UInt64(bitPattern: value))
    }

    /// What is not finite becomes null.
    mutating func set(_ register: UInt8, _ value: Double) {
        if value.isFinite { set(register, bits: value.bitPattern) } else { setNull(register) }
    }

    mutating func set(_ register: UInt8, _ value: Int64?) {
        if let value { set(register, value) } else { setNull(register) }
    }

    mutating func set(_ register: UInt8, _ value: Double?) {
        if let value { set(register, value) } else { setNull(register) }
    }

    mutating func set(_ register: UInt8, _ value: Bool?) {
        if let value { set(register, value) } else { setNull(register) }
    }

    mutating func setPresent(_ register: UInt8) { nulls &= ~(1 &<< UInt32(register)) }
}

// MARK: - One operation on one or two registers; null gives null

extension Registers {
    private func hasNull(_ step: Instruction) -> Bool { isNull(step.left) || isNull(step.right) }

    @inline(__always)
    mutating func ints(
        _ step: Instruction, _ operation: (Int64, Int64) -> (partialValue: Int64, overflow: Bool)
    ) {
        guard !hasNull(step) else { return setNull(step.target) }
        let (value, overflow) = operation(int(step.left), int(step.right))
        if overflow { setNull(step.target) } else { set(step.target, value) }
    }

    @inline(__always)
    mutating func floats(_ step: Instruction, _ operation: (Double, Double) -> Double) {
        guard !hasNull(step) else { return setNull(step.target) }
        set(step.target, operation(float(step.left), float(step.right)))
    }

    @inline(__always)
    mutating func float(_ step: Instruction, _ operation: (Double) -> Double) {
        guard !isNull(step.left) else { return setNull(step.target) }
        set(step.target, operation(float(step.left)))
    }

    @inline(__always)
    mutating func int(_ step: Instruction, _ operation: (Int64) -> Int64?) {
        guard !isNull(step.left) else { return setNull(step.target) }
        set(step.target, operation(int(step.left)))
    }

    @inline(__always)
    mutating func compare(_ step: Instruction, _ operation: (Int64, Int64) -> Bool) {
        guard !hasNull(step) else { return setNull(step.target) }
        set(step.target, operation(int(step.left), int(step.right)))
    }

    @inline(__always)
    mutating func compare(_ step: Instruction, _ operation: (Double, Double) -> Bool) {
        guard !hasNull(step) else { return setNull(step.target) }
        set(step.target, operation(float(step.left), float(step.right)))
    }

    /// `and` (decisive 0) and `or` (decisive 1) of three-valued logic: the decisive value decides,
    /// whatever the other side is.
    mutating func logic(_ step: Instruction, decisive: UInt64) {
        let (left, right) = (step.left, step.right)
        let (noLeft, noRight) = (isNull(left), isNull(right))
        if !noLeft && bits[Int(left)] == decisive || !noRight && bits[Int(right)] == decisive {
            set(step.target, bits: decisive)
        } else if noLeft || noRight {
            setNull(step.target)
        } else {
            set(step.target, bits: 1 - decisive)
        }
    }
}
