/// Where one committed frame is.
struct FrameEntry: Sendable, Equatable {
    var fileOffset: Int64
    var basePosition: Int64
    var baseOffset: Int64
    /// The batch's largest timestamp, ms.
    var maxTimestamp: Int64
    var ingestTime: Int64
    var bodyLength: UInt32
    var count: UInt32
    var stream: UInt32
    var kind: FrameHeader.Kind
    var flags: UInt8

    var endPosition: Int64 { basePosition + Int64(count) }
    var endOffset: Int64 { baseOffset + Int64(count) }
    var frameSize: Int { FrameHeader.frameSize(body: Int(bodyLength)) }

    init(
        fileOffset: Int64, basePosition: Int64, baseOffset: Int64, maxTimestamp: Int64,
        ingestTime: Int64, bodyLength: UInt32, count: UInt32, stream: UInt32,
        kind: FrameHeader.Kind, flags: UInt8
    ) {
        self.fileOffset = fileOffset
        self.basePosition = basePosition
        self.baseOffset = baseOffset
        self.maxTimestamp = maxTimestamp
        self.ingestTime = ingestTime
        self.bodyLength = bodyLength
        self.count = count
        self.stream = stream
        self.kind = kind
        self.flags = flags
    }

    init(_ header: FrameHeader, at fileOffset: Int64, maxTimestamp: Int64) {
        self.init(
            fileOffset: fileOffset, basePosition: header.basePosition,
            baseOffset: header.baseOffset, maxTimestamp: maxTimestamp,
            ingestTime: header.ingestTime, bodyLength: header.bodyLength, count: header.count,
            stream: header.stream, kind: header.kind, flags: header.flags)
    }
}
