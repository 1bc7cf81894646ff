import VarveBytes
public import VarveFeatures
import VarveFormats
import VarveLog
import VarveSystem

/// The files of one generation of the offline store, and the rows that wait to be written.
///
///     CHECKPOINT                             {"format": "parquet", "position": 41003,
///                                             "unreadable": [see `UnreadableRecords`]}
///     <stream>/day=<date>/<range>.parquet    see `TableFile`
///
/// Files are written whole, then the checkpoint; a file that begins at or beyond the checkpoint is
/// what a crash left and is made anew. Files below it are merged where a day has many small ones:
/// the merged file first, then the others go; after a crash between the two, the one that holds the
/// other's records stays.
struct TableDirectory {
    /// Rows of a day that are written without waiting for more.
    static let rowsPerFile = 122_880
    /// Rows of a stream that wait at most; then the larger half of its days is written.
    static let waitingRowsMax = 524_288
    /// A day's files below this size and `rowsPerFile` are merged when there are `smallFilesMax` of
    /// them.
    static let smallFileBytes = 4 << 20
    static let smallFilesMax = 8

    let path: String
    let files: any FileSystem
    /// By stream name.
    private var tables: [String: StreamTable] = [:]
    /// Days with new files since the last merge, by stream name.
    private var changed: [String: Set<Int64>] = [:]
    /// Records below the position that has been reached that are no rows, by stream name.
    private(set) var unreadable: [String: UnreadableRecords] = [:]

    init(path: String, files: any FileSystem) {
        self.path = path
        self.files = files
    }

    /// Records whose stream has a table; others are not kept offline.
    mutating func define(_ definitions: Definitions) {
        tables = [:]
        for stream in definitions.tableStreams { tables[stream.name] = StreamTable(stream) }
    }

    /// Takes in one frame; writes days that are full.
    mutating func add(_ frame: borrowing FrameView, stream: String) throws {
        guard let (fullest, found) = tables[stream]?.add(frame) else { return }
        if let found { count(found, stream) }
        if fullest >= Self.rowsPerFile { try write(stream) { $0.rowCount >= Self.rowsPerFile } }
        guard let table = tables[stream], table.rowCount >= Self.waitingRowsMax else { return }
        let sizes = table.days.map(\.rowCount).sorted()
        let median = sizes[sizes.count / 2]
        try write(stream) { $0.rowCount >= median }
    }

    private mutating func count(_ found: RecordReader.Unreadable, _ stream: String) {
        guard let definition = tables[stream]?.stream.digest.description else { return }
        unreadable[
            stream, default: UnreadableRecords(first: found.position, definition: definition)
        ].add(found.count, definition)
    }

    /// Whether rows wait to be written.
    var hasWaiting: Bool { tables.values.contains { $0.rowCount > 0 } }

    private mutating func write(
        _ stream: String, where isWanted: (StreamTable.Day) -> Bool = { _ in true }
    ) throws {
        guard let table = tables[stream] else { return }
        let options = Self.options(table)
        var written: Set<Int64> = []
        // Rows that are on disk wait no longer, also when the next day's cannot be written.
        defer {
            tables[stream]?.remove(days: written)
            if !written.isEmpty { changed[stream, default: []].formUnion(written) }
        }
        for day in table.days where isWanted(day) {
            let rows = Table(columns: day.columns, metadata: table.stream.tableMetadata)
            try put(TableFile(day: day.number, positions: day.positions), rows, stream, options)
            written.insert(day.number)
        }
    }

    /// Files are read far more often than written: integers and times are differences, and pages are
    /// compressed where that saves a good part only.
    private static func options(_ table: StreamTable) -> ParquetFile.Options {
        ParquetFile.Options(
            compression: .lz4Sparingly, required: table.required, usesDifferences: true)
    }

    private func put(
        _ file: TableFile, _ table: Table, _ stream: String, _ options: ParquetFile.Options
    ) throws {
        let directory = "\(path)/\(Self.folder(stream))/\(file.directory)"
        try files.createDirectory(directory)
        try files.replace(file.name, in: directory, with: ParquetFile.encode(table, options))
    }

    /// Writes all that waits, then the position that the files reach to.
    mutating func flush(_ position: Position) throws {
        for stream in tables.keys.sorted() { try write(stream) }
        let checkpoint = JSON.object([
            .init("format", "parquet"), .init("position", .integer(position.value)),
            .init(
                "unreadable",
                .array(unreadable.sorted { $0.key < $1.key }.map { $1.json(stream: $0) })),
        ])
        try files.createDirectory(path)
        try files.replace("CHECKPOINT", in: path, with: Array(checkpoint.pretty.utf8))
    }

    /// Takes up what the checkpoint counted.
    /// - Returns: the position that the files on disk reach to.
    mutating func resume() throws -> Position {
        let bytes: [UInt8]
        do {
            bytes = try files.contents(of: "\(path)/CHECKPOINT")
        } catch {
            if error.isNotFound { return Position(0) }
            throw error
        }
        let json = try SnapshotError.json(bytes, in: "\(path)/CHECKPOINT")
        guard let position = json["position"]?.integerValue else {
            throw SnapshotError(path: "\(path)/CHECKPOINT", reason: "it names no position")
        }
        // Files of another format, or with records left out that nobody counted, are those of an
        // older version: all are made anew.
        guard json["format"]?.stringValue == "parquet", let counted = json["unreadable"]?.arrayValue
        else { return Position(0) }
        for entry in counted {
            guard let (stream, records) = UnreadableRecords.read(entry) else {
                throw SnapshotError(path: "\(path)/CHECKPOINT", reason: "it counts \(entry.text)")
            }
            unreadable[stream] = records
        }
        return Position(position)
    }
}

extension TableDirectory {
    /// The files of a stream by day, then position.
    func list(_ stream: String) throws -> [TableFile] {
        var found: [TableFile] = []
        let folder = "\(path)/\(Self.folder(stream))"
        for directory in try files.listIfAny(folder) where directory.hasPrefix("day=") {
            for name in try files.listIfAny("\(folder)/\(directory)") {
                if let file = TableFile(directory: directory, name: name) { found.append(file) }
            }
        }
        // A merged file whose parts could not be removed stands for them.
        let days = Dictionary(grouping: found, by: \.day)
        return found.filter { file in
            !(days[file.day]?.contains { $0.contains(file) } ?? false)
        }.sorted {
            ($0.day, $0.positions.lowerBound) < ($1.day, $1.positions.lowerBound)
        }
    }

    /// Where a file is.
    func path(of file: TableFile, _ stream: String) -> String {
        "\(path)/\(Self.folder(stream))/\(file.directory)/\(file.name)"
    }

    /// A stream's directory. Streams may be called as the checkpoint and its drafts are: no name
    /// begins with the sign that they get.
    static func folder(_ stream: String) -> String {
        stream.hasPrefix("CHECKPOINT") ? "=\(stream)" : stream
    }

    /// Removes what a crash left: files that begin at or after the checkpoint, files whose records
    /// are in a merged one too, and anything that is not whole.
    func removeFiles(from position: Position) throws {
        for folder in try files.listIfAny(path) where !folder.hasPrefix("CHECKPOINT") {
            try removeFiles(in: folder, from: position)
        }
    }

    /// Forgets a stream, whose records are then added from the start.
    mutating func restart(_ stream: String) throws {
        unreadable[stream] = nil
        try removeFiles(in: Self.folder(stream), from: Position(0))
    }

    /// The same for one stream's directory; from position 0, all its files.
    private func removeFiles(in folder: String, from position: Position) throws {
        for directory in try files.listIfAny("\(path)/\(folder)") {
            let place = "\(path)/\(folder)/\(directory)"
            guard directory.hasPrefix("day=") else {
                try files.remove(place)
                continue
            }
            let names = try files.listIfAny(place)
            let known = names.compactMap { TableFile(directory: directory, name: $0) }
            for name in names {
                guard let file = TableFile(directory: directory, name: name) else {
                    try files.remove("\(place)/\(name)")
                    continue
                }
                let isMerged = known.contains { $0.contains(file) }
                if isMerged || file.positions.lowerBound >= position.value {
                    try files.remove("\(place)/\(name)")
                }
            }
        }
    }
}

extension TableDirectory {
    /// Merges small files of days that have many, where they have the same columns. Call when every
    /// file lies below the checkpoint.
    mutating func merge() throws {
        for (stream, days) in changed.sorted(by: { $0.key < $1.key }) {
            let all = try list(stream)
            for day in days.sorted() { try merge(stream, all.filter { $0.day == day }) }
        }
        changed = [:]
    }

    private func merge(_ stream: String, _ day: [TableFile]) throws {
        // Neighbours only: the merged file's range then holds no record of another file.
        var run: [TableFile] = []
        for file in day + [nil] as [TableFile?] {
            if let file, try isSmall(path(of: file, stream)) {
                run.append(file)
                continue
            }
            if run.count >= Self.smallFilesMax { try merge(run: run, of: stream) }
            run = []
        }
    }

    /// Whether a file would be read faster as a part of another.
    private func isSmall(_ path: String) throws -> Bool {
        try files.open(path, .read).size() < Self.smallFileBytes
            && files.parquetFooter(path).rowCount < Self.rowsPerFile
    }

    private func merge(run: [TableFile], of stream: String) throws {
        guard let table = tables[stream] else { return }
        var columns: [Column] = []
        var merged: [TableFile] = []
        let metadata = table.stream.tableMetadata
        func write() throws {
            guard merged.count > 1, let first = merged.first, let last = merged.last else { return }
            let file = TableFile(
                day: first.day,
                positions: first.positions.lowerBound..<last.positions.upperBound)
            try put(
                file, Table(columns: columns, metadata: metadata), stream,
                Self.options(table))
            for old in merged { try files.remove(path(of: old, stream)) }
            try files.syncDirectory("\(path)/\(Self.folder(stream))/\(file.directory)")
        }
        for file in run {
            let bytes = try files.contents(of: path(of: file, stream))
            let part = try ParquetFile.decode(bytes.raw)
            // Files of an older definition of the stream stay as they are.
            let isSame = part.metadata(StreamDefinition.definitionKey) == metadata[1].value
            if !isSame || columns.first.map({ $0.count >= Self.rowsPerFile }) ?? false {
                try write()
                (columns, merged) = ([], [])
                if !isSame { continue }
            }
            if columns.isEmpty { columns = part.columns } else {
                for index in columns.indices { columns[index].append(part.columns[index]) }
            }
            merged.append(file)
        }
        try write()
    }
}

extension StreamDefinition {
    /// The key under which a file names the definition that its rows were read with.
    public static let definitionKey = "varve.definition"

    /// What a file says of itself.
    var tableMetadata: [(key: String, value: String)] {
        [("varve.stream", name), (Self.definitionKey, digest.description)]
    }
}

extension Definitions {
    /// The streams that are kept as tables: declared ones and those of written views.
    var tableStreams: [StreamDefinition] {
        streams
            + views.compactMap { view in
                if case .written = view.source { StreamDefinition(writing: view) } else { nil }
            }
    }
}
