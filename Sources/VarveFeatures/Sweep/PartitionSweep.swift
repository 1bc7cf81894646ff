import VarveBytes

/// The facts of one partition of a view and the rows that ask for them, swept entity by entity.
///
/// Nothing depends on how facts are cut into batches, as long as those with equal event times come
/// in order of position.
public struct PartitionSweep {
    /// What is swept.
    public struct Request: Sendable {
        public let view: ViewDefinition
        /// The features that are asked for, by their places in the view.
        public let features: [Int]
        public let rows: KeyedRows
        /// See `FactReader.init`.
        public let partitionShift: Int
        /// Whether rows rest on what was known at their T, or on all that is known.
        public let isAsKnown: Bool
        /// The newest T of all rows: where a plain join would look.
        public let newest: Int64
        /// Whether every row's other answers are wanted too, or only how many differ.
        public let keepsOthers: Bool
        fileprivate let plan: ViewPlan
        fileprivate let laneTypes: [ValueType]

        public init(
            view: ViewDefinition, stream: StreamDefinition, features: [Int], rows: KeyedRows,
            partitionShift: Int, isAsKnown: Bool, newest: Int64, keepsOthers: Bool
        ) {
            self.view = view
            self.features = features
            self.rows = rows
            self.partitionShift = partitionShift
            self.isAsKnown = isAsKnown
            self.newest = newest
            self.keepsOthers = keepsOthers
            let plan = ViewPlan(view, stream: stream)
            self.plan = plan
            laneTypes = plan.lanes.indices.map { plan.laneType($0, stream) }
        }

        /// How many partitions there are.
        public var partitionCount: Int {
            rows.keys.count == 0 ? 0 : ((rows.keys.count - 1) >> partitionShift) + 1
        }

        /// The types of the features.
        public var types: [ValueType] { features.map { plan.features[$0].field.type } }

        /// What a feature says of an entity without facts.
        public func absent(_ index: Int) -> FeatureValue {
            let feature = plan.features[features[index]]
            return ValueList.absent(
                feature.function, byCategory: feature.categoryLane != nil)
        }
    }

    /// What came out, in the order of the request's features.
    public struct Answers: Sendable {
        /// The places in `KeyedRows.order` that are answered.
        public let places: Range<Int>
        public internal(set) var cells: [FeatureCells]
        /// The other mode's answers, and a plain join's; empty unless they are kept.
        public internal(set) var others: [FeatureCells] = []
        public internal(set) var joined: [FeatureCells] = []
        /// Rows that the two modes answer differently.
        public internal(set) var leaks: [Int]
        /// Rows that a plain join on the newest values would answer differently than as-known.
        public internal(set) var latestDiffers: [Int]
        /// Facts that were looked at.
        public internal(set) var factCount = 0
    }

    private let request: Request
    private var facts = EntityColumns()
    private var lane = LaneSweep()
    /// The categories of a feature that has them.
    private var categories = LaneSweep()
    private var windows: [WindowSweep]
    // Of the entity at hand: T of its rows, then the newest of all, and for each the first fact
    // that is too late and the first that is not settled.
    private var times: [Int64] = []
    private var ends: [Int] = []
    private var settled: [Int] = []
    private var fates: [Int64] = []
    private var known: [FeatureCells]
    private var corrected: [FeatureCells]

    public init(_ request: Request) {
        self.request = request
        let plan = request.plan
        windows = request.features.map { index in
            let feature = plan.features[index]
            return WindowSweep(
                feature, type: request.laneTypes[feature.lane],
                categoryType: feature.categoryLane.map { request.laneTypes[$0] },
                maxAge: request.view.maxAge, includesCutoff: request.view.includesCutoff)
        }
        known = request.types.map { FeatureCells(type: $0, count: 0) }
        corrected = known
    }

    /// Sweeps one partition.
    /// - Parameter slices: its facts, in the order of their batches.
    public mutating func run(_ partition: Int, _ slices: [FactSlice]) -> Answers {
        let rows = request.rows
        let first = partition << request.partitionShift
        let end = min(rows.keys.count, (partition + 1) << request.partitionShift)
        let places = rows.starts[first]..<rows.starts[end]
        let none = request.types.map { FeatureCells(type: $0, count: places.count) }
        let zeros = Array(repeating: 0, count: none.count)
        var answers = Answers(places: places, cells: none, leaks: zeros, latestDiffers: zeros)
        if request.keepsOthers { (answers.others, answers.joined) = (none, none) }
        facts.gather(slices, entities: first..<end, lanes: request.plan.lanes.count)
        answers.factCount = facts.eventTimes.count
        for entity in first..<end {
            sweep(
                entity, facts.starts[entity - first]..<facts.starts[entity - first + 1], &answers)
        }
        return answers
    }

    private mutating func sweep(
        _ entity: Int, _ range: Range<Int>, _ answers: inout Answers
    ) {
        let places = request.rows.starts[entity]..<request.rows.starts[entity + 1]
        times.removeAll(keepingCapacity: true)
        for place in places { times.append(request.rows.times[place]) }
        times.append(request.newest)
        for lane in request.plan.lanes.indices {
            var isPrepared = false
            var differs = false
            for index in windows.indices where windows[index].feature.lane == lane {
                if !isPrepared {
                    isPrepared = true
                    differs = prepare(lane, range)
                }
                if let number = windows[index].feature.categoryLane {
                    facts.load(&categories, number, range)
                }
                answer(index, differs)
                write(index, differs, at: places.lowerBound - answers.places.lowerBound, &answers)
            }
        }
    }

    /// Makes a lane ready; answers whether any row sees other facts in one mode than in the other.
    private mutating func prepare(_ number: Int, _ range: Range<Int>) -> Bool {
        facts.load(&lane, number, range)
        lane.prepare()
        let reach: Int64 = request.view.includesCutoff ? 1 : 0
        ends.removeAll(keepingCapacity: true)
        settled.removeAll(keepingCapacity: true)
        fates.removeAll(keepingCapacity: true)
        var fate = Int64.min
        for index in 0..<lane.count {
            let place = lane.start + index
            let own = lane.isReplaced(index) ? lane.replacedTimes[place] : lane.knownTimes[place]
            fate = max(fate, own)
            fates.append(fate)
        }
        var (end, bound) = (0, 0)
        var differs = lane.hasReplaced
        for (row, time) in times.enumerated() {
            let (sum, overflow) = time.addingReportingOverflow(reach)
            let limit = overflow ? Int64.max : sum
            while end < lane.count, lane.eventTime(end) < limit { end += 1 }
            while bound < end, fates[bound] < limit { bound += 1 }
            let isRow = row < times.count - 1
            if isRow, bound < end { differs = true }
            ends.append(end)
            // A plain join sees all that is known.
            settled.append(isRow ? bound : end)
        }
        return differs
    }

    /// Answers all rows of the entity as known and, where that may differ, as corrected.
    private mutating func answer(_ index: Int, _ differs: Bool) {
        Self.run(&windows[index], times, ends, settled, &lane, categories, &known[index])
        if differs {
            Self.run(&windows[index], times, ends, ends, &lane, categories, &corrected[index])
        }
    }

    private static func run(
        _ window: inout WindowSweep, _ times: [Int64], _ ends: [Int], _ settled: [Int],
        _ lane: inout LaneSweep, _ categories: LaneSweep, _ cells: inout FeatureCells
    ) {
        cells.resize(times.count)
        window.reset()
        for row in times.indices {
            window.answer(
                times[row], end: ends[row], settled: settled[row], &lane, categories, &cells, row)
        }
    }

    private func write(
        _ index: Int, _ differs: Bool, at start: Int, _ answers: inout Answers
    ) {
        let joined = times.count - 1
        let others = differs ? corrected[index] : known[index]
        let (chosen, rest) =
            request.isAsKnown ? (known[index], others) : (others, known[index])
        for row in 0..<joined {
            if differs, !known[index].isIdentical(row, to: others, row) {
                answers.leaks[index] += 1
            }
            // The row at the end is answered as corrected in both.
            if !known[index].isIdentical(row, to: known[index], joined) {
                answers.latestDiffers[index] += 1
            }
            answers.cells[index].take(chosen, row, to: start + row)
            if request.keepsOthers {
                answers.others[index].take(rest, row, to: start + row)
                answers.joined[index].take(known[index], joined, to: start + row)
            }
        }
    }
}

extension FeatureCells {
    /// Makes room for some rows, whatever is in them.
    fileprivate mutating func resize(_ count: Int) {
        if statuses.count >= count { return }
        statuses = Array(repeating: 0, count: 2 * count)
        if type == .string {
            texts = Array(repeating: "", count: 2 * count)
        } else {
            words = Array(repeating: 0, count: 2 * count)
        }
    }

    fileprivate mutating func take(_ other: FeatureCells, _ row: Int, to place: Int) {
        statuses[place] = other.statuses[row]
        if type == .string { texts[place] = other.texts[row] } else {
            words[place] = other.words[row]
        }
    }
}
