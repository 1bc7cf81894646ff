import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveTestSupport

@Suite struct PredictionRecordTests {
    static let versions = ServiceVersions(
        .object([.init("digest", .string(SHA256.digest("d").description))]))

    static func record(
        id: String = "p1", version: Int = 1, time: Int64 = 1_577_836_800_000_001,
        keys: [PredictionRecord.Named] = [], features: [PredictionRecord.Served] = [],
        score: Float = 0.25
    ) throws -> PredictionRecord {
        PredictionRecord(
            id: id, model: "late", version: version, artifact: SHA256.digest("a"), service: "one",
            definitions: try #require(versions), keys: keys, inputs: [],
            time: Timestamp(microseconds: time), position: Position(41), features: features,
            score: score, route: "champion", numericMode: 1, latencyMicroseconds: 7)
    }

    private static func read(_ record: PredictionRecord) throws -> PredictionRecord {
        try PredictionRecord(try JSON(parsing: record.json.text))
    }

    private static let values: [Value] = [
        .null, .bool(true), .bool(false), .int64(.min), .int64(.max), .int64(0),
        .int64(9_007_199_254_740_993), .float64(0), .float64(-0.0), .float64(.leastNonzeroMagnitude),
        .float64(-.leastNonzeroMagnitude), .float64(.leastNormalMagnitude), .float64(1),
        .float64(.greatestFiniteMagnitude), .float64(0.1), .float64(1e22), .float64(0x1p-1030),
        .string(""), .string("\u{0}\"\\\n\u{1F600}"),
        .timestamp(Timestamp(microseconds: -1)), .timestamp(Timestamp(microseconds: 1)),
    ]

    @Test func `every value, status and bit comes back`() throws {
        var features: [PredictionRecord.Served] = []
        for value in Self.values {
            let type = value.type ?? .float64
            features.append(
                .init(
                    field: Field(name: "f\(features.count)", type: type, isNullable: true),
                    value: .present(value)))
        }
        for status in FeatureStatus.allCases {
            features.append(
                .init(
                    field: Field(name: "s.\(status.name)", type: .int64, isNullable: true),
                    value: FeatureValue(value: status == .present ? .int64(1) : .null, status: status)
                ))
        }
        let record = try Self.record(features: features)
        let read = try Self.read(record)
        #expect(read.features.count == features.count)
        for (found, served) in zip(read.features, features) {
            #expect(found.field == served.field)
            #expect(found.value.isIdentical(to: served.value), "\(served)")
        }
        #expect(read.json == record.json)
    }

    @Test func `a random record comes back as it was`() throws {
        var generator = SplitMix64(seed: 12)
        for _ in 0..<100 {
            let features = (0..<4).map { index in
                PredictionRecord.Served(
                    field: Field(name: "f\(index)", type: .float64, isNullable: true),
                    value: .present(.float64(generator.double())))
            }
            let score = Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()))
            let keys: [PredictionRecord.Named] = [
                .init(name: "a", value: .string(generator.text())),
                .init(name: "b", value: .int64(generator.integer())),
                .init(name: "c", value: .float64(generator.double())),
                .init(name: "d", value: .null), .init(name: "e", value: .bool(generator.chance(50))),
            ]
            let record = try Self.record(
                id: "id " + generator.text(), time: generator.integer() >> 12, keys: keys,
                features: features, score: score.isFinite ? score : -0.0)
            let read = try Self.read(record)
            #expect(read == record)
            #expect(read.score.bitPattern == record.score.bitPattern)
            #expect(
                zip(read.features, features).allSatisfy { $0.value.isIdentical(to: $1.value) })
        }
    }

    @Test func `keys and inputs come back as the type of their field`() throws {
        let time = Timestamp(microseconds: 1_577_836_800_000_000)
        let record = try Self.record(
            keys: [
                .init(name: "when", value: .timestamp(time)), .init(name: "x", value: .float64(3)),
                .init(name: "n", value: .int64(3)),
            ])
        let keys = try Self.read(record).keys
        func value(_ name: String, _ type: ValueType) -> Value? {
            PredictionRecord.value(Field(name: name, type: type), in: keys)
        }
        #expect(value("when", .timestamp) == .timestamp(time))
        #expect(value("x", .float64) == .float64(3))
        #expect(value("n", .int64) == .int64(3))
        #expect(value("n", .float64) == .float64(3))
        #expect(value("n", .string) == nil)
        #expect(value("nobody", .int64) == nil)
    }

    @Test func `a record that lacks anything is an error that names it`() throws {
        let whole = try Self.record(features: [
            .init(
                field: Field(name: "f", type: .int64, isNullable: true), value: .present(.int64(1)))
        ]).json
        guard case .object(let members) = whole else { return }
        for member in members where member.name != "latency_us" {
            let others = members.filter { $0.name != member.name }
            for json in [JSON.object(others), .object(others + [.init(member.name, .null)])] {
                let error = #expect(throws: PredictionError.self) { try PredictionRecord(json) }
                #expect(describe(error).contains("`\(member.name)`"), "\(member.name)")
            }
        }
        for part in ["name", "type", "status"] {
            let text = whole.text.replacing("\"\(part)\":\"", with: "\"\(part)\":\"?")
            let json = try JSON(parsing: text)
            if part == "name" { continue }
            #expect(throws: PredictionError.self) { try PredictionRecord(json) }
        }
    }
}
