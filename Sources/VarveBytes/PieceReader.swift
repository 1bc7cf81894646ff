/// Reads items that `PieceWriter` wrote, one piece in memory at a time.
public struct PieceReader: ~Copyable {
    private var piece: [UInt8] = []
    private var offset = 0
    private let source: () throws -> [UInt8]?

    /// - Parameter source: answers the next piece; nil when there is none.
    public init(source: @escaping () throws -> [UInt8]?) { self.source = source }

    /// Reads one item.
    /// - Throws: `ByteError.truncated` when there is none; what `body` and the source throw.
    public mutating func item<Result>(
        _ body: (inout ByteReader) throws(ByteError) -> Result
    ) throws -> Result {
        guard try !isAtEnd() else { throw ByteError.truncated(at: 0, needed: 1, available: 0) }
        let (bytes, start) = (piece, offset)
        var reader = ByteReader(bytes.raw.extracting(start..<bytes.count))
        let result = try body(&reader)
        offset = start + reader.offset
        return result
    }

    /// Reads an item that is a count of others.
    public mutating func count() throws -> Int {
        Int(try item { reader throws(ByteError) in try reader.integer(UInt32.self) })
    }

    /// Whether every item has been read.
    public mutating func isAtEnd() throws -> Bool {
        while offset == piece.count {
            guard let next = try source() else { return true }
            (piece, offset) = (next, 0)
        }
        return false
    }
}
