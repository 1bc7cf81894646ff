import Glibc
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem

/// Measures the feature engine: folding JSON records into views, reading a hot key, and reading a
/// snapshot back.
struct FoldBench {
    let directory: String
    let records: Int
    let keys: Int
    private let clock = ContinuousClock()

    /// Three views with four windowed features each over one stream.
    private static let document = """
        {"streams": [{"name": "payments", "fields": {"time": "timestamp", "user": "string",
          "merchant": "string", "country": "string", "amount": "float64", "fee": "float64",
          "items": "int64", "card": "bool", "channel": "string"},
          "event_time": "time", "key": ["user"]}],
         "views": [
          {"name": "users", "entity": {"user": "string"}, "source": "payments", "features": [
            {"name": "count_1h", "count": "*", "window": "1h"},
            {"name": "sum_1h", "sum": "amount", "window": "1h"},
            {"name": "mean_24h", "mean": "amount", "window": "24h"},
            {"name": "max_24h", "max": "amount", "window": "24h"}]},
          {"name": "merchants", "entity": {"merchant": "string"}, "source": "payments",
           "features": [
            {"name": "count_24h", "count": "*", "window": "24h"},
            {"name": "sum_24h", "sum": "amount", "window": "24h"},
            {"name": "mean_24h", "mean": "amount", "window": "24h"},
            {"name": "min_24h", "min": "amount", "window": "24h"}]},
          {"name": "countries", "entity": {"country": "string"}, "source": "payments",
           "features": [
            {"name": "count_1h", "count": "*", "window": "1h"},
            {"name": "items_24h", "sum": "items", "window": "24h"},
            {"name": "fee_mean_24h", "mean": "fee", "window": "24h"},
            {"name": "amount_max_24h", "max": "amount", "window": "24h"}]}]}
        """

    func run() throws {
        let definitions = try definitions()
        print("| what | value |\n| --- | --- |")
        let fold = try ingest(definitions)
        try readBack(fold, definitions)
        try hotKey(definitions)
    }

    private func definitions() throws -> Definitions {
        let bytes = Array(Self.document.utf8)
        return try Definitions(reading: try JSON(parsing: bytes.raw))
    }

    private func row(_ what: String, _ value: String) { print("| \(what) | \(value) |") }

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let spent = try clock.measure(body)
        return Double(spent.components.seconds) + Double(spent.components.attoseconds) / 1e18
    }

    /// A record of about 180 bytes; time moves on by 20 ms each.
    private func value(_ number: Int) -> [UInt8] {
        // Spread like a hash, the same on every run.
        let mixed = (UInt64(number) &* 0x9E37_79B9_7F4A_7C15) >> 20
        let time = Timestamp(microseconds: 1_760_000_000_000_000 + Int64(number) * 20_000)
        let cents = mixed % 20_000
        let text =
            "{\"time\":\"\(time)\",\"user\":\"u\(mixed % UInt64(keys))\",\"merchant\":\"merchant-"
            + "\((mixed >> 8) % 20_000)\",\"country\":\"\(["DE", "FR", "US", "JP"][Int(mixed % 4)])\","
            + "\"amount\":\(cents / 100).\(10 + cents % 90),\"fee\":0.\(10 + mixed % 90),"
            + "\"items\":\(1 + mixed % 9),\"card\":true,\"channel\":\"web\"}"
        return Array(text.utf8)
    }

    private func ingest(_ definitions: Definitions) throws -> FeatureFold {
        let files = PosixFileSystem()
        let path = "\(directory)/fold-\(records)"
        try files.createDirectory(directory)
        let log = try Log.open(directory: path)
        let name = StreamName(name: "payments", partition: 0)
        try log.createStreams([name])
        guard let stream = log.stream(name)?.id else { return FeatureFold(definitions) }
        var number = Int(log.stream(name)?.highWatermark ?? 0)
        var bytes = 0
        while number < records {
            let batch = (number..<min(number + 1000, records)).map {
                Record(key: nil, value: value($0), timestamp: 0)
            }
            _ = try log.append(try RecordBatch.encode(batch), to: stream)
            number += batch.count
        }
        bytes = value(records / 2).count
        // Everything once beforehand, so that the files are in memory.
        var warm = FeatureFold(definitions)
        try warm.fold(log, upTo: Position(min(log.commitPosition.value, 50_000)))
        var fold = FeatureFold(definitions)
        let cores = ProcessEnvironment.coreCount
        for threads in cores > 1 ? [1, cores] : [1] {
            fold = FeatureFold(definitions, shardBits: 6)
            let used = Glibc.clock()
            let spent = try seconds {
                try fold.fold(
                    log, upTo: log.commitPosition, options: FoldOptions(threads: threads))
            }
            let cpu = Double(Glibc.clock() - used) / 1e6
            row(
                "fold \(records) records of \(bytes) B into 3 views, 12 features,"
                    + " threads: \(threads)",
                "\(Int(Double(records) / spent)) records/s,"
                    + " \(Int(cpu / Double(records) * 1e9)) ns of CPU each")
        }
        for state in fold.views {
            row(
                "memory of \(state.plan.view.name): \(state.keyCount) keys, \(state.factCount) facts",
                "\(state.byteCount / max(1, state.keyCount)) B/key,"
                    + " \(state.byteCount / max(1, state.factCount)) B/fact")
        }
        try log.close()
        return fold
    }

    private func readBack(_ fold: FeatureFold, _ definitions: Definitions) throws {
        var pieces: [[UInt8]] = []
        let writing = seconds {
            var writer = PieceWriter { (piece: RawSpan) throws(Never) in
                pieces.append(piece.copied())
            }
            fold.write(to: &writer)
            writer.finish()
        }
        var again = FeatureFold(definitions)
        let reading = try seconds {
            var rest = pieces[...]
            var reader = PieceReader { rest.popFirst() }
            again = try FeatureFold(definitions, shardBits: 6, reading: &reader)
        }
        let isEqual = fold.views.map(\.digest) == again.views.map(\.digest)
        let keys = fold.views.reduce(0) { $0 + $1.keyCount }
        let bytes = pieces.reduce(0) { $0 + $1.count }
        row("snapshot of \(keys) keys, \(bytes >> 20) MiB: write", "\(writing) s")
        row("the same: read back, \(isEqual ? "equal" : "NOT EQUAL")", "\(reading) s")
    }

    /// One key with a million facts in 24 hours.
    private func hotKey(_ definitions: Definitions) throws {
        let document = """
            {"streams": [{"name": "hot", "fields": {"k": "int64", "x": "float64"},
              "key": ["k"]}],
             "views": [{"name": "hot", "entity": {"k": "int64"}, "source": "hot", "features": [
              {"name": "sum", "sum": "x", "window": "24h"},
              {"name": "count", "count": "x", "window": "24h"},
              {"name": "mean", "mean": "x", "window": "24h"},
              {"name": "min", "min": "x", "window": "24h"},
              {"name": "max", "max": "x", "window": "24h"}]}]}
            """
        let bytes = Array(document.utf8)
        let definitions = try Definitions(reading: try JSON(parsing: bytes.raw))
        let view = definitions.views[0]
        var state = ViewState(ViewPlan(view, stream: definitions.streams[0]))
        let count = 1_050_000
        let step = Int64(86_400_000_000 / 1_000_000)
        for number in 0..<count {
            let mixed = (UInt64(number) &* 0x9E37_79B9_7F4A_7C15) >> 40
            let time = Timestamp(microseconds: Int64(number) * step)
            state.apply(
                [.int64(1), .float64(Double(mixed) / 100)], eventTime: time,
                position: Int64(number), knownTime: time, id: nil)
        }
        guard let key = EntityKey([Value.int64(1)]) else { return }
        let reads = 2000
        var sink = 0
        let all = seconds {
            for number in 0..<reads {
                let cutoff = Timestamp(
                    microseconds: Int64(count) * step - Int64(number) * 7919)
                sink += state.read(key, Visibility(cutoff: cutoff)).count
            }
        }
        row(
            "hot key, 1,000,000 facts in 24 h: sum, count, mean, min, max together",
            "\(all / Double(reads) * 1e6) us")
        let one = seconds {
            for number in 0..<reads {
                let cutoff = Timestamp(
                    microseconds: Int64(count) * step - Int64(number) * 7919)
                if state.read(0, key, Visibility(cutoff: cutoff)).status == .present { sink += 1 }
            }
        }
        row("the same: sum alone", "\(one / Double(reads) * 1e6) us")
        row("memory of the hot key", "\(state.byteCount / count) B/fact (\(sink))")
    }
}
