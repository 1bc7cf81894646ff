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
    init(_ view: consuming RecordView, _ frame: borrowing FrameView) {
        position = Position(frame.basePosition.value + Int64(view.offsetDelta))
        offset = frame.baseOffset + Int64(view.offsetDelta)
        ingestTime = frame.ingestTime
        self.view = view
    }
}

extension FrameView {
    /// Decodes the frame's records, in order.
    /// - Parameter scratch: holds them when they are compressed; reused.
    /// - Throws: when the batch cannot be decoded, which declared streams rule out at append.
    public func forEachRecord(
        scratch: inout [UInt8], _ body: (borrowing LogRecord) throws -> Void
    ) throws {
        try RecordBatch.forEachRecord(self.body, scratch: &scratch) { view in
            try body(LogRecord(view, self))
        }
    }
}
