import VarveBytes
import VarveSystem

/// A segment whose records retention removed: its file keeps its name, its size, its header (with
/// the flag set) and its footer; between the two is a hole, which takes no space on disk.
///
/// So everything that is known about the records stays: the chain of roots and the proofs that the
/// log only grew go on, offsets stay dense, and what is gone is said by the file itself. One rename
/// removes one segment: a crash leaves it whole or retired.
enum RetiredSegment {
    /// What the new file is called until it is durable. Opening a log removes leftovers.
    static let temporarySuffix = ".tmp"
    private static let block = 4 << 20

    /// Replaces a sealed segment by a retired one. Whoever has the old file open can go on reading.
    static func replace(
        _ path: String, _ header: SegmentHeader, _ trailer: SegmentTrailer, _ file: any File,
        _ files: any FileSystem
    ) throws(SystemError) {
        var header = header
        header.isRetired = true
        let target = try files.open(path + temporarySuffix, .create)
        try target.write(header.encoded().raw, at: 0)
        let end = trailer.footerOffset + trailer.footerLength + Int64(SegmentTrailer.size)
        try copy(trailer.footerOffset..<end, from: file, to: target)
        try target.sync()
        try files.rename(path + temporarySuffix, to: path)
    }

    /// Copies a range of a file to the same place in another.
    static func copy(
        _ range: Range<Int64>, from file: any File, to target: any File
    ) throws(SystemError) {
        var bytes = [UInt8](repeating: 0, count: min(block, range.count))
        var offset = range.lowerBound
        while offset < range.upperBound {
            let wanted = min(bytes.count, Int(range.upperBound - offset))
            let count = try file.read(wanted, at: offset, into: &bytes, start: 0)
            if count == 0 { return }
            try target.write(bytes.raw.extracting(0..<count), at: offset)
            offset += Int64(count)
        }
    }
}
