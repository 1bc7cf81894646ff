/// Arrays of different lengths whose elements are read in any order. It costs no counted reference
/// to read one, as it does with an array of arrays.
public struct RaggedArray<Element: BitwiseCopyable & Sendable>: Sendable {
    /// Where the elements of an array are, and how many.
    @usableFromInline
    struct Row: Sendable {
        @usableFromInline let address: UInt
        @usableFromInline let count: Int
    }

    /// Keeps the elements where they are.
    private let arrays: [[Element]]
    @usableFromInline let rows: [Row]

    public init(_ arrays: [[Element]]) {
        self.arrays = arrays
        rows = arrays.map { array in
            // Safe: the address is only calculated with here.
            unsafe array.withUnsafeBufferPointer { elements in
                Row(address: UInt(bitPattern: elements.baseAddress), count: elements.count)
            }
        }
    }

    /// An element of an array; stops the program when there is no such array or element.
    @inlinable @inline(__always)
    public subscript(array: Int, index: Int) -> Element {
        let row = rows[array]
        precondition(index >= 0 && index < row.count, "element \(index) of \(row.count)")
        // Safe: the precondition proves that there is such an element, and an array's elements stay
        // at their place while somebody has the array and nobody changes it: `arrays` holds it as
        // long as there is a `self` to read from, and is a constant.
        guard let elements = unsafe UnsafePointer<Element>(bitPattern: row.address) else {
            preconditionFailure("an array of \(row.count) elements without an address")
        }
        return unsafe elements[index]
    }

    /// The same, or another value where the array is empty.
    @inlinable @inline(__always)
    public subscript(array: Int, index: Int, orOfEmpty other: Element) -> Element {
        rows[array].count == 0 ? other : self[array, index]
    }
}
