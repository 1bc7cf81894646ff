import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem
import VarveTestSupport

@Suite struct MonitoringTests {
    private static let day: Int64 = 86_400_000_000
    private static let subject = Monitoring.Subject(model: "late", version: 1)

    private static func prediction(
        _ id: Int, time: Int64, _ features: [(String, Value)], score: Float = 0.5, version: Int = 1
    ) throws -> PredictionRecord {
        try PredictionRecordTests.record(
            id: "p\(id)", version: version, time: time,
            features: features.map { name, value in
                .init(
                    field: Field(name: name, type: value.type ?? .float64, isNullable: true),
                    value: .present(value))
            }, score: score)
    }

    /// The bins of every model version's baseline.
    private static let edges = Profile(baseline: (0..<100).map { Double($0) }).edges

    private static func monitoring(_ predictions: [PredictionRecord]) -> Monitoring {
        var monitoring = Monitoring(windowLength: day)
        for (index, prediction) in predictions.enumerated() {
            monitoring.apply(prediction, at: Position(Int64(index))) { _ in
                ["x": Profile(baseline: (0..<100).map { Double($0) })]
            }
        }
        return monitoring
    }

    @Test func `a prediction goes to the window of its time, however late it comes`() throws {
        let times: [Int64] = [0, Self.day, Self.day - 1, 3 * Self.day, -1, 5, -Self.day, 2 * Self.day - 1]
        let predictions = try times.enumerated().map {
            try Self.prediction($0, time: $1, [("x", .float64(Double($0)))])
        }
        let monitoring = Self.monitoring(predictions)
        let series = try #require(monitoring.series(of: Self.subject))
        #expect(series.windows.map(\.start.microseconds) == [-Self.day, 0, Self.day, 3 * Self.day])
        #expect(series.windows.map(\.predictions) == [2, 3, 2, 1])
        for window in series.windows {
            let inside = times.enumerated().filter {
                $0.element >= window.start.microseconds
                    && $0.element < window.start.microseconds + Self.day
            }
            let mean = inside.reduce(0.0) { $0 + Double($1.offset) } / Double(inside.count)
            #expect(window.profiles[0].mean == mean)
        }
        #expect(monitoring.predictionCount == times.count)
        #expect(monitoring.position(ofPrediction: "p3") == Position(3))
        #expect(monitoring.position(ofPrediction: "p9") == nil)
    }

    @Test(arguments: 0..<6 as Range<UInt64>)
    func `the order of predictions does not show`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let predictions = try (0..<60).map { id in
            try Self.prediction(
                id, time: Int64(generator.below(5)) * Self.day + Int64(generator.below(1000)),
                [
                    ("x", generator.chance(20) ? .null : .float64(generator.double())),
                    ("n", .int64(generator.integer())), ("s", .string("text")),
                    ("b", .bool(generator.chance(50))),
                ], score: Float(generator.below(100)) / 100, version: 1 + generator.below(2))
        }
        let expected = Self.monitoring(predictions)
        let shuffled = Self.monitoring(predictions.shuffled(using: &generator))
        #expect(expected.subjects == shuffled.subjects)
        for subject in expected.subjects {
            #expect(expected.json(of: subject) == shuffled.json(of: subject), "seed \(seed)")
            #expect(expected.series(of: subject)?.signals == ["x", "n", "b", "score"])
        }
    }

    @Test func `a signal is found by its name when the service has other columns`() throws {
        let before = try Self.prediction(1, time: 0, [("x", .float64(1)), ("y", .float64(2))])
        let after = try Self.prediction(2, time: 0, [("z", .float64(3)), ("x", .float64(5))])
        let fewer = try Self.prediction(3, time: Self.day, [("y", .float64(4))])
        for order in [[before, after, fewer], [fewer, after, before], [after, fewer, before]] {
            let series = try #require(Self.monitoring(order).series(of: Self.subject))
            #expect(series.signals.sorted() == ["score", "x", "y", "z"])
            func profile(_ window: Int, _ signal: String) throws -> Profile {
                let index = try #require(series.signals.firstIndex(of: signal))
                return series.windows[window].profiles[index]
            }
            #expect(try profile(0, "x").mean == 3 && profile(0, "x").edges == Self.edges)
            #expect(try profile(0, "y").mean == 2 && profile(1, "y").mean == 4)
            #expect(try profile(0, "z").mean == 3 && profile(1, "z").count == 0)
            #expect(try profile(0, "score").count == 2 && profile(1, "score").count == 1)
        }
    }

    @Test func `predictions that cannot be read are counted, and the first is named`() throws {
        let log = try TemporaryLog()
        let good = try Self.prediction(1, time: 0, [("x", .float64(1))])
        try log.append([good.json.text], to: "varve.predictions")
        let position = try log.append(["{}", "no JSON"], to: "varve.predictions")
        try log.append(
            [Record(key: Array("p1".utf8), value: nil, timestamp: 0)], to: "varve.predictions")
        let registry = try RegistryProjection(
            log.log, cache: "\(log.root.path)/artifacts", files: PosixFileSystem())
        let projection = MonitoringProjection(registry)
        try log.log.read(from: Position(0)) { frame in
            let name = log.log.stream(frame.streamID)?.name.name ?? ""
            try projection.apply(frame, stream: name)
            return true
        }
        #expect(projection.unreadable.count == 2)
        #expect(projection.unreadable.first.contains("position \(position)"))
        #expect(projection.monitoring.predictionCount == 1)
    }
}
