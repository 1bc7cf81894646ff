internal import CHardware

extension SHA256 {
    /// Appends the 32 bytes of the digest of `prefix` followed by `bytes` to `output`: the form
    /// that Merkle trees hash leaves and nodes in, without an allocation.
    public static func appendDigest(
        prefix: UInt8, _ bytes: RawSpan, to output: inout [UInt8]
    ) {
        guard hasInstructions else {
            var hash = SHA256(portable: true)
            hash.update([prefix].raw)
            hash.update(bytes)
            output.append(contentsOf: hash.finalized().bytes)
            return
        }
        let start = output.count
        output.append(contentsOf: repeatElement(0, count: 32))
        // Safe: block 0 is the prefix and up to 63 bytes; the whole blocks after it lie within
        // `bytes`; the rest, at most 63 bytes, the mark and the length fit 128 bytes.
        unsafe withUnsafeTemporaryAllocation(byteCount: 128 + 32, alignment: 16) { scratch in
            unsafe bytes.withUnsafeBytes { source in
                let block = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch[..<128])
                let state = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch[128...])
                    .bindMemory(to: UInt32.self)
                for (index, word) in initialState.enumerated() { unsafe state[index] = word }
                var used = 0
                unsafe block[0] = prefix
                var filled = 1
                let head = min(63, source.count)
                unsafe UnsafeMutableRawBufferPointer(rebasing: block[1...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<head]))
                used = head
                filled += head
                if filled == 64 {
                    unsafe chw_sha256_blocks(state.baseAddress, block.baseAddress, 1)
                    let whole = (source.count - used) / 64
                    if whole > 0, let base = source.baseAddress {
                        unsafe chw_sha256_blocks(state.baseAddress, base + used, whole)
                        used += whole * 64
                    }
                    let rest = source.count - used
                    unsafe block.copyMemory(
                        from: UnsafeRawBufferPointer(rebasing: source[used...]))
                    filled = rest
                }
                let blocks = filled < 56 ? 1 : 2
                for index in filled..<(64 * blocks) { unsafe block[index] = 0 }
                unsafe block[filled] = 0x80
                let bits = (UInt64(source.count) + 1) &* 8
                unsafe block.storeBytes(
                    of: bits.bigEndian, toByteOffset: 64 * blocks - 8, as: UInt64.self)
                unsafe chw_sha256_blocks(state.baseAddress, block.baseAddress, blocks)
                for index in 0..<8 {
                    let word = unsafe state[index]
                    for byte in 0..<4 {
                        output[start + 4 * index + byte] = UInt8(
                            truncatingIfNeeded: word >> UInt32(24 - 8 * byte))
                    }
                }
            }
        }
    }
}
