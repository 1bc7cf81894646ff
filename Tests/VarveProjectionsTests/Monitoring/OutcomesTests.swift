import FoundationEssentials
import Testing
import VarveProjections
import VarveTestSupport

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct OutcomesTests {
    /// The share of pairs of a positive and a negative that the scores order rightly, ties half.
    private static func auc(_ pairs: [(score: Float, isPositive: Bool)]) -> Double? {
        var (right, count) = (0.0, 0.0)
        for positive in pairs where positive.isPositive {
            for negative in pairs where !negative.isPositive {
                count += 1
                if positive.score > negative.score { right += 1 }
                if positive.score == negative.score { right += 0.5 }
            }
        }
        return count == 0 ? nil : right / count
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func `AUC, log loss and Brier score are those of their definitions`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let pairs = (0..<generator.below(60)).map { _ in
            (score: Float(generator.below(8)) / 7, isPositive: generator.chance(30))
        }
        let outcomes = Outcomes(pairs, predictions: pairs.count + 5)
        #expect(outcomes.joined == pairs.count && outcomes.predictions == pairs.count + 5)
        #expect(outcomes.auc == Self.auc(pairs), "seed \(seed)")
        #expect(Outcomes(pairs.shuffled(using: &generator), predictions: pairs.count + 5) == outcomes)
        guard !pairs.isEmpty else {
            #expect(outcomes.logLoss == nil && outcomes.brier == nil)
            #expect(outcomes.positiveShare == nil && outcomes.auc == nil)
            return
        }
        var (loss, brier) = (0.0, 0.0)
        for pair in pairs {
            let given = pair.isPositive ? Double(pair.score) : 1 - Double(pair.score)
            loss -= log(max(given, Double.ulpOfOne))
            brier += (Double(pair.score) - (pair.isPositive ? 1 : 0)).magnitude
                * (Double(pair.score) - (pair.isPositive ? 1 : 0)).magnitude
        }
        #expect(abs(try #require(outcomes.logLoss) - loss / Double(pairs.count)) < 1e-12)
        #expect(abs(try #require(outcomes.brier) - brier / Double(pairs.count)) < 1e-12)
    }

    @Test func `scores that are no probabilities keep the log loss finite`() throws {
        let outcomes = Outcomes(
            [(score: 0, isPositive: true), (score: 1, isPositive: false), (score: 7, isPositive: true)],
            predictions: 3)
        #expect(try #require(outcomes.logLoss).isFinite)
        #expect(outcomes.auc == 0.5)
    }
}
