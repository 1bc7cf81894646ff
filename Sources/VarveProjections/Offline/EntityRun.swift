import VarveBytes
import VarveFeatures
public import VarveFormats
public import VarveLog
import VarveSystem

/// A second copy of a stream's rows below a position, in order of (hash of the key, event time,
/// position): what a training set reads of an entity lies in one place, already in order.
///
///     RUN                        the JSON below
///     run-<number>-<n>.parquet   rows in that order: the key's fields, what views read,
///                                `_event_time`, `_known_time`, `_position`
///
///     {"format": 1, "number": 7, "stream": "trades", "definition": "<digest>",
///      "key": ["account"], "columns": ["amount"], "end": 41003, "rows": 20114,
///      "files": [{"name": "run-7-0.parquet",
///                 "groups": "<rows> <least hash> <greatest hash>,<rows> ..."}]}
///
/// A row group holds whole keys, unless a key alone is longer than one. Rows whose key has a null
/// are left out: they are about no entity. The hash is `KeyTable.hashes`.
public struct EntityRun: Sendable, Equatable {
    /// One row group.
    struct Group: Sendable, Equatable {
        let rows: Int
        /// The least and the greatest hash of its keys.
        let hashes: ClosedRange<UInt64>
    }

    struct FileOfRun: Sendable, Equatable {
        let name: String
        let groups: [Group]
    }

    /// From 1; each run of a stream and key has another, and so have its files.
    let number: Int
    public let stream: String
    /// The digest of the definition that read the rows.
    let definition: String
    /// The fields of the key.
    public let key: [String]
    /// Fields besides the key's, sorted.
    let columns: [String]
    /// It has every readable row of the stream below this position.
    public let end: Position
    var files: [FileOfRun] = []
    /// Where it is. A generation that takes the place of its own has others, elsewhere.
    let directory: String

    /// Rows of all files.
    public var rowCount: Int { files.reduce(0) { $0 + $1.groups.reduce(0) { $0 + $1.rows } } }

    private static let format: Int64 = 1
    static let fileName = "RUN"
    /// What the names of a run's files begin with.
    static func prefix(_ number: Int) -> String { "run-\(number)" }
    static func name(_ prefix: String, _ file: Int) -> String { "\(prefix)-\(file).parquet" }

    var json: JSON {
        .object([
            .init("format", .integer(Self.format)), .init("number", .integer(Int64(number))),
            .init("stream", .string(stream)), .init("definition", .string(definition)),
            .init("key", .array(key.map { .string($0) })),
            .init("columns", .array(columns.map { .string($0) })),
            .init("end", .integer(end.value)), .init("rows", .integer(Int64(rowCount))),
            .init(
                "files",
                .array(
                    files.map { file in
                        .object([
                            .init("name", .string(file.name)),
                            .init(
                                "groups",
                                .string(file.groups.map(\.text).joined(separator: ","))),
                        ])
                    })),
        ])
    }

    /// Reads what `json` wrote; nil for another format, which is made anew.
    static func read(_ json: JSON, in path: String) throws(SnapshotError) -> EntityRun? {
        if let found = json["format"]?.integerValue, found != format { return nil }
        guard let run = EntityRun(json, String(path.dropLast(fileName.count + 1))) else {
            throw SnapshotError(path: path, reason: "it describes no run")
        }
        return run
    }

    private init?(_ json: JSON, _ directory: String) {
        guard json["format"]?.integerValue != nil,
            let number = json["number"]?.integerValue, (1..<Int64(Int32.max)).contains(number),
            let stream = json["stream"]?.stringValue,
            let definition = json["definition"]?.stringValue, let key = Self.names(json["key"]),
            let columns = Self.names(json["columns"]), let end = json["end"]?.integerValue,
            end >= 0, let rows = json["rows"]?.integerValue, let files = json["files"]?.arrayValue
        else { return nil }
        self.init(
            number: Int(number), stream: stream, definition: definition, key: key,
            columns: columns, end: Position(end), directory: directory)
        for file in files {
            guard let name = file["name"]?.stringValue,
                name == Self.name(Self.prefix(self.number), self.files.count),
                let groups = file["groups"]?.stringValue?.split(separator: ",")
            else { return nil }
            let read = groups.compactMap { Group($0) }
            if read.count < groups.count { return nil }
            self.files.append(FileOfRun(name: name, groups: read))
        }
        if Int64(rowCount) != rows { return nil }
        // Parts are found by their hashes.
        let hashes = self.files.flatMap(\.groups).map(\.hashes)
        for (one, next) in zip(hashes, hashes.dropFirst()) where one.upperBound > next.lowerBound {
            return nil
        }
    }

    init(
        number: Int, stream: String, definition: String, key: [String], columns: [String],
        end: Position, directory: String
    ) {
        self.number = number
        self.stream = stream
        self.definition = definition
        self.key = key
        self.columns = columns
        self.end = end
        self.directory = directory
    }

    private static func names(_ json: JSON?) -> [String]? {
        guard let all = json?.arrayValue else { return nil }
        let names = all.compactMap(\.stringValue)
        return names.count == all.count ? names : nil
    }
}

extension EntityRun.Group {
    /// Many of them are read whenever a training set is built: shorter than JSON.
    fileprivate var text: String {
        "\(rows) \(hashes.lowerBound.paddedHex) \(hashes.upperBound.paddedHex)"
    }

    fileprivate init?(_ text: Substring) {
        let parts = text.split(separator: " ")
        guard parts.count == 3, let rows = Int(parts[0]), (1...Int(Int32.max)).contains(rows),
            let first = Self.word(parts[1]), let last = Self.word(parts[2]), first <= last
        else { return nil }
        self.init(rows: rows, hashes: first...last)
    }

    private static func word(_ text: Substring) -> UInt64? {
        guard let word = UInt64(text, radix: 16), word.paddedHex == text else { return nil }
        return word
    }
}

extension EntityRun {
    /// Where a row group is: the number of its file, and its own there.
    struct Place: Sendable {
        let file: Int
        let group: Int
    }

    /// Row groups that are read together: no key of theirs is in another part.
    struct Part: Sendable {
        var groups: [Place]
        var hashes: ClosedRange<UInt64>
        var rows: Int
    }

    /// All parts in order of hash.
    var parts: [Part] {
        var parts: [Part] = []
        for (file, entry) in files.enumerated() {
            for (number, group) in entry.groups.enumerated() {
                if let last = parts.last, last.hashes.upperBound == group.hashes.lowerBound {
                    parts[parts.count - 1].groups.append(Place(file: file, group: number))
                    parts[parts.count - 1].rows += group.rows
                    parts[parts.count - 1].hashes =
                        last.hashes.lowerBound...group.hashes.upperBound
                } else {
                    parts.append(
                        Part(
                            groups: [Place(file: file, group: number)], hashes: group.hashes,
                            rows: group.rows))
                }
            }
        }
        return parts
    }
}

/// A run whose files are open: they can be read until it goes away, even when another run takes
/// its place meanwhile.
public final class EntityRunReader: Sendable {
    private let run: EntityRun
    private let parts: [EntityRun.Part]
    private let groups: [EntityRun.Place]
    private let files: [(file: any File, layout: ParquetLayout)]

    init(_ run: EntityRun, _ files: any FileSystem) throws {
        self.run = run
        parts = run.parts
        groups = parts.flatMap(\.groups)
        var types: [ColumnType?] = []
        self.files = try run.files.map { entry in
            let file = try files.open("\(run.directory)/\(entry.name)", .read)
            let layout = try Self.reading(file) { try file.parquetLayout() }
            guard layout.groupRows == entry.groups.map({ Int64($0.rows) }),
                run.has(layout.columns), types.isEmpty || types == layout.columns.map(\.type)
            else {
                throw SnapshotError(
                    path: file.path, reason: "it has other columns or rows than its run")
            }
            types = layout.columns.map(\.type)
            return (file, layout)
        }
    }

    /// Says which file a mistake is in.
    private static func reading<Result>(
        _ file: any File, _ body: () throws -> Result
    ) throws -> Result {
        do {
            return try body()
        } catch let error as ParquetError {
            throw SnapshotError(path: file.path, reason: "\(error)")
        }
    }

    /// The run has every readable row of the stream below this position.
    public var end: Position { run.end }

    /// Parts, which have no key in common, in order of hash.
    public var partCount: Int { parts.count }

    /// The least hash of each part but the first.
    public var firstHashes: [UInt64] { parts.dropFirst().map(\.hashes.lowerBound) }

    /// Some columns of a part.
    public func table(_ part: Int, columns: Set<String>) throws -> Table {
        var table: Table?
        for group in parts[part].groups {
            let read = try self.table(group, columns)
            guard table != nil else {
                table = read
                continue
            }
            for index in read.columns.indices { table?.columns[index].append(read.columns[index]) }
        }
        return table ?? Table()
    }

    /// A part has keys that its hashes say are elsewhere, or columns that its stream has not.
    public func disorder(ofPart part: Int) -> any Error {
        SnapshotError(
            path: files[parts[part].groups[0].file].file.path,
            reason: "it has other columns than its stream, or a key that is elsewhere by its hash")
    }

    /// Row groups, which may have keys in common.
    var groupCount: Int { groups.count }

    /// Some columns of a row group.
    func table(ofGroup number: Int, columns: Set<String>) throws -> Table {
        try table(groups[number], columns)
    }

    private func table(_ place: EntityRun.Place, _ columns: Set<String>) throws -> Table {
        let (file, layout) = files[place.file]
        let table = try Self.reading(file) {
            try file.parquet(columns, layout, group: place.group)
        }
        // `init` saw that the rows are as many as the run says.
        let group = run.files[place.file].groups[place.group]
        let keys = run.key.compactMap { table[$0]?.taking([0, Int32(group.rows - 1)]) }
        guard keys.count == run.key.count else { return table }
        let ends = KeyTable.hashes(keys, rows: 2)
        guard ends == [group.hashes.lowerBound, group.hashes.upperBound] else {
            throw SnapshotError(
                path: file.path,
                reason: "row group \(place.group) begins or ends with another key than its run says"
            )
        }
        return table
    }
}

extension EntityRun {
    /// Whether columns are those of its files.
    fileprivate func has(_ found: [(name: String, type: ColumnType?)]) -> Bool {
        let own = StreamTable.ownTypes
        return found.map(\.name) == key + columns + KeyedTable.ownColumns
            && found.allSatisfy { $0.type != nil && own[$0.name] ?? $0.type == $0.type }
    }
}
