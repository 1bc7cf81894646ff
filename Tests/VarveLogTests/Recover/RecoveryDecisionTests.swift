import Testing

@testable import VarveLog

@Suite struct RecoveryDecisionTests {
    /// The table of RecoveryDecision.swift, row by row: nil stands for either. The first row that
    /// matches counts.
    private static let table: [([Bool?], RecoveryDecision)] = [
        ([false, true, nil, nil, nil, nil], .contradiction),
        ([nil, nil, true, true, nil, nil], .contradiction),
        ([nil, nil, true, nil, true, nil], .contradiction),
        ([nil, nil, nil, nil, false, true], .contradiction),
        ([true, true, nil, nil, nil, nil], .complete),
        ([true, false, nil, nil, nil, nil], .recordsMissing),
        ([false, false, true, nil, false, false], .cleanEnd),
        ([false, false, false, true, true, true], .damagedBody),
        ([false, false, false, false, true, true], .damagedHeader),
        ([false, false, false, nil, true, false], .unsyncedGroup),
        ([false, false, false, true, false, false], .unpromisedBody),
        ([false, false, false, false, false, false], .tornTail),
    ]

    private static func matches(_ row: [Bool?], _ values: [Bool]) -> Bool {
        zip(row, values).allSatisfy { $0 == nil || $0 == $1 }
    }

    @Test func `every combination of evidence has exactly one case`() {
        var seen: Set<RecoveryDecision> = []
        for bits in 0..<64 {
            let values = (0..<6).map { bits >> $0 & 1 == 1 }
            let evidence = RecoveryEvidence(
                hasNext: values[0], reachesNext: values[1], restIsZero: values[2],
                hasHeader: values[3], hasLaterFrame: values[4], promisesMore: values[5])
            let row = Self.table.first { Self.matches($0.0, values) }
            #expect(row?.1 == RecoveryDecision(evidence), "\(evidence)")
            seen.insert(RecoveryDecision(evidence))
        }
        #expect(seen == Set(RecoveryDecision.allCases))
    }

    @Test func `rows that are no contradiction exclude each other`() {
        for bits in 0..<64 {
            let values = (0..<6).map { bits >> $0 & 1 == 1 }
            let rows = Self.table.filter { Self.matches($0.0, values) }
            #expect(!rows.isEmpty)
            if rows[0].1 != .contradiction { #expect(rows.count == 1, "\(values)") }
        }
    }

    @Test func `nothing is cut that was promised, and nothing else is refused`() {
        for bits in 0..<64 {
            let values = (0..<6).map { bits >> $0 & 1 == 1 }
            let evidence = RecoveryEvidence(
                hasNext: values[0], reachesNext: values[1], restIsZero: values[2],
                hasHeader: values[3], hasLaterFrame: values[4], promisesMore: values[5])
            let decision = RecoveryDecision(evidence)
            if decision == .contradiction { continue }
            if evidence.promisesMore, !evidence.hasNext { #expect(decision.action == .refuse) }
            if decision.action == .refuse { #expect(evidence.promisesMore || evidence.hasNext) }
        }
    }
}
