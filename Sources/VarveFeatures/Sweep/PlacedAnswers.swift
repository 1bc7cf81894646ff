/// One question's answers in the order of the spine, put together from those of all partitions.
public struct PlacedAnswers: Sendable {
    private let question: Int
    private let request: PartitionSweep.Request
    /// The answers themselves where the question is for a feature.
    private var feature: PlacedFeature
    /// For the newest fact: a plain join's by entity, and the rows where it is another as
    /// corrected than as known.
    private var newest = PartitionSweep.NewestFacts()

    /// - Parameters:
    ///   - question: its place among those of the request.
    ///   - count: rows of the spine.
    public init(
        _ question: Int, _ request: PartitionSweep.Request, _ answers: [PartitionSweep.Answers],
        count: Int
    ) {
        self.question = question
        self.request = request
        feature = PlacedFeature(
            request.questions[question].type, count: count, keepsOthers: request.keepsOthers)
        for part in answers {
            let rows = request.rows.order[part.places]
            feature.cells.place(part.cells[question], at: rows)
            feature.leaks += part.leaks[question]
            feature.latestDiffers += part.latestDiffers[question]
            if request.keepsOthers {
                feature.others.place(part.others[question], at: rows)
                feature.joined.place(part.joined[question], at: rows)
            }
            newest.add(part.newest[question], rows)
        }
        for row in request.rows.keyless { feature.setKeyless(Int(row)) }
    }

    /// The features that the question answers.
    /// - Parameters:
    ///   - numbers: their places among those of the request.
    ///   - batches: all of their facts, for questions for the newest one.
    public func features(_ numbers: [Int], _ batches: [FactBatch]) -> [PlacedFeature] {
        guard request.questions[question].isNewestFact else { return numbers.map { _ in feature } }
        let values = numbers.map { NewestValues(batches, lane: request.lanes[$0]) }
        let entities = newest.joined.count
        var joined = numbers.map { FeatureCells(type: request.types[$0], count: entities) }
        var found = numbers.map {
            PlacedFeature(request.types[$0], count: feature.cells.count, keepsOthers: false)
        }
        // A fact's values lie side by side: all features look at some rows, then at the next.
        Self.inBlocks(entities) { block in
            for index in numbers.indices {
                values[index].look(up: newest.joined, block, &joined[index])
            }
        }
        Self.inBlocks(feature.cells.count) { block in
            for index in numbers.indices {
                values[index].look(up: feature.cells, block, &found[index].cells)
                found[index].latestDiffers += found[index].cells.differing(
                    from: joined[index], request.numbers, block)
            }
        }
        for index in numbers.indices {
            let corrected = values[index].look(up: newest.corrected, type: joined[index].type)
            for (place, row) in newest.places.enumerated()
            where !found[index].cells.isIdentical(Int(row), to: corrected, place) {
                found[index].leaks += 1
                if !request.isAsKnown { found[index].cells[Int(row)] = corrected[place] }
            }
        }
        return found
    }

    private static let rowsPerBlock = 1024

    private static func inBlocks(_ count: Int, _ body: (Range<Int>) -> Void) {
        for start in stride(from: 0, to: count, by: rowsPerBlock) {
            body(start..<min(count, start + rowsPerBlock))
        }
    }
}

/// One feature's answers in the order of the spine.
public struct PlacedFeature: Sendable {
    public fileprivate(set) var cells: FeatureCells
    /// The other mode's answers, and a plain join's; without rows unless they are kept.
    public fileprivate(set) var others: FeatureCells
    public fileprivate(set) var joined: FeatureCells
    /// Rows that the two modes answer differently.
    public fileprivate(set) var leaks = 0
    /// Rows that a plain join on the newest values would answer differently than as-known.
    public fileprivate(set) var latestDiffers = 0

    fileprivate init(_ type: ValueType, count: Int, keepsOthers: Bool) {
        cells = FeatureCells(type: type, count: count)
        others = FeatureCells(type: type, count: keepsOthers ? count : 0)
        joined = others
    }

    fileprivate mutating func setKeyless(_ row: Int) {
        cells[row] = FeatureValue(.nullKey)
        if others.count == 0 { return }
        others[row] = FeatureValue(.nullKey)
        joined[row] = FeatureValue(.nullKey)
    }
}

extension PartitionSweep.NewestFacts {
    /// Adds those of the next partition.
    /// - Parameter rows: the spine's rows of its places.
    fileprivate mutating func add(
        _ other: PartitionSweep.NewestFacts, _ rows: ArraySlice<Int32>
    ) {
        joined.append(other.joined)
        corrected.append(other.corrected)
        for place in other.places { places.append(rows[rows.startIndex + Int(place)]) }
    }
}

extension FeatureCells {
    /// How many rows of a block are not what their entity's row of another says; those whose entity
    /// is less than 0 are left out.
    fileprivate func differing(
        from other: FeatureCells, _ entities: [Int32], _ block: Range<Int>
    ) -> Int {
        var found = 0
        if type == .string {
            for row in block where entities[row] >= 0 {
                if !isIdentical(row, to: other, Int(entities[row])) { found += 1 }
            }
            return found
        }
        let (statuses, words, entities) = (statuses.span, words.span, entities.span)
        let (otherStatuses, otherWords) = (other.statuses.span, other.words.span)
        for row in block where entities[row] >= 0 {
            let entity = Int(entities[row])
            let isSame =
                statuses[row] == otherStatuses[entity] && words[row] == otherWords[entity]
            found &+= isSame ? 0 : 1
        }
        return found
    }
}
