public import VarveBytes
public import VarveFormats
public import VarveLog

/// One record of the log as projections see it, borrowed.
public struct LogRecord: ~Escapable {
    /// Its place in the log.
    public let position: Position
    /// Its number within its stream.
    public let offset: Int64
    public let ingestTime: Timestamp
    /// Key, value, headers and timestamp.
    public let view: RecordView

    @_lifetime(copy view)
    init(_ view: consuming RecordView, _ frame: FrameHead) {
        position = Position(frame.basePosition.value + Int64(view.offsetDelta))
        offset = frame.baseOffset + Int64(view.offsetDelta)
        ingestTime = frame.ingestTime
        self.view = view
    }
}

/// A frame without its records: what can be kept of it.
struct FrameHead: Sendable {
    let basePosition: Position
    let baseOffset: Int64
    /// Records.
    let count: Int
    let ingestTime: Timestamp
    let isQuarantined: Bool

    init(_ frame: borrowing FrameView) {
        basePosition = frame.basePosition
        baseOffset = frame.baseOffset
        count = frame.count
        ingestTime = frame.ingestTime
        isQuarantined = frame.isQuarantined
    }

    /// Decodes the frame's records, in order.
    /// - Parameters:
    ///   - body: the frame's.
    ///   - scratch: holds the records when they are compressed; reused.
    /// - Throws: when the batch cannot be decoded, which declared streams rule out at append.
    func forEachRecord(
        of body: RawSpan, scratch: inout [UInt8], _ deliver: (borrowing LogRecord) throws -> Void
    ) throws {
        try RecordBatch.forEachRecord(body, scratch: &scratch) { view in
            try deliver(LogRecord(view, self))
        }
    }
}

extension FrameView {
    /// Decodes the frame's records, in order; see `FrameHead.forEachRecord`.
    public func forEachRecord(
        scratch: inout [UInt8], _ body: (borrowing LogRecord) throws -> Void
    ) throws {
        try FrameHead(self).forEachRecord(of: self.body, scratch: &scratch, body)
    }
}
