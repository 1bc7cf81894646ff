import VarveBytes
public import VarveFormats

/// What facts contribute to one lane of a view, as columns.
struct LaneValues: Sendable {
    /// `FactState` of each fact; empty while every one is present.
    var states: [UInt8] = []
    /// The bits of each value; empty for texts and for facts that are only counted.
    var words: [UInt64] = []
    var texts: [String] = []
}

/// Facts of one view as columns, put together by partition, in the order they came within each.
public struct FactBatch: Sendable {
    /// The number of each fact's entity.
    var entities: [Int32] = []
    var eventTimes: [Int64] = []
    var knownTimes: [Int64] = []
    /// From when on each fact is known to be replaced; empty when none is.
    var replacedTimes: [Int64] = []
    var lanes: [LaneValues]
    /// Where each partition begins, and where the last one ends.
    var starts: [Int] = []

    /// No facts, of no partition.
    public static let none = FactBatch(lanes: [])

    /// How many lanes its view has.
    public var laneCount: Int { lanes.count }

    /// Facts in the batch.
    public var count: Int { entities.count }

    /// Bytes of memory, roughly.
    public var byteCount: Int {
        lanes.reduce(count * 20 + replacedTimes.count * 8) {
            $0 + $1.states.count + $1.words.count * 8 + $1.texts.count * 32
        }
    }
}

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
    private let rows: KeyedRows
    private let partitionShift: Int
    /// How many partitions there are.
    public let partitionCount: Int
    private let sources: [Source]
    /// Fields that expressions read.
    private let evaluated: [Int]

    /// - Parameters:
    ///   - partitionShift: entities whose numbers agree above these bits are in one partition.
    public init(
        _ view: ViewDefinition, _ stream: StreamDefinition, _ rows: KeyedRows, partitionShift: Int
    ) {
        let plan = ViewPlan(view, stream: stream)
        self.plan = plan
        self.stream = stream
        self.rows = rows
        self.partitionShift = partitionShift
        partitionCount = ((rows.keys.count - 1) >> partitionShift) + 1
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

    /// The facts in a table.
    /// - Parameters:
    ///   - table: columns `_event_time`, `_known_time` and `fields`; `_position`, too, unless every
    ///     record is below the basis.
    ///   - basis: records at or beyond it are left out; nil: there are none.
    ///   - replaced: for each row since when it is known to be replaced; empty when none is.
    public func batch(_ table: Table, basis: Int64?, replaced: [Int64] = []) -> FactBatch {
        var batch = FactBatch(lanes: Array(repeating: LaneValues(), count: plan.lanes.count))
        guard rows.keys.count > 0, let eventTimes = table["_event_time"]?.words,
            let knownTimes = table["_known_time"]?.words
        else {
            batch.starts = Array(repeating: 0, count: partitionCount + 1)
            return batch
        }
        let columns = stream.fields.map { table[$0.name] }
        var values = Array(repeating: Value.null, count: stream.fields.count)
        let numbers = numbers(table, columns, basis, &values)
        let order = part(numbers, &batch)
        batch.eventTimes = Self.gathered(order, eventTimes) { Int64(bitPattern: $0) }
        batch.knownTimes = Self.gathered(order, knownTimes) { Int64(bitPattern: $0) }
        if !replaced.isEmpty { batch.replacedTimes = order.map { replaced[Int($0)] } }
        for lane in plan.lanes.indices {
            batch.lanes[lane] = self.values(lane, order, columns, &values)
        }
        return batch
    }

    /// For each row the number of its entity; -1 for rows that are no fact of anybody asked for.
    private func numbers(
        _ table: Table, _ columns: [Column?], _ basis: Int64?, _ values: inout [Value]
    ) -> [Int32] {
        let keyColumns = plan.keySlots.compactMap { columns[$0] }
        precondition(keyColumns.count == plan.keySlots.count, "a table without its key")
        var numbers = rows.keys.numbers(keyColumns, rows: table.rowCount)
        if let basis {
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

    /// Puts facts together by partition; within each they stay in the order of the table.
    /// - Returns: the rows that are facts, in the batch's order.
    private func part(_ numbers: [Int32], _ batch: inout FactBatch) -> [Int32] {
        let shift = Int32(partitionShift)
        var starts = Array(repeating: 0, count: partitionCount + 1)
        do {
            var counts = starts.mutableSpan
            let numbers = numbers.span
            for row in numbers.indices where numbers[row] >= 0 {
                counts[Int(numbers[row] >> shift) + 1] += 1
            }
        }
        for index in 0..<partitionCount { starts[index + 1] += starts[index] }
        var order = Array(repeating: Int32(0), count: starts[partitionCount])
        var entities = order
        var next = starts
        do {
            var places = next.mutableSpan
            var order = order.mutableSpan
            var entities = entities.mutableSpan
            let numbers = numbers.span
            for row in numbers.indices where numbers[row] >= 0 {
                let partition = Int(numbers[row] >> shift)
                let place = places[partition]
                places[partition] = place + 1
                order[place] = Int32(truncatingIfNeeded: row)
                entities[place] = numbers[row]
            }
        }
        batch.entities = entities
        batch.starts = starts
        return order
    }

    /// Values of some rows, in the order of those.
    @inline(__always)
    private static func gathered<Element>(
        _ order: [Int32], _ words: [UInt64], as element: (UInt64) -> Element
    ) -> [Element] {
        let words = words.span
        let order = order.span
        return [Element](capacity: order.count) { (gathered: inout OutputSpan<Element>) in
            for index in order.indices { gathered.append(element(words[Int(order[index])])) }
        }
    }

    private static func load(
        _ slots: [Int], _ columns: [Column?], _ row: Int, _ values: inout [Value]
    ) {
        for slot in slots { values[slot] = columns[slot].map { Value($0.cell(row)) } ?? .null }
    }

    private func values(
        _ lane: Int, _ order: [Int32], _ columns: [Column?], _ values: inout [Value]
    ) -> LaneValues {
        var found = LaneValues()
        let filter = plan.lanes[lane].filter
        switch sources[lane] {
        case .ones where filter == nil: return found
        case .field(let slot) where filter == nil:
            guard let column = columns[slot] else { break }
            if column.nullCount > 0 {
                found.states = order.map {
                    (column.isNull(Int($0)) ? FactState.null : .present).byte
                }
            }
            switch column.type {
            case .string: found.texts = order.map { column.string(Int($0)) ?? "" }
            case .bool: found.words = order.map { column.bool(Int($0)) == true ? 1 : 0 }
            default: found.words = Self.gathered(order, column.words) { $0 }
            }
            return found
        default: break
        }
        let isText = plan.laneType(lane, stream) == .string
        for row in order {
            Self.load(evaluated, columns, Int(row), &values)
            if case .field(let slot) = sources[lane] {
                Self.load([slot], columns, Int(row), &values)
            }
            let value = plan.contribution(plan.lanes[lane], values)
            var (state, word, text) = (FactState.present, UInt64(0), "")
            switch value {
            case nil: state = .absent
            case .null?: state = .null
            case .bool(let value)?: word = value ? 1 : 0
            case .int64(let value)?: word = UInt64(bitPattern: value)
            case .float64(let value)?: word = value.bitPattern
            case .timestamp(let value)?: word = UInt64(bitPattern: value.microseconds)
            case .string(let value)?: text = value
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
