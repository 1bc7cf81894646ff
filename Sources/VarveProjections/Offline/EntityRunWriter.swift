import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveSystem

/// Writes an entity run from the one before it and the rows that came since: those are sorted in
/// stretches that fit in memory, then all are merged. Nothing of the run counts until whoever asked
/// for it puts its `RUN` in place.
struct EntityRunWriter {
    /// How many rows go together, about.
    struct Sizes {
        /// Rows of a group: what is swept at once, which is to fit a core's cache.
        var rowsPerGroup: Int
        /// Rows of a file, and rows that are sorted at once.
        var rowsPerFile: Int

        static let usual = Sizes(rowsPerGroup: 32_768, rowsPerFile: 1 << 20)
    }

    let stream: StreamDefinition
    let key: [String]
    /// Fields besides the key's, sorted.
    let columns: [String]
    /// The run's number, which no run in the directory has.
    let number: Int
    /// Where the run's files go.
    let directory: String
    let files: any FileSystem
    let sizes: Sizes
    /// Told how many more rows were read or merged; what it throws ends the work.
    let progress: (Int) throws -> Void

    private var types: [Column] {
        let fields = (key + columns).compactMap { name in stream.fields.first { $0.name == name } }
        return fields.map { Column(name: $0.name, type: $0.type.columnType) }
            + KeyedTable.ownColumns.map {
                Column(name: $0, type: StreamTable.ownTypes[$0] ?? .int64)
            }
    }

    /// Writes the run's files.
    /// - Parameters:
    ///   - old: what has all rows below its end; nil for the first.
    ///   - tables: each reads one of the stream's other tables, with rows below `old`'s end or not.
    func write(
        _ old: EntityRunReader?, _ tables: [() throws -> Table], end: Position
    ) throws -> EntityRun {
        try files.createDirectory(directory)
        var drafts: [EntityRunReader] = []
        var newest = KeyedTable(like: types)
        for table in tables {
            let rows = KeyedTable(
                try columns(of: try table()), width: key.count, from: old?.end.value ?? 0)
            newest.append(rows)
            try progress(rows.count)
            if newest.count < sizes.rowsPerFile { continue }
            drafts.append(try draft(newest.sorted(), drafts.count))
            newest = KeyedTable(like: types)
        }
        var sources = try ((old.map { [$0] } ?? []) + drafts).map { try Source($0, self) }
        if newest.count > 0 { sources.append(Source(newest.sorted())) }
        return try merge(sources, EntityRunOutput(self, prefix: prefix, end: end))
    }

    /// Removes what `write` made, of which nothing counts.
    func removeFiles() throws {
        for name in try files.list(directory)
        where name.hasPrefix("\(prefix)-") || name.hasPrefix(Self.draftPrefix) {
            try files.remove("\(directory)/\(name)")
        }
    }

    private static let draftPrefix = "draft-"
    private var prefix: String { EntityRun.prefix(number) }

    /// Writes rows to a run of their own, which is in nobody's way.
    private func draft(_ rows: KeyedTable, _ number: Int) throws -> EntityRunReader {
        let output = EntityRunOutput(self, prefix: "\(Self.draftPrefix)\(number)", end: Position(0))
        let run = try merge([Source(rows)], output)
        return try EntityRunReader(run, files)
    }

    /// The run's columns of a table, of nulls where an older definition had no such field.
    fileprivate func columns(of table: Table) throws -> [Column] {
        try types.map { column in
            if let found = table[column.name] {
                guard found.type == column.type else {
                    throw SnapshotError(
                        path: directory,
                        reason:
                            "\(stream.name).\(column.name) is of type \(found.type.rawValue) in a "
                            + "file, expected \(column.type.rawValue)")
                }
                return found
            }
            var nulls = column
            for _ in 0..<table.rowCount { nulls.appendNull() }
            return nulls
        }
    }

    /// Where rows come from, in order.
    private struct Source {
        private let reader: EntityRunReader?
        private var next = 0
        /// Rows that were read and not taken.
        private(set) var rows: KeyedTable
        private let writer: EntityRunWriter?

        init(_ rows: KeyedTable) { (self.rows, reader, writer) = (rows, nil, nil) }

        init(_ reader: EntityRunReader, _ writer: EntityRunWriter) throws {
            (self.reader, self.writer) = (reader, writer)
            rows = KeyedTable(like: writer.types)
            try load()
        }

        /// Whether all rows that are left were read.
        var isWhole: Bool { reader.map { next == $0.groupCount } ?? true }

        /// Makes sure that there are rows, if any are left.
        mutating func load() throws {
            while rows.count == 0, let reader, let writer, next < reader.groupCount {
                let table = try reader.table(ofGroup: next, columns: Set(writer.types.map(\.name)))
                rows = KeyedTable(
                    try writer.columns(of: table), width: writer.key.count, from: Int64.min)
                next += 1
            }
        }

        /// Takes the first rows.
        mutating func take(_ count: Int) -> KeyedTable {
            defer { rows = rows.extracting(count..<rows.count) }
            return rows.extracting(0..<count)
        }
    }

    private func merge(_ sources: [Source], _ output: EntityRunOutput) throws -> EntityRun {
        var (sources, output) = (sources, output)
        while true {
            for index in sources.indices { try sources[index].load() }
            sources.removeAll { $0.rows.count == 0 }
            if sources.isEmpty { return try output.finish() }
            // Up to here no source has rows that were not read.
            let bound = sources.filter { !$0.isWhole }.map { $0.rows.place($0.rows.count - 1) }
                .min()
            var merged = KeyedTable(like: types)
            var contributing = 0
            for index in sources.indices {
                let rows = sources[index].rows
                let count = bound.map { rows.count(upTo: $0) } ?? rows.count
                if count == 0 { continue }
                merged.append(sources[index].take(count))
                contributing += 1
            }
            try progress(merged.count)
            try output.add(contributing > 1 ? merged.sorted() : merged)
        }
    }
}

/// The files of a run while they are written.
private struct EntityRunOutput {
    private let writer: EntityRunWriter
    private let prefix: String
    private var run: EntityRun
    private var pending: KeyedTable?

    init(_ writer: EntityRunWriter, prefix: String, end: Position) {
        self.writer = writer
        self.prefix = prefix
        run = EntityRun(
            number: writer.number, stream: writer.stream.name,
            definition: writer.stream.digest.description,
            key: writer.key, columns: writer.columns, end: end,
            directory: writer.directory)
    }

    /// Takes rows that come after all before.
    mutating func add(_ rows: KeyedTable) throws {
        if pending == nil { pending = rows } else { pending?.append(rows) }
        guard let all = pending, all.count >= writer.sizes.rowsPerFile else { return }
        // The last group may go on.
        var ends = groupEnds(all.hashes)
        ends.removeLast()
        guard let last = ends.last else { return }
        try write(all.extracting(0..<last), ends)
        pending = all.extracting(last..<all.count)
    }

    mutating func finish() throws -> EntityRun {
        if let rest = pending, rest.count > 0 { try write(rest, groupEnds(rest.hashes)) }
        return run
    }

    /// Where row groups end: between two keys, unless a key is longer than a group.
    private func groupEnds(_ hashes: [UInt64]) -> [Int] {
        var (ends, start): ([Int], Int) = ([], 0)
        while start < hashes.count {
            let limit = min(start + writer.sizes.rowsPerGroup, hashes.count)
            var end = limit
            if limit < hashes.count {
                while end > start, hashes[end] == hashes[end - 1] { end -= 1 }
                if end == start { end = limit }
            }
            ends.append(end)
            start = end
        }
        return ends
    }

    private mutating func write(_ rows: KeyedTable, _ ends: [Int]) throws {
        let nullable = Set(writer.stream.fields.filter(\.isNullable).map(\.name))
        // Runs are there to be read fast, and can be made again.
        let options = ParquetFile.Options(
            compression: .none,
            required: Set(rows.columns.map(\.name)).subtracting(nullable).union(writer.key),
            usesDifferences: true)
        let table = Table(columns: rows.columns, metadata: writer.stream.tableMetadata)
        let name = EntityRun.name(prefix, run.files.count)
        var bytes: [UInt8] = []
        bytes += ParquetFile.encode(table, options, groupEnds: ends)
        try writer.files.replace(name, in: writer.directory, with: bytes)
        var start = 0
        let groups = ends.map { end in
            defer { start = end }
            return EntityRun.Group(
                rows: end - start, hashes: rows.hashes[start]...rows.hashes[end - 1])
        }
        run.files.append(EntityRun.FileOfRun(name: name, groups: groups))
    }
}
