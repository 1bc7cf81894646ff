import Testing
import VarveBytes
import VarveLog
import VarveProjections
import VarveTestSupport

@Suite struct GenerationTests {
    @Test func `the catalog names the live generation of each projection and the one before`()
        throws
    {
        let log = try TemporaryLog()
        #expect(try log.catalog().generation(of: "online") == .first)
        #expect(try log.catalog().previousGeneration(of: "online") == nil)
        let second = Generation.first.next(base: Position(41))
        #expect(second == Generation(number: 2, previous: 1, base: Position(41)))
        #expect(second.directory("/projections/online") == "/projections/online/2")
        try log.log.makeLive(second)
        #expect(try log.catalog().generation(of: "online") == second)
        #expect(try log.catalog().previousGeneration(of: "online") == .first)
        #expect(try log.catalog().generation(of: "offline") == .first)
        let third = second.next(base: Position(0))
        try log.log.makeLive(third)
        #expect(try log.catalog().generation(of: "online") == third)
        #expect(try log.catalog().previousGeneration(of: "online") == second)
    }

    @Test(arguments: [
        #"{"kind": "generation"}"#, #"{"kind": "generation", "generation": 2, "base": 0}"#,
        #"{"kind": "generation", "projection": "online", "generation": "2", "base": 0}"#,
        #"{"kind": "generation", "projection": "online", "generation": 2}"#,
        #"{"kind": "generation", "projection": "online", "generation": 0, "base": 0}"#,
        #"{"kind": "generation", "projection": "online", "generation": 2, "base": -1}"#,
    ])
    func `a record that names no generation is an error with its position`(text: String) throws {
        let log = try TemporaryLog()
        let position = try log.append([text], to: "varve.catalog")
        let error = #expect(throws: CatalogError.self) { try log.catalog() }
        #expect(describe(error).contains("position \(position)"))
    }
}
