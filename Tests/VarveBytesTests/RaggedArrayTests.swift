import Testing
import VarveBytes

@Suite struct RaggedArrayTests {
    @Test func `elements are those of the arrays, however those are changed later`() {
        var arrays: [[Int32]] = [[1, 2, 3], [], [4]]
        let ragged = RaggedArray(arrays)
        arrays[0][1] = 9
        arrays.removeLast()
        #expect([ragged[0, 0], ragged[0, 1], ragged[0, 2], ragged[2, 0]] == [1, 2, 3, 4])
        #expect(ragged[1, 7, orOfEmpty: -1] == -1)
        #expect(ragged[2, 0, orOfEmpty: -1] == 4)
    }
}
