/// Writes much in pieces of about a mebibyte, each handed on as it fills, so that no more than one
/// has to lie in memory. Items are never parted: `PieceReader` reads them one by one.
public struct PieceWriter<Failure: Error>: ~Copyable {
    private var writer: ByteWriter
    private let pieceSize: Int
    private let sink: (RawSpan) throws(Failure) -> Void

    /// - Parameters:
    ///   - pieceSize: bytes with which a piece is handed on.
    ///   - sink: takes it; it is never empty.
    public init(pieceSize: Int = 1 << 20, sink: @escaping (RawSpan) throws(Failure) -> Void) {
        writer = ByteWriter(capacity: pieceSize + pieceSize / 4)
        self.pieceSize = pieceSize
        self.sink = sink
    }

    /// Writes one item.
    public mutating func item(_ body: (inout ByteWriter) -> Void) throws(Failure) {
        body(&writer)
        if writer.count >= pieceSize { try finish() }
    }

    /// Hands on what is left.
    public mutating func finish() throws(Failure) {
        if writer.count == 0 { return }
        try sink(writer.bytes.raw)
        writer.bytes.removeAll(keepingCapacity: true)
    }
}
