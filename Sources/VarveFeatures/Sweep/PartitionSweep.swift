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
    private var lanes: [LaneSweep]
    /// The categories of a feature that has them.
    private var categories = LaneSweep()
    private var windows: [WindowSweep]
    /// By the features' group.
    private var bounds: [WindowBounds]
    // Of the entity at hand: T of its rows, then the newest of all, and for each the first fact
    // that is too late and the first that is not settled.
    private var times: [Int64] = []
    private var ends: [Int] = []
    private var settled: [Int] = []
    private var fates: [Int64] = []
    private var differs = false
    /// The bounds are those of all facts of the entity.
    private var boundsAreShared = false
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
        lanes = plan.lanes.map { _ in LaneSweep() }
        let reach: Int64 = request.view.includesCutoff ? 1 : 0
        bounds = []
        for feature in plan.features.sorted(by: { $0.group < $1.group })
        where feature.group == bounds.count {
            bounds.append(WindowBounds(feature.window, reach: reach))
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
        for lane in lanes.indices { lanes[lane].isShared = false }
        facts.gather(slices, entities: first..<end, lanes: lanes.count)
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
        boundsAreShared = false
        for lane in lanes.indices {
            var isPrepared = false
            for index in windows.indices where windows[index].feature.lane == lane {
                if !isPrepared {
                    isPrepared = true
                    prepare(lane, range)
                }
                if let number = windows[index].feature.categoryLane {
                    // It stands for one lane now, for another then.
                    categories.isShared = false
                    facts.load(&categories, number, range)
                }
                answer(index, lane)
                write(index, at: places.lowerBound - answers.places.lowerBound, &answers)
            }
        }
    }

    /// Makes a lane ready, and finds for each row which facts it may see in either mode; lanes that
    /// leave no fact out share that.
    private mutating func prepare(_ lane: Int, _ range: Range<Int>) {
        facts.load(&lanes[lane], lane, range)
        lanes[lane].prepare()
        if lanes[lane].isShared, boundsAreShared { return }
        boundsAreShared = lanes[lane].isShared
        for index in bounds.indices { bounds[index].isCurrent = false }
        findBounds(lanes[lane])
    }

    private mutating func findBounds(_ lane: borrowing LaneSweep) {
        let reach: Int64 = request.view.includesCutoff ? 1 : 0
        ends.removeAll(keepingCapacity: true)
        settled.removeAll(keepingCapacity: true)
        fates.removeAll(keepingCapacity: true)
        let count = lane.count
        let own = lane.start..<(lane.start + count)
        let (events, known) = (
            lane.eventTimes.span.extracting(own), lane.knownTimes.span.extracting(own)
        )
        var fate = Int64.min
        for index in 0..<count {
            let isReplaced = lane.isReplaced(index)
            fate = max(fate, isReplaced ? lane.replacedTimes[lane.start + index] : known[index])
            fates.append(fate)
        }
        var (end, bound) = (0, 0)
        differs = lane.hasReplaced
        for (row, time) in times.enumerated() {
            let limit = time.subtractingClamped(-reach)
            while end < count, events[end] < limit { end += 1 }
            while bound < end, fates[bound] < limit { bound += 1 }
            let isRow = row < times.count - 1
            if isRow, bound < end { differs = true }
            ends.append(end)
            // A plain join sees all that is known.
            settled.append(isRow ? bound : end)
        }
    }

    /// Answers all rows of the entity as known and, where that may differ, as corrected.
    private mutating func answer(_ index: Int, _ lane: Int) {
        let group = windows[index].feature.group
        bounds[group].find(times, ends, lanes[lane])
        known[index].resize(times.count)
        windows[index].answer(
            times, bounds[group], settled: settled, &lanes[lane], categories, &known[index])
        if differs {
            corrected[index].resize(times.count)
            windows[index].answer(
                times, bounds[group], settled: ends, &lanes[lane], categories, &corrected[index])
        }
    }

    private func write(_ index: Int, at start: Int, _ answers: inout Answers) {
        let count = times.count - 1
        // The row at the end is answered as corrected in both.
        answers.latestDiffers[index] += known[index].differences(from: count, upTo: count)
        if differs {
            answers.leaks[index] += known[index].differences(from: corrected[index], upTo: count)
        }
        let isKnown = request.isAsKnown || !differs
        answers.cells[index].take((isKnown ? known : corrected)[index], count, to: start)
        if request.keepsOthers {
            let isCorrected = request.isAsKnown && differs
            answers.others[index].take((isCorrected ? corrected : known)[index], count, to: start)
            for row in 0..<count {
                answers.joined[index].take(known[index], count, at: start + row)
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

    /// Takes the first rows of another over.
    fileprivate mutating func take(_ other: FeatureCells, _ count: Int, to start: Int) {
        if type == .string {
            for row in 0..<count { take(other, row, at: start + row) }
            return
        }
        Self.copy(count, of: other.statuses, into: &statuses, at: start)
        Self.copy(count, of: other.words, into: &words, at: start)
    }

    @inline(__always)
    private static func copy<Element: BitwiseCopyable>(
        _ count: Int, of source: [Element], into target: inout [Element], at start: Int
    ) {
        var target = target.mutableSpan
        let source = source.span
        for index in 0..<count { target[start + index] = source[index] }
    }

    fileprivate mutating func take(_ other: FeatureCells, _ row: Int, at place: Int) {
        statuses[place] = other.statuses[row]
        if type == .string { texts[place] = other.texts[row] } else {
            words[place] = other.words[row]
        }
    }

    /// How many of the first rows are not identical to those of another.
    fileprivate func differences(from other: FeatureCells, upTo count: Int) -> Int {
        var found = 0
        for row in 0..<count where !isIdentical(row, to: other, row) { found += 1 }
        return found
    }

    /// How many of the first rows are not identical to a row.
    fileprivate func differences(from one: Int, upTo count: Int) -> Int {
        var found = 0
        for row in 0..<count where !isIdentical(row, to: self, one) { found += 1 }
        return found
    }
}
