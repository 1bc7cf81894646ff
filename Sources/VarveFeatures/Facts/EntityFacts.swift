import VarveBytes

/// The facts of one entity in one view, in order of (event time, position).
///
/// A fact that a later record amends or retracts stays, with the position and known time of that
/// record: answers of before must stay reproducible.
struct EntityFacts: Sendable, Equatable {
    private(set) var eventTimes: [Int64] = []
    private(set) var positions: [Int64] = []
    private(set) var knownTimes: [Int64] = []
    /// From when on a fact no longer counts; empty while none was ever replaced.
    private(set) var replacedPositions: [Int64] = []
    private(set) var replacedKnownTimes: [Int64] = []
    private(set) var columns: [FactColumn]

    /// A replaced time of facts that stand.
    private static let never = Int64.max

    init(lanes: Int) { columns = Array(repeating: FactColumn(), count: lanes) }

    var count: Int { eventTimes.count }

    /// Adds a fact; `contribution` gives its value in each lane.
    mutating func insert(
        eventTime: Int64, position: Int64, knownTime: Int64, contribution: (Int) -> Value?
    ) {
        // Records come in order of position: among equal event times the new one is the last.
        let index = firstIndex { $0 > eventTime }
        if index == count {
            eventTimes.append(eventTime)
            positions.append(position)
            knownTimes.append(knownTime)
        } else {
            eventTimes.insert(eventTime, at: index)
            positions.insert(position, at: index)
            knownTimes.insert(knownTime, at: index)
        }
        if !replacedPositions.isEmpty {
            replacedPositions.insert(Self.never, at: index)
            replacedKnownTimes.insert(Self.never, at: index)
        }
        for lane in columns.indices { columns[lane].insert(contribution(lane), at: index) }
    }

    /// Ends the fact at (event time, position) from a later record on; false when it is not here.
    mutating func replace(
        eventTime: Int64, position: Int64, byPosition: Int64, knownTime: Int64
    ) -> Bool {
        var index = firstIndex { $0 >= eventTime }
        while index < count, eventTimes[index] == eventTime, positions[index] < position {
            index += 1
        }
        guard index < count, eventTimes[index] == eventTime, positions[index] == position else {
            return false
        }
        if replacedPositions.isEmpty {
            replacedPositions = Array(repeating: Self.never, count: count)
            replacedKnownTimes = Array(repeating: Self.never, count: count)
        }
        // Records come in order of position, but may assert known times in any order: the fact ends
        // with the first record by either measure.
        replacedPositions[index] = min(replacedPositions[index], byPosition)
        replacedKnownTimes[index] = min(replacedKnownTimes[index], knownTime)
        return true
    }

    /// The first fact whose event time satisfies a condition that holds for all later ones.
    func firstIndex(where holds: (Int64) -> Bool) -> Int {
        // Facts arrive nearly in order: the end is looked at first.
        if let last = eventTimes.last, !holds(last) { return count }
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if holds(eventTimes[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Whether the fact may be used, given that its event time may.
    func isVisible(_ index: Int, _ visibility: Visibility, includesCutoff: Bool) -> Bool {
        guard positions[index] < visibility.position else { return false }
        let isReplaced =
            !replacedPositions.isEmpty && replacedPositions[index] < visibility.position
        guard visibility.knownBeforeCutoff else { return !isReplaced }
        let cutoff = visibility.cutoff.microseconds
        func isKnown(_ time: Int64) -> Bool { includesCutoff ? time <= cutoff : time < cutoff }
        return isKnown(knownTimes[index])
            && !(isReplaced && isKnown(replacedKnownTimes[index]))
    }

    /// Whether every fact is visible to a visibility whose cutoff lies behind it in event time:
    /// the usual case of a live read.
    func allVisible(_ visibility: Visibility) -> Bool {
        !visibility.knownBeforeCutoff && replacedPositions.isEmpty && visibility.position == .max
    }
}

extension EntityFacts {
    /// Writes the facts for a snapshot: counts, then column by column.
    func write(to writer: inout ByteWriter) {
        writer.integer(UInt32(count))
        writer.integer(UInt8(replacedPositions.isEmpty ? 0 : 1))
        for run in [eventTimes, positions, knownTimes, replacedPositions, replacedKnownTimes] {
            for value in run { writer.integer(value) }
        }
        for column in columns {
            for index in 0..<count {
                if column.isAbsent(index) {
                    writer.integer(UInt8(255))
                } else {
                    writer.value(column.value(index))
                }
            }
        }
    }

    /// Reads what `write` wrote.
    init(lanes: Int, reading reader: inout ByteReader) throws(ByteError) {
        self.init(lanes: lanes)
        let count = try reader.checked(
            Int64(try reader.integer(UInt32.self)), atMost: reader.remaining / 24)
        let hasReplaced = try reader.integer(UInt8.self) == 1
        func run(_ count: Int) throws(ByteError) -> [Int64] {
            var values: [Int64] = []
            values.reserveCapacity(count)
            for _ in 0..<count { values.append(try reader.integer()) }
            return values
        }
        eventTimes = try run(count)
        positions = try run(count)
        knownTimes = try run(count)
        replacedPositions = try run(hasReplaced ? count : 0)
        replacedKnownTimes = try run(hasReplaced ? count : 0)
        for lane in 0..<lanes {
            for index in 0..<count {
                if try reader.isAbsentMark() {
                    columns[lane].insert(nil, at: index)
                } else {
                    columns[lane].insert(try reader.value(), at: index)
                }
            }
        }
    }
}

extension ByteReader {
    /// Moves past the mark of an absent value, if it comes next.
    fileprivate mutating func isAbsentMark() throws(ByteError) -> Bool {
        let ahead = self
        guard try integer(UInt8.self) != 255 else { return true }
        self = ahead
        return false
    }
}
