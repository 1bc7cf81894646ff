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

    private let plan: ViewPlan
    private let stream: StreamDefinition
    private let sources: [Source]
    /// Fields that expressions read.
    private let evaluated: [Int]
    private let slots: LaneSlots

    /// A reader of a stream's records for a view.
    public init(_ view: ViewDefinition, _ stream: StreamDefinition) {
        let plan = ViewPlan(view, stream: stream)
        self.plan = plan
        self.stream = stream
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

    /// The fields of the stream that are looked at.
    public var fields: Set<String> {
        var slots = Set(evaluated).union(plan.keySlots)
        for case .field(let slot) in sources { slots.insert(slot) }
        return Set(slots.map { stream.fields[$0].name })
    }

    /// Some records of the stream, as columns.
    public struct Records: Sendable {
        /// Columns `_event_time`, `_known_time` and `fields`; `_position`, too, unless every record
        /// is below the basis.
        public let table: Table
        /// Records at or beyond it are left out; nil: there are none.
        let basis: Int64?
        /// For each row since when it is known to be replaced; empty when none is.
        let replaced: [Int64]

        public init(_ table: Table, basis: Int64?, replaced: [Int64] = []) {
            self.table = table
            self.basis = basis
            self.replaced = replaced
        }
    }

    /// The facts in some tables, one after the other.
    /// - Parameters:
    ///   - keys: of the entities that somebody asks for.
    ///   - partitionShift: entities whose numbers agree above these bits are in one partition.
    public func batch(
        _ sources: [Records], _ keys: KeyTable, partitionShift: Int
    ) -> FactBatch {
        let partitionCount = keys.partitionCount(shift: partitionShift)
        let tables = sources.filter {
            $0.table.rowCount > 0 && $0.table["_event_time"] != nil
                && $0.table["_known_time"] != nil
        }
        guard keys.count > 0, !tables.isEmpty else {
            return .none(partitions: partitionCount, slots)
        }
        var values = Array(repeating: Value.null, count: stream.fields.count)
        let fields = tables.map { source in stream.fields.map { source.table[$0.name] } }
        let numbers = zip(tables, fields).map { self.numbers($0, $1, keys, &values) }
        let starts = Self.starts(numbers, partitionCount, partitionShift)
        let rowCount = numbers.reduce(0) { $0 + $1.count }
        // Values that nobody can ask for go, once they are the most.
        let isSparse = 2 * starts[partitionCount] < rowCount
        let entries = Self.entries(
            tables.map(\.table), numbers, starts, partitionShift, isSparse: isSparse)
        var lanes: [LaneValues] = []
        var columns = Array(repeating: [[UInt64]](), count: slots.width)
        for lane in plan.lanes.indices {
            let parts = zip(fields, numbers).map { self.values(lane, $1, $0, &values) }
            lanes.append(Self.joined(parts, numbers, isText: laneType(lane) == .string, isSparse))
            if let slot = slots.slots[lane] { columns[slot] = parts.map(\.words) }
        }
        let rows = isSparse ? starts[partitionCount] : rowCount
        return FactBatch(
            entries: entries, starts: starts,
            replacedTimes: Self.replacedTimes(tables, numbers, isSparse), lanes: lanes,
            words: Self.sideBySide(columns, numbers, rows: rows, isSparse), slots: slots)
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
        if let basis = source.basis {
            guard let positions = table["_position"]?.words else {
                preconditionFailure("a table without positions")
            }
            for row in numbers.indices where Int64(bitPattern: positions[row]) >= basis {
                numbers[row] = -1
            }
        }
        if let filter = plan.filter {
            for row in numbers.indices where numbers[row] >= 0 {
                Self.load(filter.reads, columns, row, &values)
                if !filter.isTrue(values) { numbers[row] = -1 }
            }
        }
        return numbers
    }

    /// Where each partition begins, and where the last one ends.
    private static func starts(
        _ numbers: [[Int32]], _ partitionCount: Int, _ partitionShift: Int
    ) -> [Int] {
        let shift = Int32(partitionShift)
        var starts = Array(repeating: 0, count: partitionCount + 1)
        do {
            var counts = starts.mutableSpan
            for numbers in numbers {
                let numbers = numbers.span
                for row in numbers.indices where numbers[row] >= 0 {
                    counts[Int(numbers[row] >> shift) + 1] += 1
                }
            }
        }
        for index in 0..<partitionCount { starts[index + 1] += starts[index] }
        return starts
    }

    /// The facts of all tables, put together by partition; within each they stay in order.
    /// - Parameter isSparse: rows that are no facts have no values, either.
    private static func entries(
        _ tables: [Table], _ numbers: [[Int32]], _ starts: [Int], _ partitionShift: Int,
        isSparse: Bool
    ) -> [FactEntry] {
        let shift = Int32(partitionShift)
        var next = starts
        return [FactEntry](count: starts[starts.count - 1]) { entries in
            var next = next.mutableSpan
            var first: Int32 = 0
            for (table, numbers) in zip(tables, numbers) {
                let eventWords = table["_event_time"]?.words ?? []
                let knownWords = table["_known_time"]?.words ?? []
                precondition(
                    eventWords.count == numbers.count && knownWords.count == numbers.count,
                    "\(eventWords.count) and \(knownWords.count) times of \(numbers.count) rows")
                let (events, knowns) = (eventWords.span, knownWords.span)
                let numbers = numbers.span
                for row in numbers.indices {
                    let number = numbers[row]
                    if number >= 0 {
                        let partition = Int(number >> shift)
                        let place = next[partition]
                        next[partition] = place + 1
                        entries[place] = FactEntry(
                            eventTime: Int64(bitPattern: events[row]),
                            knownTime: Int64(bitPattern: knowns[row]), entity: number, row: first)
                        first &+= 1
                    } else if !isSparse {
                        first &+= 1
                    }
                }
            }
        }
    }

    /// Since when facts are known to be replaced, by the row of their entry; empty when none is.
    private static func replacedTimes(
        _ sources: [Records], _ numbers: [[Int32]], _ isSparse: Bool
    ) -> [Int64] {
        if sources.allSatisfy({ $0.replaced.isEmpty }) { return [] }
        return zip(sources, numbers).flatMap { source, numbers in
            let times =
                source.replaced.isEmpty
                ? Array(repeating: .max, count: numbers.count) : source.replaced
            return isSparse ? kept(times, numbers) : times
        }
    }

    /// One lane's states and texts of all tables, by the row of their entry.
    private static func joined(
        _ parts: [RowValues], _ numbers: [[Int32]], isText: Bool, _ isSparse: Bool
    ) -> LaneValues {
        var joined = LaneValues()
        let hasStates = parts.contains { !$0.states.isEmpty }
        for (part, numbers) in zip(parts, numbers) {
            if hasStates {
                let states =
                    part.states.isEmpty
                    ? Array(repeating: FactState.present.byte, count: numbers.count)
                    : part.states
                joined.states += isSparse ? kept(states, numbers) : states
            }
            if isText { joined.texts += isSparse ? kept(part.texts, numbers) : part.texts }
        }
        return joined
    }

    /// The words of all tables, each row's side by side.
    /// - Parameter columns: by slot those of each table.
    private static func sideBySide(
        _ columns: [[[UInt64]]], _ numbers: [[Int32]], rows: Int, _ isSparse: Bool
    ) -> [UInt64] {
        let width = columns.count
        if width == 1, numbers.count == 1, !isSparse { return columns[0][0] }
        return [UInt64](count: rows * width) { words in
            for (slot, parts) in columns.enumerated() {
                var place = slot
                for (part, numbers) in zip(parts, numbers) {
                    precondition(
                        part.count == numbers.count,
                        "\(part.count) cells of \(numbers.count) rows")
                    let (part, numbers) = (part.span, numbers.span)
                    for row in part.indices where !isSparse || numbers[row] >= 0 {
                        words[place] = part[row]
                        place += width
                    }
                }
            }
        }
    }

    /// The elements of rows that are facts.
    private static func kept<Element>(_ elements: [Element], _ numbers: [Int32]) -> [Element] {
        precondition(
            elements.count == numbers.count, "\(elements.count) cells of \(numbers.count) rows")
        return zip(elements, numbers).lazy.filter { $0.1 >= 0 }.map(\.0)
    }

    private static func load(
        _ slots: [Int], _ columns: [Column?], _ row: Int, _ values: inout [Value]
    ) {
        for slot in slots { values[slot] = columns[slot].map { Value($0.cell(row)) } ?? .null }
    }

    /// What the rows of a table contribute to a lane.
    private struct RowValues {
        /// Empty while every one is present.
        var states: [UInt8] = []
        /// Empty for lanes without a slot.
        var words: [UInt64] = []
        var texts: [String] = []
    }

    /// What each row contributes to a lane; of rows that are no facts, anything.
    private func values(
        _ lane: Int, _ numbers: [Int32], _ columns: [Column?], _ values: inout [Value]
    ) -> RowValues {
        var found = RowValues()
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
