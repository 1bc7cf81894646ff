import Testing
import VarveBytes

@Suite struct InverseTests {
    @Test(arguments: [0, 1, 2, 7, 1000])
    func `every number is found at its place`(count: Int) {
        var random = XorShift(seed: count)
        let numbers = (0..<Int32(count)).map { (random.next(), $0) }.sorted { $0 < $1 }.map(\.1)
        let places = numbers.inverse
        #expect(places.count == count)
        for (place, number) in numbers.enumerated() { #expect(Int(places[Int(number)]) == place) }
        #expect(places.inverse == numbers)
    }
}
