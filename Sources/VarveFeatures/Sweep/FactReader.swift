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
            return .none(partitions: partitionCount, lanes: plan.lanes.count)
        }
        var values = Array(repeating: Value.null, count: stream.fields.count)
        let columns = tables.map { source in stream.fields.map { source.table[$0.name] } }
        let numbers = zip(tables, columns).map { self.numbers($0, $1, keys, &values) }
        let (starts, places) = Self.places(numbers, partitionCount, partitionShift)
        let count = starts[partitionCount]
        // Each place is one row's: nothing needs to be in it before.
        let entities = [Int32](count: count) { (entities: inout MutableSpan<Int32>) in
            for (numbers, places) in zip(numbers, places) {
                Self.scatter(numbers, to: places, of: &entities) { $0 }
            }
        }
        func times(_ name: String) -> [Int64] {
            [Int64](count: count) { (times: inout MutableSpan<Int64>) in
                for (source, places) in zip(tables, places) {
                    let words = source.table[name]?.words ?? []
                    Self.scatter(words, to: places, of: &times) { Int64(bitPattern: $0) }
                }
            }
        }
        var replaced: [Int64] = []
        if tables.contains(where: { !$0.replaced.isEmpty }) {
            replaced = Array(repeating: .max, count: count)
            for (source, places) in zip(tables, places) where !source.replaced.isEmpty {
                var replaced = replaced.mutableSpan
                Self.scatter(source.replaced, to: places, of: &replaced) { $0 }
            }
        }
        return FactBatch(
            entities: entities, eventTimes: times("_event_time"),
            knownTimes: times("_known_time"), replacedTimes: replaced,
            lanes: plan.lanes.indices.map { lane in
                let parts = columns.indices.map {
                    self.values(lane, places[$0], columns[$0], &values)
                }
                return Self.placed(parts, places, count, isText: laneType(lane) == .string)
            },
            starts: starts)
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

    /// Where each partition begins, and for each row of each table the place of its fact, or -1:
    /// facts are put together by partition, and within each they stay in order.
    private static func places(
        _ numbers: [[Int32]], _ partitionCount: Int, _ partitionShift: Int
    ) -> (starts: [Int], places: [[Int32]]) {
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
                    let partition = Int(number >> shift)
                    places.append(next[partition])
                    next[partition] &+= 1
                }
            }
        }
        return (starts, places)
    }

    /// Puts elements at their places; those whose place is -1 nowhere.
    @inline(__always)
    private static func scatter<From: BitwiseCopyable, To: BitwiseCopyable>(
        _ elements: [From], to places: [Int32], of target: inout MutableSpan<To>,
        as made: (From) -> To
    ) {
        precondition(
            elements.count == places.count, "\(elements.count) cells of \(places.count) rows")
        let (elements, places) = (elements.span, places.span)
        for row in elements.indices where places[row] >= 0 {
            target[Int(places[row])] = made(elements[row])
        }
    }

    /// One lane's values of all tables, each at its place.
    private static func placed(
        _ parts: [LaneValues], _ places: [[Int32]], _ count: Int, isText: Bool
    ) -> LaneValues {
        var placed = LaneValues()
        if parts.contains(where: { !$0.states.isEmpty }) {
            placed.states = Array(repeating: FactState.present.byte, count: count)
        }
        let hasWords = parts.contains { !$0.words.isEmpty }
        if hasWords, !parts.contains(where: { $0.words.isEmpty }) {
            placed.words = [UInt64](count: count) { (words: inout MutableSpan<UInt64>) in
                for (part, places) in zip(parts, places) {
                    scatter(part.words, to: places, of: &words) { $0 }
                }
            }
        } else if hasWords {
            placed.words = Array(repeating: 0, count: count)
            var words = placed.words.mutableSpan
            for (part, places) in zip(parts, places) {
                scatter(part.words, to: places, of: &words) { $0 }
            }
        }
        if isText { placed.texts = Array(repeating: "", count: count) }
        for (part, places) in zip(parts, places) {
            if !part.states.isEmpty {
                var states = placed.states.mutableSpan
                scatter(part.states, to: places, of: &states) { $0 }
            }
            for (row, text) in part.texts.enumerated() where places[row] >= 0 {
                placed.texts[Int(places[row])] = text
            }
        }
        return placed
    }

    private static func load(
        _ slots: [Int], _ columns: [Column?], _ row: Int, _ values: inout [Value]
    ) {
        for slot in slots { values[slot] = columns[slot].map { Value($0.cell(row)) } ?? .null }
    }

    /// What each row contributes to a lane; of rows without a place, anything.
    private func values(
        _ lane: Int, _ places: [Int32], _ columns: [Column?], _ values: inout [Value]
    ) -> LaneValues {
        var found = LaneValues()
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
        let isText = laneType(lane) == .string
        for row in places.indices {
            var (state, word, text) = (FactState.present, UInt64(0), "")
            if places[row] >= 0 {
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
            if isText { found.texts.append(text) } else { found.words.append(word) }
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
