import VarveBytes
public import VarveFormats

extension RecordDecoder {
    /// Adds a record's fields to columns, of which there is one for each field, of its type: the
    /// cells go over as they are, and no text is made.
    /// - Parameter record: the bytes that the cells were read from.
    public func append(
        _ cells: borrowing RecordCells, of record: RawSpan, to columns: inout [Column]
    ) {
        for slot in slots.indices {
            if slots[slot].type == .string {
                if let text = cells.text(slot, of: record) {
                    // The scanner has checked the bytes.
                    columns[slot].append(utf8: text)
                } else {
                    columns[slot].appendNull()
                }
            } else if let word = cells.word(slot) {
                columns[slot].append(word: word)
            } else {
                columns[slot].appendNull()
            }
        }
    }
}
