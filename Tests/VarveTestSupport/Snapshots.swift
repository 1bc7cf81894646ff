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
        var bytes: [UInt8] = []
        var pieces = PieceWriter { (piece: RawSpan) throws(Never) in bytes.append(copying: piece) }
        write(to: &pieces)
        pieces.finish()
        return bytes
    }
}
