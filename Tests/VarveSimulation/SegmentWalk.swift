import VarveBytes

/// A second, plain reading of a segment's frames, as the format's picture says, to know what a
/// flipped bit hits. Works on bytes that are not damaged yet.
struct SegmentWalk {
    struct Frame {
        let range: Range<Int>
        let base: Int64
        let count: Int64
        let promised: Int64

        var end: Int64 { base + count }
    }

    private(set) var frames: [Frame] = []
    /// Where the frames end.
    private(set) var end = 128

    /// Whether a footer follows them, up to the end of the file.
    private(set) var isSealed = false

    /// Whether retention removed the frames.
    private(set) var isRetired = false
    /// Where the footer begins, if there is one.
    private(set) var footer = 0

    init(_ bytes: [UInt8]) {
        isRetired = bytes.count >= 128 && bytes[120] == 1
        isSealed =
            bytes.count >= 256
            && bytes[(bytes.count - 128)...].starts(with: Array("VARVEEND".utf8))
        if isSealed { footer = Int(bytes.raw.littleEndian(at: bytes.count - 112, as: Int64.self)) }
        while bytes.count - end >= 64,
            bytes.raw.littleEndian(at: end, as: UInt32.self) == 0x3156_5256
        {
            let length = Int(bytes.raw.littleEndian(at: end + 8, as: UInt32.self))
            let size = (64 + length + 7) & ~7
            guard size <= bytes.count - end else { return }
            let base = bytes.raw.littleEndian(at: end + 16, as: Int64.self)
            // What a torn group left does not continue the frames before it.
            if let last = frames.last, base != last.end { return }
            frames.append(
                Frame(
                    range: end..<(end + size), base: base,
                    count: Int64(bytes.raw.littleEndian(at: end + 12, as: UInt32.self)),
                    promised: bytes.raw.littleEndian(at: end + 32, as: Int64.self)))
            end += size
        }
    }
}
