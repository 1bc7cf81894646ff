public import VarveBytes

/// A record as one view will keep it: all that can be computed without looking at the state, so
/// that a shard is locked for the insertion only. Reused from record to record.
public struct PreparedFact: Sendable {
    /// The entity's key, encoded as `EntityKey` is.
    private(set) var key = ByteWriter(capacity: 64)
    /// `EntityKey.hash`, which decides the shard.
    public private(set) var hash: UInt64 = 0
    /// As `FactLayout` has it, but for the numbers of texts.
    private(set) var words: [UInt64] = []
    /// The texts of `FactLayout.textWords`, in that order.
    private(set) var texts: [String] = []

    public init() {}

    var eventTime: Int64 { Int64(bitPattern: words[FactLayout.eventTime]) }
    var position: Int64 { Int64(bitPattern: words[FactLayout.position]) }

    /// Makes a record ready.
    /// - Returns: false when it is no fact of the view: the filter leaves it out, or a field of
    ///   its key is null.
    public mutating func prepare(
        _ plan: ViewPlan, _ slots: borrowing [Value], eventTime: Timestamp, position: Int64,
        knownTime: Timestamp
    ) -> Bool {
        if let filter = plan.filter, !filter.isTrue(slots) { return false }
        key.bytes.removeAll(keepingCapacity: true)
        for slot in plan.keySlots {
            guard key.keyValue(slots[slot]) else { return false }
        }
        hash = KeyHash.hash(key.bytes.raw)
        let layout = plan.layout
        words.removeAll(keepingCapacity: true)
        texts.removeAll(keepingCapacity: true)
        words.append(UInt64(bitPattern: eventTime.microseconds))
        words.append(UInt64(bitPattern: position))
        words.append(UInt64(bitPattern: knownTime.microseconds))
        for _ in FactLayout.states..<layout.stride { words.append(0) }
        for (number, lane) in plan.lanes.enumerated() {
            if let filter = lane.filter, !filter.isTrue(slots) {
                if layout.lanes[number].type == .string { texts.append("") }
                continue
            }
            set(number, layout, lane, slots)
        }
        return true
    }

    @inline(__always)
    private mutating func set(
        _ number: Int, _ layout: FactLayout, _ lane: ViewPlan.Lane, _ slots: borrowing [Value]
    ) {
        let value: Value
        if let slot = lane.slot ?? lane.argument?.onlySlot {
            value = slots[slot]
        } else if let argument = lane.argument {
            value = argument.evaluate(slots)
        } else {
            return setState(.present, number)
        }
        let word = layout.lanes[number].word ?? 0
        switch (layout.lanes[number].type, value) {
        case (.float64, .float64(let value)): words[word] = value.bitPattern
        case (.int64, .int64(let value)): words[word] = UInt64(bitPattern: value)
        case (.bool, .bool(let value)): words[word] = value ? 1 : 0
        case (.timestamp, .timestamp(let value)):
            words[word] = UInt64(bitPattern: value.microseconds)
        case (.string, .string(let value)): texts.append(value)
        default:
            if layout.lanes[number].type == .string { texts.append("") }
            return setState(.null, number)
        }
        setState(.present, number)
    }

    private mutating func setState(_ state: FactState, _ lane: Int) {
        words[FactLayout.states + lane >> 5] |= state.rawValue << UInt64((lane & 31) * 2)
    }

    /// Replaces texts by their numbers in a shard's table.
    mutating func number(_ layout: FactLayout, _ table: inout TextTable) {
        for (index, word) in layout.textWords.enumerated() {
            words[word] = table.number(of: texts[index])
        }
    }
}

extension ByteWriter {
    /// Writes a field of an entity's key; false when it is null, as null never matches anything.
    mutating func keyValue(_ value: Value) -> Bool {
        if value.isNull { return false }
        // -0 and +0 are one key, as they are one number.
        if case .float64(0) = value { self.value(.float64(0)) } else { self.value(value) }
        return true
    }
}
