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
    private var rows = SweepRows()
    private var lane = LaneSweep()
    /// The categories of a feature that has them.
    private var categories = LaneSweep()
    private var windows: [WindowSweep]
    /// One for each window that features have, of all rows and of the open ones; then for each
    /// feature which of them is its own.
    private var bounds: [WindowBounds] = []
    private var openBounds: [WindowBounds]
    private let boundsOfFeature: [Int]
    /// Every row as known, and the open ones as corrected.
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
        var bounds: [WindowBounds] = []
        boundsOfFeature = windows.map { sweep in
            let window = sweep.feature.window
            if let known = bounds.firstIndex(where: { $0.window == window }) { return known }
            bounds.append(WindowBounds(window, reach: sweep.reach))
            return bounds.count - 1
        }
        self.bounds = bounds
        openBounds = bounds
        known = request.types.map { FeatureCells(type: $0, count: 0) }
        corrected = known
    }

    /// Sweeps one partition.
    /// - Parameter slices: its facts, in the order of their batches.
    public mutating func run(_ partition: Int, _ slices: [FactSlice]) -> Answers {
        let asked = request.rows
        let first = partition << request.partitionShift
        let end = min(asked.keys.count, (partition + 1) << request.partitionShift)
        let places = asked.starts[first]..<asked.starts[end]
        let none = request.types.map { FeatureCells(type: $0, count: places.count) }
        let zeros = Array(repeating: 0, count: none.count)
        var answers = Answers(places: places, cells: none, leaks: zeros, latestDiffers: zeros)
        if request.keepsOthers { (answers.others, answers.joined) = (none, none) }
        facts.gather(slices, entities: first..<end, lanes: request.laneTypes.count)
        answers.factCount = facts.eventTimes.count
        rows.load(request.rows, first..<end, newest: request.newest)
        var hasBounds = false
        for number in request.laneTypes.indices {
            let features = windows.indices.filter { windows[$0].feature.lane == number }
            if features.isEmpty { continue }
            facts.load(&lane, number)
            lane.prepare()
            // Lanes that leave no fact out share what rows may see.
            if !(hasBounds && lane.isShared) {
                for index in bounds.indices { bounds[index].isCurrent = false }
                rows.find(lane, reach: request.view.includesCutoff ? 1 : 0)
            }
            hasBounds = lane.isShared
            let open = rows.openAsSettled
            for feature in features {
                answer(feature, open)
                write(feature, &answers)
            }
        }
        return answers
    }

    /// Answers all rows as known and the open ones as corrected.
    private mutating func answer(_ feature: Int, _ open: borrowing SweepRows) {
        let number = boundsOfFeature[feature]
        if let category = windows[feature].feature.categoryLane {
            facts.load(&categories, category)
        }
        if !bounds[number].isCurrent {
            bounds[number].find(rows, lane)
            openBounds[number] = bounds[number].of(rows.open)
        }
        known[feature].resize(rows.times.count)
        windows[feature].answer(rows, bounds[number], &lane, categories, &known[feature])
        if open.times.isEmpty { return }
        corrected[feature].resize(open.times.count)
        windows[feature].answer(
            open, openBounds[number], &lane, categories, &corrected[feature])
    }

    private func write(_ feature: Int, _ answers: inout Answers) {
        let (known, corrected) = (known[feature], corrected[feature])
        // The row at the end of each entity is answered as corrected in both modes.
        let differing = answers.cells[feature].take(known, rows.starts)
        answers.latestDiffers[feature] += differing
        if request.keepsOthers {
            _ = answers.others[feature].take(known, rows.starts)
            var place = 0
            for entity in 0..<(rows.starts.count - 1) {
                let last = rows.starts[entity + 1] - 1
                for _ in rows.starts[entity]..<last {
                    answers.joined[feature].take(known, last, at: place)
                    place += 1
                }
            }
        }
        for (index, row) in rows.open.enumerated() {
            if known.isIdentical(Int(row), to: corrected, index) { continue }
            answers.leaks[feature] += 1
            // Each entity before it has a row of its own at the end.
            let place = Int(row) - Int(rows.entities[Int(row)])
            if !request.isAsKnown {
                answers.cells[feature].take(corrected, index, at: place)
            } else if request.keepsOthers {
                answers.others[feature].take(corrected, index, at: place)
            }
        }
    }
}

extension FeatureCells {
    /// Makes room for some rows, whatever is in them.
    fileprivate mutating func resize(_ count: Int) {
        if statuses.count >= count { return }
        // Some more, as the next partition is not much larger.
        let room = count + min(count, 1 << 16)
        statuses = Array(repeating: 0, count: room)
        if type == .string {
            texts = Array(repeating: "", count: room)
        } else {
            words = Array(repeating: 0, count: room)
        }
    }

    /// Takes the rows of another over, all but the last of each entity.
    /// - Parameter starts: where each entity's begin in the other, and where the last one's end.
    /// - Returns: how many are not identical to the last one of their entity.
    fileprivate mutating func take(_ other: FeatureCells, _ starts: [Int]) -> Int {
        if type != .string {
            return Self.take(other.statuses, other.words, starts, &statuses, &words)
        }
        var (place, found) = (0, 0)
        for entity in 0..<(starts.count - 1) {
            let last = starts[entity + 1] - 1
            for row in starts[entity]..<last {
                take(other, row, at: place)
                place += 1
                if !other.isIdentical(row, to: other, last) { found += 1 }
            }
        }
        return found
    }

    private static func take(
        _ statuses: [UInt8], _ words: [UInt64], _ starts: [Int], _ takenStatuses: inout [UInt8],
        _ takenWords: inout [UInt64]
    ) -> Int {
        let (statuses, words, starts) = (statuses.span, words.span, starts.span)
        var takenStatuses = takenStatuses.mutableSpan
        var takenWords = takenWords.mutableSpan
        var (place, found) = (0, 0)
        for entity in 0..<(starts.count - 1) {
            let last = starts[entity + 1] - 1
            let (lastStatus, lastWord) = (statuses[last], words[last])
            for row in starts[entity]..<last {
                let (status, word) = (statuses[row], words[row])
                takenStatuses[place] = status
                takenWords[place] = word
                found &+= status != lastStatus || word != lastWord ? 1 : 0
                place += 1
            }
        }
        return found
    }

    fileprivate mutating func take(_ other: FeatureCells, _ row: Int, at place: Int) {
        statuses[place] = other.statuses[row]
        if type == .string { texts[place] = other.texts[row] } else {
            words[place] = other.words[row]
        }
    }
}
