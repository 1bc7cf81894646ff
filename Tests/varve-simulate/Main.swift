import Glibc
import VarveSimulation

/// Runs simulations, one seed after another, until the time is up or one fails.
@main
struct Main {
    static func main() {
        var arguments = CommandLine.arguments.dropFirst()
        var seed: UInt64 = 1
        var (seconds, lives, steps) = (10.0, 12, 40)
        var count: UInt64?
        var bug: PlantedBug?
        var traceLines = 0
        while let name = arguments.popFirst() {
            let value = arguments.popFirst() ?? ""
            switch name {
            case "--seed": seed = UInt64(value) ?? 1
            case "--count": count = UInt64(value)
            case "--seconds": seconds = Double(value) ?? 10
            case "--lives": lives = Int(value) ?? lives
            case "--steps": steps = Int(value) ?? steps
            case "--trace": traceLines = Int(value) ?? 100
            case "--bug":
                bug = PlantedBug(rawValue: value)
                if bug == nil { end("unknown bug \(value)", code: 2) }
            default: end("unknown option \(name)", code: 2)
            }
        }
        var total = Simulation.Statistics()
        let start = ContinuousClock.now
        var done: UInt64 = 0
        while count.map({ done < $0 }) ?? (ContinuousClock.now - start < .seconds(seconds)) {
            let current = seed &+ done
            var simulation = Simulation(seed: current, bug: bug)
            if traceLines > 0 { simulation.keepTrace() }
            do {
                let statistics = try simulation.run(lives: lives, steps: steps)
                total.add(statistics)
                if count == 1 { print("digest \(statistics.digest)") }
            } catch {
                let planted = bug.map { " --bug \($0.rawValue)" } ?? ""
                for line in simulation.trace.suffix(traceLines) { print(line) }
                print("seed \(current) FAILED: \(error)")
                end(
                    "replay: tools/simulate --seed \(current) --count 1 --lives \(lives)"
                        + " --steps \(steps)\(planted)", code: 1)
            }
            done += 1
        }
        let spent = ContinuousClock.now - start
        print(
            "\(done) seeds passed in \(spent.formatted): \(total.lives) lives,"
                + " \(total.crashes) crashes, \(total.tornTails) torn tails,"
                + " \(total.removals) segments retired, \(total.refusals) refusals of damage, \(total.records) records,"
                + " \(total.calls) calls of the file system")
    }

    static func end(_ message: String, code: Int32) -> Never {
        print(message)
        exit(code)
    }
}

extension Simulation.Statistics {
    mutating func add(_ other: Self) {
        lives += other.lives
        records += other.records
        crashes += other.crashes
        tornTails += other.tornTails
        refusals += other.refusals
        removals += other.removals
        calls += other.calls
    }
}

extension Duration {
    var formatted: String {
        let (seconds, attoseconds) = components
        return "\(seconds).\(attoseconds / 100_000_000_000_000_000) s"
    }
}
