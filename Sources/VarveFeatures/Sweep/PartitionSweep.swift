import VarveBytes

/// The facts of one partition of a view and the rows that ask for them, swept entity by entity.
///
/// Nothing depends on how facts are cut into batches, as long as those with equal event times come
/// in order of position.
public struct PartitionSweep {
    /// What is swept.
    public struct Request: Sendable {
        public let view: ViewDefinition
        public let rows: KeyedRows
        /// See `FactReader.init`.
        public let partitionShift: Int
        /// Whether rows rest on what was known at their T, or on all that is known.
        public let isAsKnown: Bool
        /// The newest T of all rows: where a plain join would look.
        public let newest: Int64
        /// Whether every row's other answers are wanted too, or only how many differ.
        public let keepsOthers: Bool
        /// What is answered for each row; features may share an answer.
        let questions: [Question]
        /// The question of each feature that is asked for.
        let questionOfFeature: [Int]
        let laneCount: Int
        /// The types of the features that are asked for.
        public let types: [ValueType]
        /// Their lanes.
        let lanes: [Int]

        /// - Parameters:
        ///   - features: those that are asked for, by their places in the view.
        ///   - lanesWithNulls: of batches that stay in memory until all rows are answered: what
        ///     is only the value of one fact is then looked up at the end. Nil: they do not stay.
        public init(
            view: ViewDefinition, stream: StreamDefinition, features: [Int], rows: KeyedRows,
            partitionShift: Int, isAsKnown: Bool, newest: Int64, keepsOthers: Bool,
            lanesWithNulls: Set<Int>?
        ) {
            self.view = view
            self.rows = rows
            self.partitionShift = partitionShift
            self.isAsKnown = isAsKnown
            self.newest = newest
            self.keepsOthers = keepsOthers
            let plan = ViewPlan(view, stream: stream)
            laneCount = plan.lanes.count
            let asked = features.map { plan.features[$0] }
            types = asked.map(\.field.type)
            lanes = asked.map(\.lane)
            var questions: [Question] = []
            questionOfFeature = asked.map { feature in
                let question = Question(
                    feature, plan, stream, lanesWithNulls: keepsOthers ? nil : lanesWithNulls)
                if question.isNewestFact,
                    let same = questions.firstIndex(where: {
                        $0.isNewestFact && $0.feature.window == feature.window
                    })
                {
                    return same
                }
                questions.append(question)
                return questions.count - 1
            }
            self.questions = questions
        }

        /// The questions, each with the features that it answers, by their places among those
        /// asked for.
        public var features: [[Int]] {
            questions.indices.map { question in
                questionOfFeature.indices.filter { questionOfFeature[$0] == question }
            }
        }

        /// How many partitions there are.
        public var partitionCount: Int { rows.keys.partitionCount(shift: partitionShift) }

        /// The numbers of a partition's entities.
        func entities(_ partition: Int) -> Range<Int> {
            let first = partition << partitionShift
            return first..<min(rows.keys.count, (partition + 1) << partitionShift)
        }
    }

    /// What is answered for each row: a feature, or where the newest fact of its window is.
    struct Question: Sendable {
        let feature: ViewPlan.Feature
        let laneType: ValueType
        let categoryType: ValueType?
        /// Answers are `FactReference`s, which serve all features of the window that are the
        /// newest fact's value.
        let isNewestFact: Bool

        init(
            _ feature: ViewPlan.Feature, _ plan: ViewPlan, _ stream: StreamDefinition,
            lanesWithNulls: Set<Int>?
        ) {
            self.feature = feature
            isNewestFact =
                lanesWithNulls.map { feature.isNewestValue(plan, lanesWithNulls: $0) } ?? false
            laneType = isNewestFact ? .int64 : plan.laneType(feature.lane, stream)
            categoryType = feature.categoryLane.map { plan.laneType($0, stream) }
        }

        /// The type of the answers.
        var type: ValueType { isNewestFact ? .int64 : feature.field.type }
    }

    /// Whether any of some features is only the value of one fact, unless some are null.
    public static func areNewestValues(
        _ features: [Int], of view: ViewDefinition, _ stream: StreamDefinition
    ) -> Bool {
        let plan = ViewPlan(view, stream: stream)
        return features.contains {
            plan.features[$0].isNewestValue(plan, lanesWithNulls: [])
        }
    }

    /// What came out, in the order of the request's questions.
    public struct Answers: Sendable {
        /// The places in `KeyedRows.order` of the rows that are answered.
        public let places: Range<Int>
        /// For the newest fact those as known, whatever the mode.
        var cells: [FeatureCells]
        /// The other mode's answers, and a plain join's; empty unless they are kept.
        var others: [FeatureCells] = []
        var joined: [FeatureCells] = []
        /// Rows that the two modes answer differently.
        var leaks: [Int]
        /// Rows that a plain join on the newest values would answer differently than as-known.
        var latestDiffers: [Int]
        /// For questions for the newest fact, what else is answered.
        var newest: [NewestFacts]
    }

    /// The newest facts that the rows' own answers leave out.
    struct NewestFacts: Sendable {
        /// A plain join's, by entity.
        var joined = FeatureCells(type: .int64, count: 0)
        /// Rows whose newest fact as corrected is another than as known, by their places among the
        /// partition's, and which.
        var places: [Int32] = []
        var corrected = FeatureCells(type: .int64, count: 0)
    }

    private let request: Request
    private var facts = EntityColumns()
    private var rows = SweepRows()
    private var lane = LaneSweep()
    /// The categories of a feature that has them.
    private var categories = LaneSweep()
    private var windows: [WindowSweep]
    /// One for each window that features have, of all rows and of the open ones; then for each
    /// question which of them is its own.
    private var bounds: [WindowBounds] = []
    private var openBounds: [WindowBounds]
    private let boundsOfQuestion: [Int]
    /// Every row as known, and the open ones as corrected.
    private var known: [FeatureCells]
    private var corrected: [FeatureCells]

    public init(_ request: Request) {
        self.request = request
        windows = request.questions.map { question in
            WindowSweep(
                question.feature, type: question.laneType, categoryType: question.categoryType,
                maxAge: request.view.maxAge, includesCutoff: request.view.includesCutoff)
        }
        var bounds: [WindowBounds] = []
        boundsOfQuestion = windows.map { sweep in
            let window = sweep.feature.window
            if let known = bounds.firstIndex(where: { $0.window == window }) { return known }
            bounds.append(WindowBounds(window, reach: sweep.reach))
            return bounds.count - 1
        }
        self.bounds = bounds
        openBounds = bounds
        known = request.questions.map { FeatureCells(type: $0.type, count: 0) }
        corrected = known
    }

    /// Sweeps one partition.
    /// - Parameter slices: its facts, in the order of their batches.
    public mutating func run(_ partition: Int, _ slices: [FactSlice]) -> Answers {
        let asked = request.rows
        let entities = request.entities(partition)
        let places = asked.starts[entities.lowerBound]..<asked.starts[entities.upperBound]
        let none = request.questions.map { FeatureCells(type: $0.type, count: places.count) }
        let zeros = Array(repeating: 0, count: none.count)
        var answers = Answers(
            places: places, cells: none, leaks: zeros, latestDiffers: zeros,
            newest: none.map { _ in NewestFacts() })
        if request.keepsOthers { (answers.others, answers.joined) = (none, none) }
        facts.gather(slices, entities: entities)
        rows.load(request.rows, entities, newest: request.newest)
        var hasBounds = false
        let newest = request.questions.indices.filter { request.questions[$0].isNewestFact }
        if !newest.isEmpty {
            facts.loadReferences(&lane)
            answer(newest, &hasBounds, &answers)
        }
        for number in 0..<request.laneCount {
            let questions = request.questions.indices.filter {
                let question = request.questions[$0]
                return !question.isNewestFact && question.feature.lane == number
            }
            if questions.isEmpty { continue }
            facts.load(&lane, number)
            answer(questions, &hasBounds, &answers)
        }
        return answers
    }

    /// Answers questions about the lane that was loaded.
    /// - Parameter hasBounds: what rows may see of a lane is found already.
    private mutating func answer(
        _ questions: [Int], _ hasBounds: inout Bool, _ answers: inout Answers
    ) {
        lane.prepare()
        // Lanes that leave no fact out share what rows may see.
        if !(hasBounds && lane.isShared) {
            for index in bounds.indices { bounds[index].isCurrent = false }
            rows.find(lane, reach: request.view.includesCutoff ? 1 : 0)
        }
        hasBounds = lane.isShared
        let open = rows.openAsSettled
        for question in questions {
            answer(question, open)
            write(question, &answers)
        }
    }

    /// Answers all rows as known and the open ones as corrected.
    private mutating func answer(_ question: Int, _ open: borrowing SweepRows) {
        let number = boundsOfQuestion[question]
        if let category = windows[question].feature.categoryLane {
            facts.load(&categories, category)
        }
        if !bounds[number].isCurrent {
            bounds[number].find(rows, lane)
            openBounds[number] = bounds[number].of(rows.open)
        }
        known[question].resize(rows.times.count)
        windows[question].answer(rows, bounds[number], &lane, categories, &known[question])
        if open.times.isEmpty { return }
        corrected[question].resize(open.times.count)
        windows[question].answer(
            open, openBounds[number], &lane, categories, &corrected[question])
    }

    private func write(_ question: Int, _ answers: inout Answers) {
        let (known, corrected) = (known[question], corrected[question])
        // The row at the end of each entity is answered as corrected in both modes.
        let differing = answers.cells[question].take(known, rows.starts)
        if request.questions[question].isNewestFact {
            answers.newest[question] = newest(known, corrected)
            return
        }
        answers.latestDiffers[question] += differing
        if request.keepsOthers {
            _ = answers.others[question].take(known, rows.starts)
            var place = 0
            for entity in 0..<(rows.starts.count - 1) {
                let last = rows.starts[entity + 1] - 1
                for _ in rows.starts[entity]..<last {
                    answers.joined[question].take(known, last, at: place)
                    place += 1
                }
            }
        }
        for (index, row) in rows.open.enumerated() {
            if known.isIdentical(Int(row), to: corrected, index) { continue }
            answers.leaks[question] += 1
            let place = place(of: row)
            if !request.isAsKnown {
                answers.cells[question].take(corrected, index, at: place)
            } else if request.keepsOthers {
                answers.others[question].take(corrected, index, at: place)
            }
        }
    }

    /// Each entity before a row has a row of its own at the end.
    private func place(of row: Int32) -> Int { Int(row) - Int(rows.entities[Int(row)]) }

    private func newest(_ known: FeatureCells, _ corrected: FeatureCells) -> NewestFacts {
        var found = NewestFacts()
        for end in rows.starts.dropFirst() { found.joined.append(known, end - 1) }
        for (index, row) in rows.open.enumerated()
        where !known.isIdentical(Int(row), to: corrected, index) {
            found.places.append(Int32(truncatingIfNeeded: place(of: row)))
            found.corrected.append(corrected, index)
        }
        return found
    }
}

extension ViewPlan.Feature {
    /// Whether it is the value of the newest fact of its window.
    fileprivate func isNewestValue(_ plan: ViewPlan, lanesWithNulls: Set<Int>) -> Bool {
        let lane = plan.lanes[lane]
        guard categoryLane == nil, lane.filter == nil, lane.hasValue else { return false }
        return function == .latest || function == .last && !lanesWithNulls.contains(self.lane)
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
