import Testing
import VarveSimulation

@Suite struct SimulationTests {
    /// Seeds per case; `tools/simulate` runs as many as there is time for.
    static let perCase: UInt64 = 10

    @Test(arguments: (0..<12).map { UInt64($0) * perCase })
    func `nothing acknowledged is lost through crashes, faults and damage`(first: UInt64) throws {
        for seed in first..<(first + Self.perCase) {
            var simulation = Simulation(seed: seed)
            do {
                let statistics = try simulation.run(lives: 8, steps: 25)
                #expect(statistics.lives == 8)
            } catch {
                Issue.record("seed \(seed): \(error)")
            }
        }
    }

    @Test func `a seed replays exactly`() throws {
        for seed in [3, 4] as [UInt64] {
            var first = Simulation(seed: seed)
            var second = Simulation(seed: seed)
            #expect(
                try first.run(lives: 5, steps: 20) == second.run(lives: 5, steps: 20))
        }
    }

    /// The first seeds that catch each mistake.
    @Test(arguments: PlantedBug.allCases)
    func `a planted bug is caught`(bug: PlantedBug) throws {
        let caught = (1...40).first { seed in
            var simulation = Simulation(seed: UInt64(seed), bug: bug)
            do {
                _ = try simulation.run(lives: 8, steps: 25)
                return false
            } catch {
                return true
            }
        }
        #expect(caught != nil, "\(bug) went unnoticed for 40 seeds")
    }
}
