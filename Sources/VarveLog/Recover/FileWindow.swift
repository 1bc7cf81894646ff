import VarveBytes
import VarveSystem

/// A file read from front to back in blocks, so that any frame lies in one piece of memory.
struct FileWindow: ~Copyable {
    private let file: any File
    private let block: Int
    private(set) var bytes: [UInt8] = []
    /// Where `bytes` begin in the file.
    private var start: Int64 = 0
    private var count = 0

    private static let magic = Array("VRV1".utf8)

    init(_ file: any File, block: Int) {
        self.file = file
        self.block = block
    }

    /// The valid frame at an offset and where its body is in `bytes`; nil when there is none.
    mutating func frame(at offset: Int64, _ size: Int64, log: LogID, base: Int64)
        throws(LogError) -> (header: FrameHeader, bodyStart: Int)?
    {
        guard size - offset >= Int64(FrameHeader.size) else { return nil }
        try load(offset, FrameHeader.size)
        let seed = FrameHeader.seed(log: log, segmentBase: base, fileOffset: offset)
        var at = Int(offset - start)
        guard let header = FrameHeader(
            bytes.raw.extracting(at..<(at + FrameHeader.size)), seed: seed)
        else { return nil }
        guard size - offset >= Int64(FrameHeader.size) + Int64(header.bodyLength) else { return nil }
        try load(offset, FrameHeader.size + Int(header.bodyLength))
        at = Int(offset - start)
        let bodyStart = at + FrameHeader.size
        let body = bytes.raw.extracting(bodyStart..<(bodyStart + Int(header.bodyLength)))
        guard header.kind == .tick || CRC32C.checksum(body) == header.bodyChecksum else {
            return nil
        }
        return (header, bodyStart)
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

    /// What is in a range where frames should be but are not: whether all of it is zero, the end
    /// of what is not, and the largest promise of a valid frame in it. Frames begin at multiples
    /// of 8 bytes.
    mutating func survey(from offset: Int64, to size: Int64, log: LogID, base: Int64)
        throws(LogError) -> (isZero: Bool, lastNonZero: Int64, promised: Int64?)
    {
        var lastNonZero = offset
        var promised: Int64?
        var at = offset
        while at < size {
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
                lastNonZero = at + Int64(length)
                if length == 8, word.starts(with: Self.magic),
                    let found = try frame(at: at, size, log: log, base: base)
                {
                    promised = max(promised ?? 0, found.header.commitPromised)
                }
            }
            at += Int64(length)
        }
        return (lastNonZero == offset, lastNonZero, promised)
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
