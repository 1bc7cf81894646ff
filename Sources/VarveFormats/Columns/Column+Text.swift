public import VarveBytes

/// Texts where they lie, for loops over many rows: a column that is an element of an array is not
/// copied to be asked.
extension Column {
    /// `KeyHash` of the text of a row of a string column.
    public func textHash(_ row: Int) -> UInt64 {
        KeyHash.hash(bytes.raw.extracting(offsets[row]..<offsets[row + 1]))
    }

    /// Whether a row of a string column has a text's bytes.
    public func text(_ row: Int, equals other: RawSpan) -> Bool {
        bytes.raw.extracting(offsets[row]..<offsets[row + 1]).equals(other)
    }

    /// Writes the text of a row of a string column after its length in 32 bits.
    public func writeText(_ row: Int, to writer: inout ByteWriter) {
        writer.integer(UInt32(offsets[row + 1] - offsets[row]))
        writer.raw(bytes.raw.extracting(offsets[row]..<offsets[row + 1]))
    }

    /// Adds the bytes of the text of a row of a string column.
    public func appendText(_ row: Int, to target: inout [UInt8]) {
        target.append(copying: bytes.raw.extracting(offsets[row]..<offsets[row + 1]))
    }
}
