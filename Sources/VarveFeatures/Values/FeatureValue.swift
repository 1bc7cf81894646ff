/// Why a feature has the value it has; the same words online and offline.
public enum FeatureStatus: UInt8, Sendable, Hashable, CaseIterable {
    /// There is a value.
    case present = 0
    /// The newest fact says null.
    case nullValue = 1
    /// No visible fact of the entity contributes.
    case notFound = 2
    /// The newest contributing fact is older than the view's `max_age`.
    case expired = 3
    /// A field of the entity's key is null: null never matches anything.
    case nullKey = 4
    /// History that the answer needs is no longer retained.
    case truncated = 5
    /// What the answer needs was erased on purpose.
    case erased = 6
    /// The exact result does not fit the feature's type.
    case overflow = 7

    /// The word for it in JSON and tables.
    public var name: String {
        switch self {
        case .present: "present"
        case .nullValue: "null_value"
        case .notFound: "not_found"
        case .expired: "expired"
        case .nullKey: "null_key"
        case .truncated: "truncated"
        case .erased: "erased"
        case .overflow: "overflow"
        }
    }

    /// The status that a word names.
    public init?(name: String) {
        guard let status = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = status
    }
}

/// A feature's value with its status; the value is null unless the status is `present`.
public struct FeatureValue: Sendable, Hashable {
    public let value: Value
    public let status: FeatureStatus

    /// A value that is there.
    public static func present(_ value: Value) -> FeatureValue {
        value.isNull ? FeatureValue(.nullValue) : FeatureValue(value: value, status: .present)
    }

    /// No value, for a reason.
    public init(_ status: FeatureStatus) { self.init(value: .null, status: status) }

    /// A value as it was recorded.
    public init(value: Value, status: FeatureStatus) {
        self.value = value
        self.status = status
    }

    /// Whether both have the same status and bits: zeros of different sign differ, which `==`
    /// cannot see.
    public func isIdentical(to other: FeatureValue) -> Bool {
        status == other.status && value.isIdentical(to: other.value)
    }
}
