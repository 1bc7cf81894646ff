/// How the facts of a view lie in memory: one after the other, each as 64-bit words.
///
///     [ event time | position | known time | states ... | words ... ]
///
/// `states` has two bits for each lane (`FactState`); `words` one word for each lane that has more
/// to say than that: a number, a boolean or a time as its bits, a text as its number in the
/// shard's `TextTable`.
struct FactLayout: Sendable, Equatable {
    /// One lane.
    struct Lane: Sendable, Equatable {
        /// The type of its values.
        let type: ValueType
        /// The place of its word in a fact; nil for `*`, which is true wherever it is present.
        let word: Int?
        /// Whether sums of it are ever asked for.
        let isSummed: Bool
        /// Whether its extremes are ever asked for.
        let isCompared: Bool
    }

    static let eventTime = 0
    static let position = 1
    static let knownTime = 2
    static let states = 3

    private(set) var lanes: [Lane] = []
    /// Words of one fact.
    let stride: Int
    /// The places of words that number a text.
    let textWords: [Int]

    init(_ lanes: [ViewPlan.Lane], summed: Set<Int>, compared: Set<Int>) {
        var next = Self.states + (lanes.count + 31) / 32
        var texts: [Int] = []
        for (number, lane) in lanes.enumerated() {
            let type = lane.type
            var word: Int?
            if lane.hasValue {
                word = next
                if type == .string { texts.append(next) }
                next += 1
            }
            self.lanes.append(
                Lane(
                    type: type, word: word, isSummed: summed.contains(number),
                    isCompared: compared.contains(number)))
        }
        stride = next
        textWords = texts
    }
}

/// What a fact says in a lane.
enum FactState: UInt64 {
    /// The lane's filter leaves it out.
    case absent = 0
    case null = 1
    case present = 2

    /// The state where it is kept by itself.
    var byte: UInt8 { UInt8(truncatingIfNeeded: rawValue) }
}

extension Span<UInt64> {
    /// What the fact that starts at an offset says in a lane: `FactState`'s raw value.
    @inline(__always)
    func state(_ fact: Int, _ lane: Int) -> UInt64 {
        self[fact + FactLayout.states + lane >> 5] &>> UInt64(truncatingIfNeeded: (lane & 31) * 2)
            & 3
    }

    /// A signed word.
    @inline(__always)
    func integer(_ index: Int) -> Int64 { Int64(bitPattern: self[index]) }
}
