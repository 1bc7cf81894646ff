import VarveBytes
import VarveSystem

/// A file read from front to back in blocks, so that any frame lies in one piece of memory.
struct FileWindow: ~Copyable {
    private let file: any File
    private let size: Int64
    private let log: LogID
    private let base: Int64
    private let block: Int
    private let ignoresChecksums: Bool
    private let surveyedBytes: Int64
    private(set) var bytes: [UInt8] = []
    /// Where `bytes` begin in the file.
    private var start: Int64 = 0
    private var count = 0

    private static let magic = Array("VRV1".utf8)

    /// A window of a segment's file of `size` bytes.
    /// - Parameter surveyedBytes: those that `survey` reads before the file system is asked where the
    ///   next data are: what it has read ahead counts as written for it.
    init(
        _ file: any File, size: Int64, log: LogID, base: Int64, block: Int,
        ignoresChecksums: Bool = false, surveyedBytes: Int64 = 16 << 20
    ) {
        self.surveyedBytes = surveyedBytes
        self.ignoresChecksums = ignoresChecksums
        self.file = file
        self.size = size
        self.log = log
        self.base = base
        self.block = Int(min(Int64(block), max(size, 4096)))
    }

    /// The valid header at an offset, whatever follows it; nil when there is none.
    mutating func header(at offset: Int64) throws(LogError) -> FrameHeader? {
        guard size - offset >= Int64(FrameHeader.size) else { return nil }
        try load(offset, FrameHeader.size)
        let at = Int(offset - start)
        return FrameHeader(
            bytes.raw.extracting(at..<(at + FrameHeader.size)),
            seed: FrameHeader.seed(log: log, segmentBase: base, fileOffset: offset))
    }

    /// The valid frame at an offset and where its body is in `bytes`; nil when there is none.
    mutating func frame(at offset: Int64) throws(LogError)
        -> (header: FrameHeader, bodyStart: Int)?
    {
        guard let header = try header(at: offset), size - offset >= Int64(header.frameSize) else {
            return nil
        }
        try load(offset, header.frameSize)
        let at = Int(offset - start)
        guard
            header.matches(bytes.raw.extracting(at..<(at + header.frameSize))) || ignoresChecksums
        else { return nil }
        return (header, at + FrameHeader.size)
    }

    /// Makes `length` bytes at `offset` available; the caller knows that the file has them.
    private mutating func load(_ offset: Int64, _ length: Int) throws(LogError) {
        if offset >= start, offset + Int64(length) <= start + Int64(count) { return }
        let wanted = max(block, length)
        if bytes.count < wanted { bytes = [UInt8](repeating: 0, count: wanted) }
        do {
            count = try file.read(wanted, at: offset, into: &bytes, start: 0)
        } catch {
            throw .system("\(error)")
        }
        start = offset
        guard count >= length else {
            throw .system("\(file.path): the file ends at byte \(offset + Int64(count))")
        }
    }

    /// What is in a file where frames should be but are not.
    struct Rest {
        var isZero: Bool { lastNonZero == start }
        let start: Int64
        /// The end of what is not zero.
        var lastNonZero: Int64
        /// The largest promise of a valid frame; nil when there is no valid frame.
        var promised: Int64?
        /// The end of the last record of a valid frame.
        var endPosition: Int64 = 0
    }

    /// Looks through the rest of the file for valid frames of an epoch, or of later ones. Frames
    /// begin at multiples of 8 bytes.
    /// - Parameter dropsCache: nobody else reads the file: what the file system has read ahead may be
    ///   dropped at first, and it is asked where the next data are a few pages further on already.
    mutating func survey(
        from offset: Int64, notOlderThan epoch: UInt32, dropsCache: Bool = false
    ) throws(LogError) -> Rest {
        var rest = Rest(start: offset, lastNonZero: offset)
        var at = offset
        var asked = at + surveyedBytes
        if dropsCache {
            // Pages of which a part is kept stay.
            asked = (at + 2 * Self.pageBytesMax) & ~(Self.pageBytesMax - 1)
            file.dropCache(from: asked)
        }
        var hole = hole(from: asked)
        while at < size {
            if at >= hole.lowerBound {
                // What was reserved and never written need not be read to be known.
                if hole.upperBound == size { at = size } else if hole.upperBound > at {
                    at += (hole.upperBound - at) & ~7
                }
                hole = self.hole(from: at + surveyedBytes)
                continue
            }
            let page = Int(min(4096, size - at))
            try load(at, page)
            let first = Int(at - start)
            if bytes.raw.extracting(first..<(first + page)).isAllZero {
                at += Int64(page)
                continue
            }
            let length = Int(min(8, size - at))
            try load(at, length)
            let place = Int(at - start)
            let word = bytes[place..<(place + length)]
            if word.contains(where: { $0 != 0 }) {
                rest.lastNonZero = at + Int64(length)
                if length == 8, word.starts(with: Self.magic),
                    let (header, _) = try frame(at: at), header.epoch >= epoch
                {
                    rest.promised = max(rest.promised ?? 0, header.commitPromised)
                    rest.endPosition = max(rest.endPosition, header.endPosition)
                }
            }
            at += Int64(length)
        }
        return rest
    }

    /// Pages in memory are no larger, nearly always.
    private static let pageBytesMax: Int64 = 64 << 10

    /// Some bytes that are known to be zero, or none, from an offset on.
    private func hole(from offset: Int64) -> Range<Int64> {
        let start = min(size, offset)
        return start..<max(start, min(size, file.nextData(from: start) ?? size))
    }

    /// A copy of a range.
    func copy(_ range: Range<Int64>) throws(LogError) -> [UInt8] {
        var copy = [UInt8](repeating: 0, count: Int(range.upperBound - range.lowerBound))
        do {
            let count = try file.read(copy.count, at: range.lowerBound, into: &copy, start: 0)
            copy.removeLast(copy.count - count)
        } catch {
            throw .system("\(error)")
        }
        return copy
    }
}
