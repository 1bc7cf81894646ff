import VarveBytes
import VarveLog

/// Frames that wait to be folded together, copied: their bodies stand one after the other.
struct HeldFrames: Sendable {
    struct Frame: Sendable {
        let head: FrameHead
        let stream: String
        /// Records elsewhere are passed over; nil: none is.
        let positions: Range<Position>?
        let body: Range<Int>
    }

    /// Some of the records, to be read by one thread.
    struct Piece: Sendable {
        var frames: Range<Int>
        /// The part of the frame, where it is one; nil: all of the frames.
        var positions: Range<Position>?
    }

    private(set) var frames: [Frame] = []
    private(set) var bytes: [UInt8] = []
    /// Records of all frames.
    private(set) var count = 0

    mutating func add(
        _ frame: borrowing FrameView, stream: String, within positions: Range<Position>?
    ) {
        let start = bytes.count
        bytes.append(copying: frame.body)
        frames.append(
            Frame(
                head: FrameHead(frame), stream: stream, positions: positions,
                body: start..<bytes.count))
        count += frame.count
    }

    mutating func removeAll() {
        frames.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: true)
        count = 0
    }

    /// Parts the records into pieces of about so many, in order of position.
    func pieces(of size: Int) -> [Piece] {
        var pieces: [Piece] = []
        var records = 0
        for (number, frame) in frames.enumerated() {
            if frame.head.count >= 2 * size {
                let base = frame.head.basePosition.value
                let end = base + Int64(frame.head.count)
                for start in stride(from: base, to: end, by: size) {
                    let part = Position(start)..<Position(min(start + Int64(size), end))
                    pieces.append(Piece(frames: number..<number + 1, positions: part))
                }
                records = 0
                continue
            }
            let isNext = records > 0 && records + frame.head.count <= size
            if isNext, let last = pieces.last, last.positions == nil {
                pieces[pieces.count - 1].frames = last.frames.lowerBound..<number + 1
                records += frame.head.count
            } else {
                pieces.append(Piece(frames: number..<number + 1, positions: nil))
                records = frame.head.count
            }
        }
        return pieces
    }
}
