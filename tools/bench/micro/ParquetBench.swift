import VarveBytes
import VarveFormats

/// Measures columns as the offline store has them, one by one: bytes, and time to write and read,
/// with values plain and pages compressed, and as the store writes them.
struct ParquetBench {
    let rows: Int
    private let clock = ContinuousClock()

    func run() throws {
        print("| column | layout | bytes a value | write, ns | read, ns |")
        print("| --- | --- | --- | --- | --- |")
        for column in columns() {
            for (name, options) in [
                ("plain", ParquetFile.Options(required: [column.name])),
                (
                    "stored",
                    ParquetFile.Options(
                        compression: .lz4Sparingly, required: [column.name], usesDifferences: true)
                ),
            ] {
                let table = Table(columns: [column])
                let file = ParquetFile.encode(table, options)
                let write = best { _ = ParquetFile.encode(table, options) }
                let read = try best {
                    let found = try ParquetFile.decode(file.raw)
                    precondition(found.rowCount == rows, "\(found.rowCount) rows of \(rows)")
                }
                let found = try ParquetFile.decode(file.raw)
                precondition(found == table, "other values")
                let bytes = tenths(10 * Double(file.count) / Double(rows))
                print(
                    "| \(column.name) | \(name) | \(bytes) | \(tenths(10 * write)) "
                        + "| \(tenths(10 * read)) |")
            }
        }
    }

    /// Nanoseconds for each row, the best of some runs.
    private func best(_ body: () throws -> Void) rethrows -> Double {
        var best = Double.infinity
        for _ in 0..<9 {
            let spent = try clock.measure(body).components
            best = min(best, Double(spent.seconds) * 1e9 + Double(spent.attoseconds) / 1e9)
        }
        return best / Double(rows)
    }

    private func tenths(_ value: Double) -> String {
        let whole = Int(value.rounded())
        return "\(whole / 10).\(whole % 10)"
    }

    /// Records that come in order of arrival, half a second apart, one in twenty up to two days late
    /// and the others within a minute; keys and amounts in no order.
    private func columns() -> [Column] {
        var random = SystemRandomNumberGenerator()
        var known = Column(name: "known", type: .timestamp)
        var time = Column(name: "time", type: .timestamp)
        var position = Column(name: "position", type: .int64)
        var user = Column(name: "user", type: .int64)
        var amount = Column(name: "amount", type: .float64)
        var (now, next): (Int64, Int64) = (1_700_000_000_000_000, 0)
        for row in 0..<rows {
            now += Int64.random(in: 0..<1_000_000, using: &random)
            let late: Int64 = row % 20 == 0 ? 2 * 86_400_000_000 : 60_000_000
            next += Int64.random(in: 0..<30, using: &random) == 0 ? 5 : 1
            known.append(Timestamp(microseconds: now))
            time.append(
                Timestamp(microseconds: now - Int64.random(in: 0..<late, using: &random)))
            position.append(next)
            user.append(Int64.random(in: 0..<(1 << 53), using: &random))
            amount.append(Double(Int64.random(in: 0..<8000, using: &random)) / 100)
        }
        return [user, time, known, position, amount]
    }
}
