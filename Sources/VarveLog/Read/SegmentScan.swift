import VarveBytes
import VarveFormats
import VarveSystem

/// The frames of a segment, read from front to back and checked one by one: what its footer says,
/// without believing it.
struct SegmentScan {
    private(set) var entries: [FrameEntry] = []
    private(set) var leaves: [UInt8] = []

    /// Bytes read at a time.
    static let block = 4 << 20

    /// Reads the frames up to where they must end.
    /// - Throws: `ReadError.damaged` for the first frame that is not as it should be.
    init(_ file: any File, log: LogID, base: Int64, end: Int64) throws(ReadError) {
        do throws(LogError) {
            var window = FileWindow(file, size: end, log: log, base: base, block: Self.block)
            var (offset, position) = (Int64(SegmentHeader.size), base)
            while offset < end {
                guard let (header, bodyStart) = try window.frame(at: offset),
                    header.basePosition == position
                else {
                    throw LogError.damaged(
                        path: file.path, offset: offset, position: position, reason: "")
                }
                let start = bodyStart - FrameHeader.size
                FrameHeader.appendLeaf(
                    of: window.bytes.raw.extracting(start..<(start + header.frameSize)),
                    to: &leaves)
                entries.append(
                    FrameEntry(
                        header, at: offset,
                        maxTimestamp: header.kind == .batch
                            ? window.bytes.raw.bigEndian(at: bodyStart + 35) : 0))
                offset += Int64(header.frameSize)
                position = header.endPosition
            }
        } catch {
            guard case .damaged(let path, let offset, let position, _) = error else {
                throw .system("\(error)")
            }
            throw .damaged(path: path, offset: offset, position: position)
        }
    }
}
