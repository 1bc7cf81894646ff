internal import CHardware

/// Unpredictable bytes from the kernel.
public enum RandomSource {
    /// `count` bytes; stops the program when the kernel has none to give.
    public static func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        // Safe: the kernel fills exactly the array.
        let result = unsafe bytes.withUnsafeMutableBytes {
            unsafe chw_getrandom($0.baseAddress, $0.count)
        }
        precondition(result == 0, "getrandom failed")
        return bytes
    }
}
