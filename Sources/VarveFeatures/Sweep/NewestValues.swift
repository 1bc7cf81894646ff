import VarveBytes

/// What facts say in one lane, looked up by where they are.
struct NewestValues {
    private let batches: [FactBatch]
    private let lane: Int
    private let words: RaggedArray<UInt64>
    private let states: RaggedArray<UInt8>
    private let hasNulls: Bool
    private let width: Int
    private let slot: Int

    init(_ batches: [FactBatch], lane: Int) {
        self.batches = batches
        self.lane = lane
        words = RaggedArray(batches.map(\.words))
        states = RaggedArray(batches.map { $0.lanes[lane].states })
        hasNulls = batches.contains { !$0.lanes[lane].states.isEmpty }
        let slots = batches.first?.slots ?? LaneSlots(hasWords: [])
        width = slots.width
        slot = slots.slots.isEmpty ? 0 : slots.slots[lane] ?? 0
    }

    /// The values of all rows.
    func look(up references: FeatureCells, type: ValueType) -> FeatureCells {
        var found = FeatureCells(type: type, count: references.count)
        look(up: references, 0..<references.count, &found)
        return found
    }

    /// The values of some rows: each has a status and, when it is present, a `FactReference`.
    func look(up references: FeatureCells, _ rows: Range<Int>, _ found: inout FeatureCells) {
        let present = FeatureStatus.present.rawValue
        if found.type == .string || hasNulls {
            for row in rows {
                let fact = FactReference(word: references.words[row])
                if references.statuses[row] != present {
                    found.statuses[row] = references.statuses[row]
                } else if isNull(fact) {
                    found.statuses[row] = FeatureStatus.nullValue.rawValue
                } else {
                    found.statuses[row] = present
                    if found.type == .string {
                        found.texts[row] = batches[fact.batch].lanes[lane].texts[fact.row]
                    } else {
                        found.words[row] = word(fact)
                    }
                }
            }
            return
        }
        Self.look(up: references.statuses, references.words, rows, &found.statuses, &found.words) {
            word(FactReference(word: $0))
        }
    }

    @inline(__always)
    private static func look(
        up statuses: [UInt8], _ references: [UInt64], _ rows: Range<Int>,
        _ foundStatuses: inout [UInt8], _ foundWords: inout [UInt64], _ word: (UInt64) -> UInt64
    ) {
        let (statuses, references) = (statuses.span, references.span)
        var foundStatuses = foundStatuses.mutableSpan
        var foundWords = foundWords.mutableSpan
        let present = FeatureStatus.present.rawValue
        for row in rows {
            let status = statuses[row]
            foundStatuses[row] = status
            if status == present { foundWords[row] = word(references[row]) }
        }
    }

    @inline(__always)
    private func word(_ fact: FactReference) -> UInt64 {
        words[fact.batch, fact.row * width + slot]
    }

    private func isNull(_ fact: FactReference) -> Bool {
        let present = FactState.present.byte
        return states[fact.batch, fact.row, orOfEmpty: present] != present
    }
}
