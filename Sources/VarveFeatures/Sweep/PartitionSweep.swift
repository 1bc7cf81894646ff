import VarveBytes

/// The facts of one partition of a view and the rows that ask for them, swept entity by entity.
///
/// Nothing depends on how facts are cut into batches, as long as those with equal event times come
/// in order of position.
public struct PartitionSweep {
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
    /// - Parameters:
    ///   - sorted: facts that are in order, all below the positions of the others; nil: none.
    ///   - slices: the others, in the order of their batches.
    public mutating func run(
        _ partition: Int, _ sorted: SortedFacts?, _ slices: [FactSlice]
    ) -> Answers {
        let entities = request.partitions.entities(partition)
        if let sorted, slices.allSatisfy({ $0.count == 0 }) {
            facts.take(sorted)
        } else {
            let first = sorted.map { [$0.slice(entities.lowerBound)] } ?? []
            facts.gather(first + slices, entities: entities)
        }
        return run(partition)
    }

    private mutating func run(_ partition: Int) -> Answers {
        let asked = request.rows
        let entities = request.partitions.entities(partition)
        let places = asked.starts[entities.lowerBound]..<asked.starts[entities.upperBound]
        let none = request.questions.map { FeatureCells(type: $0.type, count: 0) }
        let zeros = Array(repeating: 0, count: none.count)
        var answers = Answers(
            places: places, cells: none, leaks: zeros, latestDiffers: zeros,
            newest: none.map { _ in NewestFacts() })
        if request.keepsOthers {
            answers.others = none
            answers.joined = request.questions.map {
                FeatureCells(type: $0.type, count: places.count)
            }
        }
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
        for index in bounds.indices {
            bounds[index].dropSums()
            openBounds[index].dropSums()
        }
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
        if windows[question].sharesSums, lane.isPlain {
            bounds[number].findSums(rows, &lane)
            if !open.times.isEmpty { openBounds[number].findSums(open, &lane) }
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
        let (cells, differing) = known.taken(rows.starts)
        answers.cells[question] = cells
        if request.questions[question].isNewestFact {
            answers.newest[question] = newest(known, corrected)
            return
        }
        answers.latestDiffers[question] += differing
        if request.keepsOthers {
            answers.others[question] = answers.cells[question]
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

    /// All rows but the last of each entity.
    /// - Parameter starts: where each entity's begin, and where the last one's end.
    /// - Returns: with how many are not identical to the last one of their entity.
    fileprivate func taken(_ starts: [Int]) -> (cells: FeatureCells, differing: Int) {
        let entities = starts.count - 1
        let count = starts[entities] - entities
        var taken = FeatureCells(type: type, count: type == .string ? count : 0)
        var (place, found) = (0, 0)
        if type != .string {
            found = Self.take(statuses, words, starts, count, &taken.statuses, &taken.words)
            return (taken, found)
        }
        for entity in 0..<entities {
            let last = starts[entity + 1] - 1
            for row in starts[entity]..<last {
                taken.take(self, row, at: place)
                place += 1
                if !isIdentical(row, to: self, last) { found += 1 }
            }
        }
        return (taken, found)
    }

    private static func take(
        _ statuses: [UInt8], _ words: [UInt64], _ starts: [Int], _ count: Int,
        _ takenStatuses: inout [UInt8], _ takenWords: inout [UInt64]
    ) -> Int {
        let (statuses, words, starts) = (statuses.span, words.span, starts.span)
        var (place, found) = (0, 0)
        takenStatuses = [UInt8](count: count) { takenStatuses in
            takenWords = [UInt64](count: count) { takenWords in
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
