/// Which facts the rows of a training set may rest on.
public enum TrainingMode: String, Sendable, CaseIterable {
    /// What was known at each row's T: no leakage through late or corrected data.
    case asKnown = "as-known"
    /// All that is known at the basis.
    case asCorrected = "as-corrected"
}
