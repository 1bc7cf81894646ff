import VarveBytes

/// One lane of a partition while its rows are swept: the facts that are not left out of the lane,
/// by entity and each entity's in order of (event time, position), and what lets a window over them be
/// answered without walking it. Windows are ranges of facts of one entity.
///
/// The facts of a window fall into two parts. Up to a *settled* bound every fact's fate is known
/// before T: it counts, or it was replaced. Beyond it, facts that are not known yet lie between
/// others that are; those few are looked at one by one. Both bounds only move forward with T.
struct LaneSweep {
    /// What the facts contribute.
    struct Values: Sendable {
        /// `FactState` of each fact; empty while every one is present.
        var states: [UInt8] = []
        /// The bits of each value; empty for texts and for facts that are only counted.
        var words: [UInt64] = []
        var texts: [String] = []
    }

    /// Where the facts of each entity begin, and where those of the last one end.
    var starts: [Int] = []
    var eventTimes = FactTimes()
    var knownTimes = FactTimes()
    /// Empty when no fact is replaced.
    var replacedTimes: [Int64] = []
    var values = Values()
    /// The facts are all of the partition's.
    var isShared = false

    /// Element i: facts with a value, and facts at all, among the first i, replaced ones left out.
    /// Empty when every fact counts.
    private var valuesBefore: [Int32] = []
    private var factsBefore: [Int32] = []
    /// Element i: the newest among the first i that has a value, or counts at all; -1 for none.
    private var newestValue: [Int32] = []
    private var newestFact: [Int32] = []
    private(set) var isPlain = true
    private(set) var hasReplaced = false

    /// Prefix sums of the values of `summed`.
    private(set) var sums = FixedPointSums()
    private(set) var summed = 0..<0
    private var hasSums = false
    /// Sums are in `sums`; otherwise windows are walked.
    private(set) var sumsFit = false
    /// For each text a number in the order of `Value.precedes`; words are ranks themselves, nearly.
    private var ranks: [Int64] = []
    private var hasRanks = false
    private var ranksFloats = false

    /// Facts of all entities.
    var count: Int { eventTimes.count }

    func isPresent(_ index: Int) -> Bool {
        values.states.isEmpty || values.states[index] == FactState.present.byte
    }

    func word(_ index: Int) -> UInt64 { values.words.isEmpty ? 1 : values.words[index] }

    /// A present fact's value.
    func value(_ index: Int, _ type: ValueType) -> Value {
        switch type {
        case .bool: .bool(word(index) != 0)
        case .int64: .int64(integer(index))
        case .float64: .float64(double(index))
        case .timestamp: .timestamp(Timestamp(microseconds: integer(index)))
        case .string: .string(values.texts[index])
        }
    }

    func double(_ index: Int) -> Double { Double(bitPattern: word(index)) }

    func integer(_ index: Int) -> Int64 { Int64(bitPattern: word(index)) }

    func isReplaced(_ index: Int) -> Bool {
        hasReplaced && replacedTimes[index] != Int64.max
    }

    /// From when on it is known whether a fact counts: when it is known, or known to be replaced.
    func fate(_ index: Int) -> Int64 {
        isReplaced(index) ? replacedTimes[index] : knownTimes[index]
    }

    /// Whether a fact whose event time may be used is known and stands just before `limit`.
    func isVisible(_ index: Int, before limit: Int64) -> Bool {
        knownTimes[index] < limit && !(hasReplaced && replacedTimes[index] < limit)
    }

    /// Makes ready for the facts that were set.
    mutating func prepare() {
        hasSums = false
        hasRanks = false
        hasReplaced = replacedTimes.contains { $0 != .max }
        let present = FactState.present.byte
        let hasNulls = values.states.contains { $0 != present }
        isPlain = !hasReplaced && !hasNulls
        if isPlain { return }
        valuesBefore.removeAll(keepingCapacity: true)
        factsBefore.removeAll(keepingCapacity: true)
        newestValue.removeAll(keepingCapacity: true)
        newestFact.removeAll(keepingCapacity: true)
        var (valueCount, factCount): (Int32, Int32) = (0, 0)
        var (lastValue, lastFact): (Int32, Int32) = (-1, -1)
        for index in 0...count {
            valuesBefore.append(valueCount)
            factsBefore.append(factCount)
            newestValue.append(lastValue)
            newestFact.append(lastFact)
            if index == count || isReplaced(index) { continue }
            factCount += 1
            lastFact = Int32(index)
            if isPresent(index) {
                valueCount += 1
                lastValue = Int32(index)
            }
        }
    }

    /// Facts with a value in a settled run.
    func valueCount(_ run: Range<Int>) -> Int {
        isPlain
            ? run.count : Int(valuesBefore[run.upperBound] - valuesBefore[run.lowerBound])
    }

    /// The newest fact of a settled run with a value, or also one with a null.
    func newest(_ run: Range<Int>, orNull: Bool) -> Int? {
        if run.isEmpty { return nil }
        if isPlain { return run.upperBound - 1 }
        let found = Int((orNull ? newestFact : newestValue)[run.upperBound])
        return found >= run.lowerBound ? found : nil
    }

    /// The first fact of a settled run with a value.
    func first(_ run: Range<Int>) -> Int? {
        if isPlain { return run.first }
        return run.first { isPresent($0) && !isReplaced($0) }
    }

    /// Where the newest `limit` facts, nulls included, of a settled run begin.
    func begin(ofLast limit: Int, in run: Range<Int>) -> Int {
        if isPlain || !hasReplaced { return max(run.lowerBound, run.upperBound - limit) }
        let all = Int(factsBefore[run.upperBound])
        if all - Int(factsBefore[run.lowerBound]) <= limit { return run.lowerBound }
        // The first place that leaves all but `limit` behind, moved back to the fact itself.
        var (low, high) = (run.lowerBound, run.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if Int(factsBefore[middle]) > all - limit { high = middle } else { low = middle + 1 }
        }
        return max(run.lowerBound, low - 1)
    }
}

extension LaneSweep {
    /// Makes prefix sums of some neighbours' values; false when their sizes are too far apart.
    mutating func prepareSums(_ facts: Range<Int>, isInteger: Bool) -> Bool {
        if hasSums, summed == facts { return sumsFit }
        (hasSums, summed) = (true, facts)
        // A copy of the lane's own arrays, so that the closure below does not borrow `sums` too.
        var made = FixedPointSums()
        swap(&made, &sums)
        let (first, count) = (facts.lowerBound, facts.count)
        if isInteger {
            made.load(integers: count) { contributes(first + $0) ? integer(first + $0) : 0 }
            sumsFit = true
        } else if isPlain {
            let words = values.words
            let fits = made.fits(count) { Double(bitPattern: words[first + $0]) }
            sumsFit = fits
            if fits { made.load(count) { Double(bitPattern: words[first + $0]) } }
        } else {
            // Values of facts that are replaced one day are summed up until then.
            let fits = made.fits(count) { isPresent(first + $0) ? double(first + $0) : 0 }
            sumsFit = fits
            if fits {
                made.load(count) { contributes(first + $0) ? double(first + $0) : 0 }
            }
        }
        swap(&made, &sums)
        return sumsFit
    }

    /// Whether some neighbours' values are among those that `prepareSums` was asked for last.
    func hasSums(of facts: Range<Int>) -> Bool {
        hasSums && summed.lowerBound <= facts.lowerBound && facts.upperBound <= summed.upperBound
    }

    private func contributes(_ index: Int) -> Bool { isPresent(index) && !isReplaced(index) }

    /// The sum over a settled run.
    func sum(_ run: Range<Int>) -> Int128 {
        let first = summed.lowerBound
        return sums.sums[run.upperBound - first] - sums.sums[run.lowerBound - first]
    }

    /// One value in the units of `sum`.
    func units(_ index: Int, isInteger: Bool) -> Int128 {
        isInteger ? Int128(integer(index)) : sums.integer(double(index))
    }

    /// A sum as a double.
    func double(_ units: Int128) -> Double { sums.double(units) }

    /// Makes ranks of the values.
    mutating func prepareRanks(_ type: ValueType) {
        if hasRanks { return }
        hasRanks = true
        ranks.removeAll(keepingCapacity: true)
        switch type {
        case .string:
            let order = (0..<count).sorted {
                values.texts[$0].utf8.lexicographicallyPrecedes(
                    values.texts[$1].utf8)
            }
            ranks = Array(repeating: 0, count: count)
            var rank: Int64 = 0
            for (place, index) in order.enumerated() {
                if place > 0,
                    !values.texts[index].utf8.elementsEqual(
                        values.texts[order[place - 1]].utf8)
                {
                    rank += 1
                }
                ranks[index] = rank
            }
        case .bool, .int64, .float64, .timestamp: ranksFloats = type == .float64
        }
    }

    /// A number in the order of `Value.precedes`, once ranks are prepared.
    func rank(_ index: Int) -> Int64 {
        ranks.isEmpty ? Self.key(word(index), isFloat: ranksFloats) : ranks[index]
    }

    /// A word that is no text as a number in the order of `Value.precedes`: negative floats descend
    /// with their bits, and -0 then comes just before +0.
    @inline(__always)
    static func key(_ word: UInt64, isFloat: Bool) -> Int64 {
        let bits = Int64(bitPattern: word)
        return isFloat && bits < 0 ? bits ^ Int64.max : bits
    }

    /// The word of a key.
    @inline(__always)
    static func word(key: Int64, isFloat: Bool) -> UInt64 {
        UInt64(bitPattern: isFloat && key < 0 ? key ^ Int64.max : key)
    }
}
