/// How the votes of the trees become one score.
enum VoteAggregate: String, Sendable {
    case sum = "SUM"
    case average = "AVERAGE"
    case minimum = "MIN"
    case maximum = "MAX"
}

extension Forest {
    /// Rows evaluated tree by tree together: few enough that their features stay in the first-level
    /// cache, many enough that a tree's nodes are loaded once for all of them.
    static let blockRows = 64

    /// The votes of the trees for a block of rows, accumulated in Double in the order of the trees.
    struct Scores {
        /// Row-major, one per target.
        var values: [Double]
        /// Whether the target got a vote.
        var isVoted: [Bool]

        init(rows: Int, targetCount: Int) {
            values = Array(repeating: 0, count: rows * targetCount)
            isVoted = Array(repeating: false, count: rows * targetCount)
        }
    }

    /// Sums the votes of a forest with one target: `sums[i]` is the score of row `first + i`.
    func sum(_ features: [Float], from first: Int, into sums: inout [Double], count: Int) {
        for index in 0..<count { sums[index] = 0 }
        if needsFullComparison {
            for root in roots {
                for index in 0..<count {
                    let leaf = fullWalk(features, row: (first + index) * width, from: root)
                    sums[index] += Double(nodes[leaf].threshold)
                }
            }
        } else {
            for root in roots {
                for index in 0..<count {
                    let leaf = plainWalk(features, row: (first + index) * width, from: root)
                    sums[index] += Double(nodes[leaf].threshold)
                }
            }
        }
    }

    /// Collects the votes of a forest with any number of targets.
    func collect(
        _ features: [Float], from first: Int, count: Int, by aggregate: VoteAggregate
    ) -> Scores {
        var scores = Scores(rows: count, targetCount: targetCount)
        for root in roots {
            for index in 0..<count {
                let leaf = fullWalk(features, row: (first + index) * width, from: root)
                add(leaf, to: &scores, at: index * targetCount, by: aggregate)
            }
        }
        if aggregate == .average {
            for index in scores.values.indices { scores.values[index] /= Double(roots.count) }
        }
        return scores
    }

    private func add(
        _ leaf: Int, to scores: inout Scores, at start: Int, by aggregate: VoteAggregate
    ) {
        let firstVote = Int(~nodes[leaf].link)
        let end = Int(voteEnds[firstVote])
        for vote in firstVote..<end {
            let place = start + Int(voteTargets[vote])
            let weight = Double(voteWeights[vote])
            let isFirst = !scores.isVoted[place]
            switch aggregate {
            case .sum, .average:
                scores.values[place] += weight
            case .minimum:
                if isFirst || weight < scores.values[place] { scores.values[place] = weight }
            case .maximum:
                if isFirst || weight > scores.values[place] { scores.values[place] = weight }
            }
            scores.isVoted[place] = true
        }
    }

    /// The leaf a row falls into; all nodes compare with <= and NaN goes to the false child, as the
    /// comparison itself does.
    @inline(__always)
    private func plainWalk(_ features: [Float], row: Int, from root: Int32) -> Int {
        var index = Int(root)
        while true {
            let node = nodes[index]
            if node.link < 0 { return index }
            let isTrue = features[row + Int(node.feature)] <= node.threshold
            index = Int(node.link) + (isTrue ? 0 : 1)
        }
    }

    /// The leaf a row falls into, for any forest.
    @inline(__always)
    private func fullWalk(_ features: [Float], row: Int, from root: Int32) -> Int {
        var index = Int(root)
        while true {
            let node = nodes[index]
            if node.link < 0 { return index }
            let value = features[row + Int(node.feature)]
            let holds =
                node.isEquality ? value == node.threshold : value <= node.threshold
            let isTrue = holds || (node.missingIsTrue && value.isNaN)
            index = Int(node.link) + (isTrue ? 0 : 1)
        }
    }
}
