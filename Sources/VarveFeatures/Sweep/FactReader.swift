import VarveBytes
public import VarveFormats

/// Turns tables of a stream's records into facts of one view: those that its filter accepts, about
/// entities that somebody asks for.
public struct FactReader: Sendable {
    /// Where a lane's values come from.
    private enum Source {
        case ones
        case field(Int)
        case computed(Expression)
    }

    let plan: ViewPlan
    let stream: StreamDefinition
    private let sources: [Source]
    /// Fields that expressions read.
    private let evaluated: [Int]
    let slots: LaneSlots
    /// Values stay in the order in which they were read.
    private let keepsOrder: Bool

    /// A reader of a stream's records for a view.
    /// - Parameter keepsOrder: most values are not looked at, so that it does not pay to put them
    ///   together by partition.
    public init(_ view: ViewDefinition, _ stream: StreamDefinition, keepsOrder: Bool) {
        let plan = ViewPlan(view, stream: stream)
        self.plan = plan
        self.stream = stream
        self.keepsOrder = keepsOrder
        sources = plan.lanes.map { lane in
            if let slot = lane.slot { return .field(slot) }
            guard let argument = lane.argument else { return .ones }
            if let slot = argument.reads.first, argument.reads.count == 1,
                argument.text == stream.fields[slot].name,
                argument.type == stream.fields[slot].type
            {
                return .field(slot)
            }
            return .computed(argument)
        }
        var evaluated = Set(plan.filter?.reads ?? [])
        for (lane, source) in zip(plan.lanes, sources) {
            evaluated.formUnion(lane.filter?.reads ?? [])
            if case .computed(let expression) = source { evaluated.formUnion(expression.reads) }
        }
        self.evaluated = evaluated.sorted()
        slots = LaneSlots(
            hasWords: plan.lanes.indices.map {
                plan.lanes[$0].hasValue && plan.laneType($0, stream) != .string
            })
    }

    /// Whether a lane's values are found row by row, be it without reading a field.
    var isComputing: Bool {
        zip(plan.lanes, sources).contains { lane, source in
            if case .computed = source { true } else { lane.filter != nil }
        }
    }

    /// The fields of the stream that are looked at.
    public var fields: Set<String> {
        var slots = Set(evaluated).union(plan.keySlots)
        for case .field(let slot) in sources { slots.insert(slot) }
        return Set(slots.map { stream.fields[$0].name })
    }

    /// Some records of the stream, as columns.
    public struct Records: Sendable {
        /// Columns `_event_time`, `_known_time` and `fields`; `_position`, too, if some records are
        /// left out by it.
        public let table: Table
        /// Records at or beyond it are left out; nil: there are none.
        let basis: Int64?
        /// Records below it are left out; nil: there are none.
        let start: Int64?
        /// For each row since when it is known to be replaced; empty when none is.
        let replaced: [Int64]

        public init(
            _ table: Table, basis: Int64?, from start: Int64? = nil, replaced: [Int64] = []
        ) {
            self.table = table
            self.basis = basis
            self.start = start
            self.replaced = replaced
        }
    }

    /// The facts in some tables, one after the other.
    /// - Parameters:
    ///   - keys: of the entities that somebody asks for.
    ///   - partitions: of the keys.
    public func batch(
        _ sources: [Records], _ keys: KeyTable, _ partitions: KeyPartitions
    ) -> FactBatch {
        let tables = sources.filter {
            $0.table.rowCount > 0 && $0.table["_event_time"] != nil
                && $0.table["_known_time"] != nil
        }
        guard keys.count > 0, !tables.isEmpty else {
            return .none(partitions: partitions.count, slots)
        }
        var values = Array(repeating: Value.null, count: stream.fields.count)
        let fields = tables.map { source in stream.fields.map { source.table[$0.name] } }
        let numbers = zip(tables, fields).map { self.numbers($0, $1, keys, &values) }
        let (starts, places) = Self.places(numbers, partitions)
        let count = starts[partitions.count]
        // Where values go; those that nobody can ask for go nowhere once they are the most.
        let rowCount = numbers.reduce(0) { $0 + $1.count }
        precondition(rowCount <= Int(Int32.max), "\(rowCount) records read at once")
        let isDense = keepsOrder && count > rowCount / 2
        let rows = keepsOrder ? Self.ordinals(numbers, skipping: !isDense) : places
        let valueCount = isDense ? rowCount : count
        var lanes: [LaneValues] = []
        var columns = Array(repeating: [[UInt64]](), count: slots.width)
        for lane in plan.lanes.indices {
            let parts = zip(fields, numbers).map { self.values(lane, $1, $0, &values) }
            let isText = laneType(lane) == .string
            lanes.append(Self.joined(parts, rows, count: valueCount, isText: isText))
            if let slot = slots.slots[lane] { columns[slot] = parts.map(\.words) }
        }
        return FactBatch(
            entries: Self.entries(tables.map(\.table), numbers, places, rows, count: count),
            starts: starts, replacedTimes: Self.replacedTimes(tables, rows, count: valueCount),
            lanes: lanes, words: Self.sideBySide(columns, rows, count: valueCount, isDense: isDense),
            slots: slots)
    }

    private func laneType(_ lane: Int) -> ValueType { plan.laneType(lane, stream) }

    /// For each row the number of its entity; -1 for rows that are no fact of anybody asked for.
    private func numbers(
        _ source: Records, _ columns: [Column?], _ keys: KeyTable, _ values: inout [Value]
    ) -> [Int32] {
        let table = source.table
        let keyColumns = plan.keySlots.compactMap { columns[$0] }
        // Records from before the stream had a field of the key: it is null in all of them.
        if keyColumns.count < plan.keySlots.count {
            return Array(repeating: -1, count: table.rowCount)
        }
        var numbers = keys.numbers(keyColumns, rows: table.rowCount)
        leaveOut(source, columns, &numbers, &values)
        return numbers
    }

    /// Marks rows with -1 that are no facts: by their position, or because the filter says so.
    func leaveOut(
        _ source: Records, _ columns: [Column?], _ numbers: inout [Int32], _ values: inout [Value]
    ) {
        if source.basis != nil || source.start != nil {
            guard let positions = source.table["_position"]?.words else {
                preconditionFailure("a table without positions")
            }
            // A basis may lie below the start: nothing is left then.
            let (start, basis) = (source.start ?? Int64.min, source.basis ?? Int64.max)
            for row in numbers.indices {
                let position = Int64(bitPattern: positions[row])
                if position < start || position >= basis { numbers[row] = -1 }
            }
        }
        if let filter = plan.filter {
            for row in numbers.indices where numbers[row] >= 0 {
                Self.load(filter.reads, columns, row, &values)
                if !filter.isTrue(values) { numbers[row] = -1 }
            }
        }
    }

    /// Where each partition begins, and for each row of each table the place of its fact, or -1:
    /// facts are put together by partition, and within each they stay in order.
    private static func places(
        _ numbers: [[Int32]], _ partitions: KeyPartitions
    ) -> (starts: [Int], places: [[Int32]]) {
        if let shift = partitions.shift {
            let shift = Int32(shift)
            return places(numbers, partitions.count) { Int($0 >> shift) }
        }
        let of = partitions.places
        return places(numbers, partitions.count) { Int(of[Int($0)]) }
    }

    @inline(__always)
    private static func places(
        _ numbers: [[Int32]], _ partitionCount: Int, _ partition: (Int32) -> Int
    ) -> (starts: [Int], places: [[Int32]]) {
        var starts = Array(repeating: 0, count: partitionCount + 1)
        do {
            var counts = starts.mutableSpan
            for numbers in numbers {
                let numbers = numbers.span
                for row in numbers.indices where numbers[row] >= 0 {
                    counts[partition(numbers[row]) + 1] += 1
                }
            }
        }
        for index in 0..<partitionCount { starts[index + 1] += starts[index] }
        var next = starts.map { Int32(truncatingIfNeeded: $0) }
        let places = numbers.map { numbers in
            let numbers = numbers.span
            return [Int32](capacity: numbers.count) { (places: inout OutputSpan<Int32>) in
                var next = next.mutableSpan
                for row in numbers.indices {
                    let number = numbers[row]
                    if number < 0 {
                        places.append(-1)
                        continue
                    }
                    let partition = partition(number)
                    places.append(next[partition])
                    next[partition] &+= 1
                }
            }
        }
        return (starts, places)
    }

    /// The rows of all tables in order; where some are skipped, those that are no facts are -1.
    private static func ordinals(_ numbers: [[Int32]], skipping: Bool) -> [[Int32]] {
        var next: Int32 = 0
        return numbers.map { numbers in
            numbers.map { number in
                if skipping, number < 0 { return -1 }
                defer { next &+= 1 }
                return next
            }
        }
    }

    /// Facts without their values, each at its place, which says where they are.
    private static func entries(
        _ tables: [Table], _ numbers: [[Int32]], _ places: [[Int32]], _ rows: [[Int32]],
        count: Int
    ) -> [FactEntry] {
        [FactEntry](count: count) { entries in
            for (index, table) in tables.enumerated() {
                let eventWords = table["_event_time"]?.words ?? []
                let knownWords = table["_known_time"]?.words ?? []
                let (allNumbers, allPlaces, allRows) = (
                    numbers[index], places[index], rows[index])
                let (numbers, places, rows) = (allNumbers.span, allPlaces.span, allRows.span)
                precondition(
                    eventWords.count == places.count && knownWords.count == places.count,
                    "\(eventWords.count) and \(knownWords.count) times of \(places.count) rows")
                let (events, knowns) = (eventWords.span, knownWords.span)
                for row in places.indices where places[row] >= 0 {
                    entries[Int(places[row])] = FactEntry(
                        eventTime: Int64(bitPattern: events[row]),
                        knownTime: Int64(bitPattern: knowns[row]), entity: numbers[row],
                        row: rows[row])
                }
            }
        }
    }

    /// Since when facts are known to be replaced; empty when none is.
    private static func replacedTimes(
        _ sources: [Records], _ rows: [[Int32]], count: Int
    ) -> [Int64] {
        if sources.allSatisfy({ $0.replaced.isEmpty }) { return [] }
        var all = Array(repeating: Int64.max, count: count)
        for (source, rows) in zip(sources, rows) { put(source.replaced, at: rows, in: &all) }
        return all
    }

    /// One lane's states and texts of all tables.
    private static func joined(
        _ parts: [LaneSweep.Values], _ rows: [[Int32]], count: Int, isText: Bool
    ) -> LaneValues {
        var joined = LaneValues()
        if parts.contains(where: { !$0.states.isEmpty }) {
            joined.states = Array(repeating: FactState.present.byte, count: count)
        }
        if isText { joined.texts = Array(repeating: "", count: count) }
        for (part, rows) in zip(parts, rows) {
            put(part.states, at: rows, in: &joined.states)
            put(part.texts, at: rows, in: &joined.texts)
        }
        return joined
    }

    /// Puts elements, if there are any, at their rows; those whose row is -1 nowhere.
    private static func put<Element>(
        _ elements: [Element], at rows: [Int32], in all: inout [Element]
    ) {
        if elements.isEmpty { return }
        for (element, row) in zip(elements, rows) where row >= 0 { all[Int(row)] = element }
    }

    /// The words of all tables, each fact's side by side.
    /// - Parameters:
    ///   - columns: by slot those of each table.
    ///   - isDense: rows are in order, and none is left out.
    private static func sideBySide(
        _ columns: [[[UInt64]]], _ rows: [[Int32]], count: Int, isDense: Bool
    ) -> [UInt64] {
        let width = columns.count
        if width == 1, rows.count == 1, isDense { return columns[0][0] }
        return [UInt64](count: count * width) { words in
            for (slot, parts) in columns.enumerated() {
                for (part, rows) in zip(parts, rows) {
                    precondition(
                        part.count == rows.count, "\(part.count) cells of \(rows.count) rows")
                    let (part, rows) = (part.span, rows.span)
                    for row in part.indices where rows[row] >= 0 {
                        words[Int(rows[row]) * width + slot] = part[row]
                    }
                }
            }
        }
    }

    private static func load(
        _ slots: [Int], _ columns: [Column?], _ row: Int, _ values: inout [Value]
    ) {
        for slot in slots { values[slot] = columns[slot].map { Value($0.cell(row)) } ?? .null }
    }

    /// What each row contributes to a lane; of rows that are no facts, anything.
    func values(
        _ lane: Int, _ numbers: [Int32], _ columns: [Column?], _ values: inout [Value]
    ) -> LaneSweep.Values {
        var found = LaneSweep.Values()
        let isText = laneType(lane) == .string
        let hasWords = slots.slots[lane] != nil
        let filter = plan.lanes[lane].filter
        switch sources[lane] {
        case .ones where filter == nil: return found
        case .field(let slot) where filter == nil:
            guard let column = columns[slot] else { break }
            let rows = 0..<column.count
            if column.nullCount > 0 {
                found.states = rows.map { (column.isNull($0) ? FactState.null : .present).byte }
            }
            switch column.type {
            case .string: found.texts = rows.map { column.string($0) ?? "" }
            case .bool: found.words = rows.map { column.bool($0) == true ? 1 : 0 }
            default: found.words = column.words
            }
            return found
        default: break
        }
        for row in numbers.indices {
            var (state, word, text) = (FactState.present, UInt64(0), "")
            if numbers[row] >= 0 {
                Self.load(evaluated, columns, row, &values)
                if case .field(let slot) = sources[lane] {
                    Self.load([slot], columns, row, &values)
                }
                switch plan.contribution(plan.lanes[lane], values) {
                case nil: state = .absent
                case .null?: state = .null
                case .bool(let value)?: word = value ? 1 : 0
                case .int64(let value)?: word = UInt64(bitPattern: value)
                case .float64(let value)?: word = value.bitPattern
                case .timestamp(let value)?: word = UInt64(bitPattern: value.microseconds)
                case .string(let value)?: text = value
                }
            }
            found.states.append(state.byte)
            if isText { found.texts.append(text) }
            if hasWords { found.words.append(word) }
        }
        if !found.states.contains(where: { $0 != FactState.present.byte }) {
            found.states = []
        }
        return found
    }
}

extension ViewPlan {
    /// The type of a lane's values.
    func laneType(_ lane: Int, _ stream: StreamDefinition) -> ValueType {
        if let slot = lanes[lane].slot { return stream.fields[slot].type }
        return lanes[lane].argument?.type ?? .bool
    }
}

extension ViewPlan {
    /// What a record contributes to a lane; nil where the lane's filter leaves it out.
    fileprivate func contribution(_ lane: Lane, _ slots: [Value]) -> Value? {
        if let filter = lane.filter, !filter.isTrue(slots) { return nil }
        if let slot = lane.slot { return slots[slot] }
        return lane.argument?.evaluate(slots) ?? .bool(true)
    }
}
