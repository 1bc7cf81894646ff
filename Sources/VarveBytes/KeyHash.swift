/// A 64-bit hash of bytes without a seed: the same on every machine and in every process, so that
/// partitions, shards and file names may depend on it. Not for untrusted keys in a plain hash
/// table, and not a digest.
///
/// Eight bytes at a time are folded through a 64 x 64 -> 128 bit multiplication (the mixing step of
/// the wyhash and FxHash families), the length is mixed in last.
public enum KeyHash {
    @usableFromInline static let multiplier: UInt64 = 0x9e37_79b9_7f4a_7c15

    /// The hash of borrowed bytes.
    public static func hash(_ bytes: RawSpan) -> UInt64 {
        var state = multiplier
        var offset = 0
        while bytes.byteCount - offset >= 8 {
            state = mixed(state ^ bytes.littleEndian(at: offset, as: UInt64.self))
            offset += 8
        }
        var tail: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.byteCount {
            tail |= UInt64(bytes.byte(at: offset)) << shift
            shift += 8
            offset += 1
        }
        return mixed(mixed(state ^ tail) ^ UInt64(bytes.byteCount))
    }

    /// The hash of a word: one such step.
    @inlinable @inline(__always)
    public static func mixed(_ value: UInt64) -> UInt64 {
        let product = (value ^ 0xe703_7ed1_a0b4_28db).multipliedFullWidth(by: multiplier)
        return product.high ^ product.low
    }
}
