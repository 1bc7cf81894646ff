import VarveFeatures

/// How far a window's distribution lies from its baseline.
public struct Drift: Sendable, Equatable {
    /// Population stability index over the baseline's bins and one for nulls.
    public let psi: Double
    /// What the index would be on average without any drift, from sample sizes alone.
    public let noiseFloor: Double

    /// Shares of empty bins are raised to this, so that the index stays finite.
    public static let smallestShare = 1e-4

    /// The index of two profiles over the same bins; nil when either is empty.
    ///
    /// PSI = sum (q - p) ln(q / p) over bins, p baseline shares, q window shares. Without drift it
    /// is about (1/n + 1/m) chi2(B - 1), whose mean is the noise floor.
    /// Source: Siddiqi, Credit Risk Scorecards, 2006; B. Yurdakul, "Statistical properties of
    /// population stability index", 2018.
    public init?(_ window: Profile, baseline: Profile) {
        guard window.edges == baseline.edges, window.count > 0, baseline.count > 0 else {
            return nil
        }
        let (n, m) = (Double(baseline.count), Double(window.count))
        var psi = 0.0
        var bins = 0
        let pairs = zip(baseline.counts + [baseline.nulls], window.counts + [window.nulls])
        for (before, after) in pairs where before + after > 0 {
            let p = max(Double(before) / n, Self.smallestShare)
            let q = max(Double(after) / m, Self.smallestShare)
            psi += (q - p) * naturalLog(q / p)
            bins += 1
        }
        self.psi = psi
        noiseFloor = Double(max(bins - 1, 0)) * (1 / n + 1 / m)
    }
}
