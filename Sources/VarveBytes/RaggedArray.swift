/// Arrays of different lengths whose elements are read in any order. It costs no counted reference
/// to read one, as it does with an array of arrays.
@safe
public struct RaggedArray<Element: BitwiseCopyable & Sendable>: Sendable {
    /// Keeps the elements where they are.
    private let arrays: [[Element]]
    @usableFromInline
    nonisolated(unsafe) let rows: [UnsafeBufferPointer<Element>]

    public init(_ arrays: [[Element]]) {
        self.arrays = arrays
        // Safe: an array's elements stay at their place while somebody has the array and nobody
        // changes it; it is held here, where it is a constant.
        unsafe rows = arrays.map { array in
            unsafe array.withUnsafeBufferPointer { elements in unsafe elements }
        }
    }

    /// An element of an array; stops the program when there is no such array or element.
    @inlinable @inline(__always)
    public subscript(array: Int, index: Int) -> Element {
        let row = unsafe rows[array]
        precondition(index >= 0 && index < row.count, "element \(index) of \(row.count)")
        // Safe: the precondition proves that there is such an element.
        return unsafe row[index]
    }

    /// The same, or another value where the array is empty.
    @inlinable @inline(__always)
    public subscript(array: Int, index: Int, orOfEmpty other: Element) -> Element {
        unsafe rows[array].isEmpty ? other : self[array, index]
    }
}
