import Testing
import VarveBytes

@testable import VarveFormats

@Suite struct ParquetDifferencesTests {
    /// As the offline store writes its files.
    private static let stored = ParquetFile.Options(
        compression: .lz4Sparingly, usesDifferences: true)

    /// Records as they come: times in order of arrival and out of it, positions with gaps, keys.
    private static func arrivals(_ random: inout SplitMix64, rows: Int) -> Table {
        var known = Column(name: "known", type: .timestamp)
        var time = Column(name: "time", type: .timestamp)
        var maybe = Column(name: "maybe", type: .timestamp)
        var position = Column(name: "position", type: .int64)
        var wrapping = Column(name: "wrapping", type: .int64)
        var late = Column(name: "late", type: .int64)
        var key = Column(name: "key", type: .int64)
        var few = Column(name: "few", type: .int64)
        var value = Column(name: "value", type: .float64)
        var (now, next, edge) = (Int64(1_700_000_000_000_000), Int64(0), Int64.max - 900)
        for row in 0..<rows {
            now += Int64(random.below(1_000_000))
            next += random.below(30) == 0 ? 5 : 1
            edge &+= Int64(random.below(40)) - 10
            known.append(Timestamp(microseconds: now))
            time.append(Timestamp(microseconds: now - Int64(random.below(60_000_000))))
            if random.below(7) == 0 { maybe.appendNull() } else {
                maybe.append(Timestamp(microseconds: now - Int64(random.below(1000))))
            }
            position.append(next)
            wrapping.append(edge)
            // Nothing in the first half.
            if row < rows / 2 { late.appendNull() } else { late.append(-next) }
            key.append(Int64(random.next() >> 11))
            few.append(Int64(random.below(5)))
            value.append(Double(next))
        }
        return Table(
            columns: [known, time, maybe, position, wrapping, late, key, few, value])
    }

    /// How the first data page of each chunk is stored, by the column's name.
    private static func layout(_ file: [UInt8]) throws -> [String: [String]] {
        let names: [ParquetFormat.Encoding: String] = [
            .plain: "plain", .dictionary: "dictionary", .deltaBinaryPacked: "differences",
        ]
        var layout: [String: [String]] = [:]
        for group in try ParquetFile.metadata(file.raw).rowGroups {
            for chunk in group.columns {
                let page = file.raw.extracting(Int(chunk.dataOffset)..<file.count)
                var reader = ThriftReader(page)
                let header = try ParquetPageHeader(reading: &reader)
                let encoding = try #require(ParquetFormat.Encoding(rawValue: header.encoding))
                let name = try #require(names[encoding])
                layout[chunk.path[0], default: []].append(
                    chunk.codec == 0 ? name : "\(name), compressed")
            }
        }
        return layout
    }

    @Test func `the bytes of differences stay as they are`() throws {
        var random = SplitMix64(seed: 8)
        let table = Self.arrivals(&random, rows: 300)
        let file = ParquetFile.encode(
            table,
            .init(
                rowsPerGroup: 160, compression: .none, required: ["known", "position"],
                usesDifferences: true))
        try Fixture.expectGolden(file, "golden/parquet/varve-differences.parquet")
        try Fixture.expectGolden(
            Array(table.json.text.utf8 + [10]), "golden/parquet/varve-differences.json")
    }

    @Test func `files of older versions, plain and compressed, are read`() throws {
        var random = SplitMix64(seed: 8)
        let bytes = try Fixture.bytes("golden/parquet/varve-lz4.parquet")
        #expect(try ParquetFile.decode(bytes.raw) == Self.arrivals(&random, rows: 300))
        let layout = try Self.layout(bytes)
        #expect(layout["known"] == ["plain, compressed", "plain, compressed"])
    }

    @Test(arguments: [1, 2, 3, 4])
    func `a table comes back as it was written, and is the same without differences`(
        seed: UInt64
    ) throws {
        var random = SplitMix64(seed: seed)
        for rows in [0, 1, 2, 9, 64, 130, 700] {
            for table in [random.table(rows: rows), Self.arrivals(&random, rows: rows)] {
                for group in [1, 40, 64, 65_536] {
                    var options = Self.stored
                    options.rowsPerGroup = group
                    let file = ParquetFile.encode(table, options)
                    #expect(
                        try ParquetFile.decode(file.raw) == table, "seed \(seed), \(rows) rows")
                    guard rows >= 130, group == 64 else { continue }
                    let name = "stored-\(seed)-\(rows)-\(table.columns.count)"
                    try Fixture.writeForPeers(file, "\(name).parquet")
                    try Fixture.writeForPeers(Array(table.json.text.utf8), "\(name).json")
                }
            }
        }
    }

    @Test func `long columns come back, and take the layout that pays`() throws {
        var random = SplitMix64(seed: 9)
        let table = Self.arrivals(&random, rows: 50_000)
        var options = Self.stored
        options.required = ["known", "position", "key"]
        let file = ParquetFile.encode(table, options)
        #expect(try ParquetFile.decode(file.raw) == table)
        try Fixture.writeForPeers(file, "stored-long.parquet")
        try Fixture.writeForPeers(Array(table.json.text.utf8), "stored-long.json")
        #expect(
            try Self.layout(file) == [
                "known": ["differences"], "time": ["differences"], "maybe": ["differences"],
                "position": ["differences"], "wrapping": ["differences"],
                "late": ["differences"], "key": ["plain"], "few": ["dictionary"],
                "value": ["plain, compressed"],
            ])
        // Without being asked for, nothing changes.
        let plain = try Self.layout(ParquetFile.encode(table))
        #expect(!plain.values.joined().contains { $0.hasPrefix("differences") })
        #expect(file.count * 2 < ParquetFile.encode(table, .init(compression: .none)).count)
    }

    @Test func `pages are compressed where that saves a fourth`() throws {
        var random = SplitMix64(seed: 3)
        // Of each text, a part in no order, and a part that repeats.
        func table(_ parts: Range<Int>) -> Table {
            let texts = (0..<4000).map { _ in
                let part = (0..<parts.lowerBound).map { _ in
                    Unicode.Scalar(UInt8(33 + random.below(94)))
                }
                return String(String.UnicodeScalarView(part))
                    + String(repeating: "x", count: parts.count)
            }
            return Table(columns: [
                Column(name: "text", type: .string, cells: texts.map { .string($0) })
            ])
        }
        for (parts, isCompressed) in [(10..<40, true), (40..<46, false), (40..<40, false)] {
            let table = table(parts)
            let layout = try Self.layout(ParquetFile.encode(table, Self.stored))
            #expect(layout["text"] == [isCompressed ? "plain, compressed" : "plain"], "\(parts)")
            #expect(try ParquetFile.decode(ParquetFile.encode(table, Self.stored).raw) == table)
        }
        // A twentieth is enough for others.
        let layout = try Self.layout(ParquetFile.encode(table(40..<46)))
        #expect(layout["text"] == ["plain, compressed"])
    }

    @Test(arguments: [1, 2, 3])
    func `damaged bytes of differences are read as something or refused`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let file = ParquetFile.encode(Self.arrivals(&random, rows: 200), Self.stored)
        for _ in 0..<2000 {
            var damaged = file
            for _ in 0...random.below(3) {
                let extremes: [UInt8] = [0, 1, 0x7f, 0x80, 0xff, UInt8(random.below(256))]
                damaged[random.below(file.count)] = extremes[random.below(6)]
            }
            _ = try? ParquetFile.decode(damaged.raw, limit: 1 << 22)
        }
    }
}
