import VarveBytes

/// The values of an entity's key fields, in order, encoded so that different keys never have the
/// same bytes: each value carries its type, and each text its length.
public struct EntityKey: Sendable, Hashable {
    /// The encoded values.
    public let bytes: [UInt8]
    /// Unseeded: the same in every process, so that shards and files may depend on it.
    public let hash: UInt64

    /// A key of some values; nil when one of them is null, as null never matches anything.
    public init?(_ values: some Sequence<Value>) {
        var writer = ByteWriter(capacity: 32)
        for value in values {
            guard writer.keyValue(value) else { return nil }
        }
        self.init(encoded: writer.bytes)
    }

    /// A key from its encoded bytes.
    public init(encoded bytes: [UInt8]) {
        self.bytes = bytes
        hash = KeyHash.hash(bytes.raw)
    }

    /// The values.
    public var values: [Value] {
        var reader = ByteReader(bytes.raw)
        var values: [Value] = []
        while reader.remaining > 0, let value = try? reader.value() { values.append(value) }
        return values
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(hash) }

    /// Order by encoded bytes: for output that must not depend on hashing.
    public func precedes(_ other: EntityKey) -> Bool {
        bytes.lexicographicallyPrecedes(other.bytes)
    }
}
