internal import CHardware

/// A place in memory that will be looked at soon. Whoever looks at many places, scattered over more
/// memory than the caches hold, says so beforehand for all of them: the processor then fetches them
/// at once instead of one after the other.
///
/// It never touches what it names, so the memory may have gone meanwhile.
public struct MemoryHint: Sendable {
    @usableFromInline let address: UInt

    @inlinable @inline(__always)
    init(address: UInt) { self.address = address }

    /// A place so many bytes behind.
    @inlinable @inline(__always)
    public func advanced(by bytes: Int) -> MemoryHint {
        MemoryHint(address: address &+ UInt(bitPattern: bytes))
    }

    /// Has the cache line of the place fetched.
    public func prefetch() {
        // Safe: a hint to the processor, which ignores addresses that are not mapped.
        unsafe chw_prefetch(UnsafeRawPointer(bitPattern: address))
    }
}

extension Array {
    /// Where an element is; no element needs to be there.
    @inlinable @inline(__always)
    public func hint(_ index: Int) -> MemoryHint {
        // Safe: the address is only calculated with, never read from.
        unsafe withUnsafeBufferPointer { buffer in
            MemoryHint(address: UInt(bitPattern: buffer.baseAddress))
        }.advanced(by: index &* MemoryLayout<Element>.stride)
    }
}
