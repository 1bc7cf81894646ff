/// What a partition's sweep is asked, and what it answers.
extension PartitionSweep {
    /// What is swept.
    public struct Request: Sendable {
        public let view: ViewDefinition
        public let rows: KeyedRows
        /// For each row of the spine the number of its entity, see `KeyedRows.numbers`; empty unless
        /// values are looked up at the end.
        let numbers: [Int32]
        public let partitions: KeyPartitions
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
        ///   - numbers: `KeyedRows.numbers` if they stay, or else none.
        public init(
            view: ViewDefinition, stream: StreamDefinition, features: [Int], rows: KeyedRows,
            partitions: KeyPartitions, isAsKnown: Bool, newest: Int64, keepsOthers: Bool,
            lanesWithNulls: Set<Int>?, numbers: [Int32]
        ) {
            self.view = view
            self.numbers = numbers
            self.rows = rows
            self.partitions = partitions
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
}

extension ViewPlan.Feature {
    /// Whether it is the value of the newest fact of its window.
    fileprivate func isNewestValue(_ plan: ViewPlan, lanesWithNulls: Set<Int>) -> Bool {
        let lane = plan.lanes[lane]
        guard categoryLane == nil, lane.filter == nil, lane.hasValue else { return false }
        return function == .latest || function == .last && !lanesWithNulls.contains(self.lane)
    }
}
