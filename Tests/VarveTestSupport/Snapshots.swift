public import VarveBytes
public import VarveFeatures

extension PieceReader {
    /// Reads items of one piece.
    public init(_ bytes: [UInt8]) {
        var rest: [UInt8]? = bytes
        self.init {
            defer { rest = nil }
            return rest
        }
    }
}

extension ViewState {
    /// Its snapshot, in one piece.
    public var snapshot: [UInt8] {
        onePiece { write(to: &$0) }
    }
}

/// What is written in pieces, as one.
public func onePiece(_ write: (inout PieceWriter<Never>) -> Void) -> [UInt8] {
    var bytes: [UInt8] = []
    var pieces = PieceWriter { (piece: RawSpan) throws(Never) in bytes.append(copying: piece) }
    write(&pieces)
    pieces.finish()
    return bytes
}
