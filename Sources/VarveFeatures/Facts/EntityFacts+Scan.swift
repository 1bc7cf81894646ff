/// Where a fact is: its block, counting the open one as the last, and its place there.
struct FactPlace: Sendable, Equatable {
    var block: Int
    var index: Int
}

/// Neighbouring facts.
struct FactRange: Sendable {
    var lower: FactPlace
    /// Behind the last.
    var upper: FactPlace
}

/// A fact as one lane shows it.
struct SeenFact {
    let eventTime: Int64
    let isPresent: Bool
    let word: UInt64
}

/// Walks over the facts of a window that are visible.
extension EntityFacts {
    /// The facts that a window sees; those of other lanes, or not visible, are still among them.
    func range(
        of window: Window, _ query: FactQuery
    ) -> FactRange {
        let bounds = query.bounds(window)
        var lower = FactPlace(block: 0, index: 0)
        let upper = bounds.isEmpty ? lower : place(query, behind: bounds.near)
        if let far = bounds.far { lower = place(query, behind: far) }
        if (lower.block, lower.index) > (upper.block, upper.index) { lower = upper }
        var range = FactRange(lower: lower, upper: upper)
        if case .lastFacts(let limit) = window { keepLast(limit, &range, query) }
        return range
    }

    private func place(_ query: FactQuery, behind bound: Int64) -> FactPlace {
        let stride = query.stride
        let isBehind = { [includes = query.includesCutoff] (time: Int64) in
            includes ? time > bound : time >= bound
        }
        if let last = closed.last, isBehind(last.lastTime) {
            let number = firstClosed(where: isBehind)
            return FactPlace(
                block: number,
                index: closed[number].block.firstIndex(stride, where: isBehind))
        }
        return FactPlace(
            block: closed.count, index: open.firstIndex(stride, where: isBehind))
    }

    /// Narrows the range to the newest facts of the lane, nulls included.
    private func keepLast(
        _ limit: Int, _ range: inout FactRange, _ query: FactQuery
    ) {
        var left = limit
        var lower = range.upper
        backwards(range, query) { number, block, indices in
            if let number, query.sees(closed[number].tile) {
                let mentions = closed[number].tile.lanes[query.laneNumber].mentions
                if mentions < left, indices.count == block.count(query.stride) {
                    left -= mentions
                    lower = FactPlace(block: number, index: 0)
                    return true
                }
            }
            block.withFacts { words, replaced in
                for index in indices.reversed() where left > 0 {
                    lower = FactPlace(block: number ?? closed.count, index: index)
                    if words.state(index * query.stride, query.laneNumber) != 0,
                        query.isVisible(words, replaced, index)
                    {
                        left -= 1
                    }
                }
            }
            return left > 0
        }
        range.lower = lower
    }

    /// The newest fact with a value, or also with a null; nil when there is none.
    func newest(
        _ range: FactRange, _ query: FactQuery, orNull: Bool = false
    ) -> SeenFact? {
        var found: SeenFact?
        backwards(range, query) { number, block, indices in
            if let number, query.sees(closed[number].tile) {
                let blocks = closed.span
                let lanes = blocks[number].tile.lanes.span
                let count = orNull
                    ? lanes[query.laneNumber].mentions : lanes[query.laneNumber].count
                if count == 0 { return true }
            }
            return block.withFacts { words, replaced in
                var index = indices.upperBound
                while index > indices.lowerBound {
                    index -= 1
                    let state = words.state(index * query.stride, query.laneNumber)
                    guard state == FactState.present.rawValue || (orNull && state != 0),
                        query.isVisible(words, replaced, index)
                    else { continue }
                    found = SeenFact(words, index * query.stride, query)
                    return false
                }
                return true
            }
        }
        return found
    }

    /// The oldest fact with a value; nil when there is none.
    func oldest(_ range: FactRange, _ query: FactQuery) -> SeenFact? {
        var found: SeenFact?
        forwards(range, query) { number, block, indices in
            if let number, query.sees(closed[number].tile),
                closed[number].tile.lanes[query.laneNumber].count == 0
            {
                return true
            }
            return block.withFacts { words, replaced in
                for index in indices where query.hasValue(words, replaced, index) {
                    found = SeenFact(words, index * query.stride, query)
                    return false
                }
                return true
            }
        }
        return found
    }

    /// Whether any fact is visible at all.
    func isSeen(_ query: FactQuery) -> Bool {
        var found = false
        let range = range(of: .lifetime, query)
        backwards(range, query) { _, block, indices in
            block.withFacts { words, replaced in
                for index in indices where query.isVisible(words, replaced, index) {
                    found = true
                    return false
                }
                return true
            }
        }
        return found
    }

    /// The words of the lane's visible values, in order.
    func forEach(
        _ range: FactRange, _ query: FactQuery, _ body: (UInt64) -> Void
    ) {
        let stride = query.stride
        let lane = query.laneNumber
        let word = query.lane.word
        forwards(range, query) { _, block, indices in
            block.withFacts { words, replaced in
                for index in indices
                where words.state(index * stride, lane) == FactState.present.rawValue
                    && query.isVisible(words, replaced, index)
                {
                    body(word.map { words[index * stride + $0] } ?? 1)
                }
            }
            return true
        }
    }

    /// The words of the lane's visible values, in order, each with its fact's word in another
    /// lane; nil where that is null.
    func forEach(
        _ range: FactRange, _ query: FactQuery, besides other: Int, at otherWord: Int?,
        _ body: (UInt64, UInt64?) -> Void
    ) {
        let stride = query.stride
        let lane = query.laneNumber
        let word = query.lane.word
        let present = FactState.present.rawValue
        forwards(range, query) { _, block, indices in
            block.withFacts { words, replaced in
                for index in indices
                where words.state(index * stride, lane) == present
                    && query.isVisible(words, replaced, index)
                {
                    let fact = index * stride
                    let found =
                        words.state(fact, other) == present
                        ? otherWord.map { words[fact + $0] } ?? 1 : nil
                    body(word.map { words[fact + $0] } ?? 1, found)
                }
            }
            return true
        }
    }

    /// The words of the first visible values, in order.
    func oldest(_ limit: Int, _ range: FactRange, _ query: FactQuery) -> [UInt64] {
        var found: [UInt64] = []
        forwards(range, query) { _, block, indices in
            block.withFacts { words, replaced in
                for index in indices where query.hasValue(words, replaced, index) {
                    found.append(query.lane.word.map { words[index * query.stride + $0] } ?? 1)
                    if found.count == limit { return false }
                }
                return true
            }
        }
        return found
    }

    /// The words of the last visible values, in order.
    func newest(_ limit: Int, _ range: FactRange, _ query: FactQuery) -> [UInt64] {
        var found: [UInt64] = []
        backwards(range, query) { _, block, indices in
            block.withFacts { words, replaced in
                for index in indices.reversed() where query.hasValue(words, replaced, index) {
                    found.append(query.lane.word.map { words[index * query.stride + $0] } ?? 1)
                    if found.count == limit { return false }
                }
                return true
            }
        }
        return found.reversed()
    }

    /// Adds what the range's visible facts come to in a lane; whole blocks and groups of them by
    /// their tiles.
    func add(
        _ range: FactRange, _ query: FactQuery,
        _ texts: borrowing TextTable, to tile: inout LaneTile
    ) {
        var number = range.lower.block
        var index = range.lower.index
        while number < range.upper.block {
            if index == 0 {
                if number % Self.groupSize == 0, number + Self.groupSize <= range.upper.block {
                    let groups = groups.span
                    let group = number / Self.groupSize
                    if query.sees(groups[group]) {
                        tile.merge(groups[group].lanes.span[query.laneNumber], query.lane, texts)
                        number += Self.groupSize
                        continue
                    }
                }
                let blocks = closed.span
                if query.sees(blocks[number].tile) {
                    tile.merge(blocks[number].tile.lanes.span[query.laneNumber], query.lane, texts)
                    number += 1
                    continue
                }
            }
            add(closed.span[number].block, index..<Int.max, query, texts, to: &tile)
            number += 1
            index = 0
        }
        if number < closed.count {
            add(
                closed.span[number].block, index..<range.upper.index, query, texts, to: &tile)
        } else {
            add(open, index..<range.upper.index, query, texts, to: &tile)
        }
    }

    /// - Parameter indices: those beyond the block's facts are none.
    private func add(
        _ block: borrowing FactBlock, _ indices: Range<Int>,
        _ query: FactQuery, _ texts: borrowing TextTable, to tile: inout LaneTile
    ) {
        if indices.isEmpty { return }
        let lane = query.lane
        let laneNumber = query.laneNumber
        let stride = query.stride
        block.withFacts { words, replaced in
            for index in indices.lowerBound..<min(indices.upperBound, words.count / stride) {
                let fact = index * stride
                guard words.state(fact, laneNumber) == FactState.present.rawValue,
                    query.isVisible(words, replaced, index)
                else { continue }
                if let word = lane.word {
                    tile.add(words[fact + word], lane, texts)
                } else {
                    tile.add(1, lane, texts)
                }
            }
        }
    }

    // MARK: Block by block

    /// Told the number of a closed block, whose tile may say enough: facts may be on a disk.
    private typealias Visit = (_ closed: Int?, borrowing FactBlock, Range<Int>) -> Bool

    /// Visits the range's blocks from the first on, until `visit` answers false.
    private func forwards(_ range: FactRange, _ query: FactQuery, _ visit: Visit) {
        let stride = query.stride
        for number in range.lower.block...range.upper.block {
            guard self.visit(number, range, stride, visit) else { return }
        }
    }

    /// The same from the last block on.
    private func backwards(_ range: FactRange, _ query: FactQuery, _ visit: Visit) {
        let stride = query.stride
        var number = range.upper.block
        while number >= range.lower.block {
            guard self.visit(number, range, stride, visit) else { return }
            number -= 1
        }
    }

    private func visit(_ number: Int, _ range: FactRange, _ stride: Int, _ visit: Visit) -> Bool {
        func show(_ block: borrowing FactBlock, _ closed: Int?) -> Bool {
            let lower = number == range.lower.block ? range.lower.index : 0
            let upper =
                number == range.upper.block ? range.upper.index : block.count(stride)
            if lower >= upper { return true }
            return visit(closed, block, lower..<upper)
        }
        return number < closed.count ? show(closed.span[number].block, number) : show(open, nil)
    }
}

extension SeenFact {
    fileprivate init(
        _ words: borrowing Span<UInt64>, _ fact: Int, _ query: FactQuery
    ) {
        eventTime = words.integer(fact + FactLayout.eventTime)
        isPresent = words.state(fact, query.laneNumber) == FactState.present.rawValue
        word = query.lane.word.map { words[fact + $0] } ?? 1
    }
}
