import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections

/// Where a set's facts come from: entity runs, tables, and the log behind them.
extension TrainingSweep {
    /// Positions of the log that are read as one piece.
    private static let positionsPerPiece: Int64 = 100_000
    /// Rows of files that are read as one piece, about: the more, the longer the runs of facts that
    /// a partition finds side by side.
    private static let rowsPerPiece = 500_000

    /// Where a stretch of facts is read from.
    private enum Piece: Sendable {
        case files([FilePiece])
        case log(Range<Position>)
        case table(Table, replaced: [Int64], unreadable: Int)
    }

    private struct FilePiece {
        let path: String
        let positions: Range<Position>
    }

    /// What was read of a stream.
    struct Facts {
        let store: FactStore
        let readers: [ViewReader]
        /// Records that the definition cannot read.
        var unreadable: Int
    }

    /// The facts of a stream below the basis for each view: from entity runs and the offline store's
    /// files as far as they go, then from the log.
    func facts(
        _ stream: StreamDefinition, _ views: [AskedView], keepsFacts: Bool,
        _ spill: FactStore.Spill?
    ) throws -> Facts {
        func readers(_ run: (AskedView) throws -> EntityRunReader?) rethrows -> [ViewReader] {
            try views.map { view in
                ViewReader(
                    view.view, stream, view.columns.map(\.feature), view.keyed, try run(view),
                    keepsFacts: keepsFacts, partitionsMax: partitionsMax)
            }
        }
        // Files have no rows for retractions, so that amendments take the log's word.
        guard let offline, stream.id == nil else {
            return try read(logPieces(stream, from: Position(0)), stream, readers { _ in nil }, spill)
        }
        return try offline.reading(stream.name) { files in
            let sorted = try readers { view in
                try files.run(for: view.view, stream).map { try offline.open($0) }
            }
            guard let unreadable = unreadable(in: files, stream),
                let pieces = try filePieces(
                    files, stream, offline, from: sorted.map(\.start).min() ?? Position(0),
                    isLimited: spill != nil)
            else {
                let readers = readers { _ in nil }
                return try read(logPieces(stream, from: Position(0)), stream, readers, spill)
            }
            var facts = try read(
                pieces + logPieces(stream, from: files.end), stream, sorted, spill)
            facts.unreadable += unreadable
            return facts
        }
    }

    /// Files put together until they have rows enough; nil when one is of another definition.
    /// - Parameters:
    ///   - start: nobody reads records below it.
    ///   - isLimited: memory is, so that each file is a piece.
    private func filePieces(
        _ files: OfflineStore.Files, _ stream: StreamDefinition, _ offline: OfflineStore,
        from start: Position, isLimited: Bool
    ) throws -> [Piece]? {
        let wantedFiles = files.paths.indices.filter { files.positions[$0].upperBound > start }
        var counts: [Int] = []
        for index in wantedFiles {
            guard let count = try offline.rows(of: files.paths[index], for: stream) else {
                return nil
            }
            counts.append(count)
        }
        // Some pieces for each thread, so that none is left alone with a long one.
        let wanted = min(Self.rowsPerPiece, counts.reduce(0, +) / (8 * max(1, threads)))
        var pieces: [Piece] = []
        var group: [FilePiece] = []
        var rows = 0
        for (index, count) in zip(wantedFiles, counts) {
            group.append(FilePiece(path: files.paths[index], positions: files.positions[index]))
            rows += count
            if isLimited || rows >= wanted || index == wantedFiles.last {
                pieces.append(.files(group))
                (group, rows) = ([], 0)
            }
        }
        return pieces
    }

    /// How many records below the basis files leave out; nil when only the log can tell: some were
    /// read by another definition, or lie on both sides of the basis.
    private func unreadable(in files: OfflineStore.Files, _ stream: StreamDefinition) -> Int? {
        guard let found = files.unreadable else { return 0 }
        guard found.definition == stream.digest.description else { return nil }
        if found.first >= basis { return 0 }
        return files.end <= basis ? found.count : nil
    }

    private func logPieces(_ stream: StreamDefinition, from start: Position) throws -> [Piece] {
        if stream.id != nil {
            // A later record may end any earlier one: all are read together.
            let rows = try StreamRows.read(log, stream, start..<max(start, basis))
            return [.table(rows.table, replaced: rows.replaced, unreadable: rows.unreadable)]
        }
        if !log.streams().contains(where: { $0.name.name == stream.name }) { return [] }
        var pieces: [Piece] = []
        var first = start.value
        while first < basis.value {
            let end = min(basis.value, first + Self.positionsPerPiece)
            pieces.append(.log(Position(first)..<Position(end)))
            first = end
        }
        return pieces
    }

    private func read(
        _ pieces: [Piece], _ stream: StreamDefinition, _ readers: [ViewReader],
        _ spill: FactStore.Spill?
    ) throws -> Facts {
        let store = FactStore(pieces: pieces.count, spill: spill)
        let fields = readers.reduce(into: Set<String>()) { $0.formUnion($1.reader.fields) }
            .union(["_event_time", "_known_time"])
        let (log, offline, basis) = (log, offline, basis)
        let progress = progress
        let unreadable = try Parallel.map(1 + pieces.count, threads: threads, name: "facts") {
        } _: { _, number -> Int in
            if number == 0 {
                // While others read files already.
                for reader in readers { _ = reader.keyed.rows.value }
                return 0
            }
            // By reader.
            var sources: [[FactReader.Records]] = readers.map { _ in [] }
            var (unreadable, count) = (0, 0)
            switch pieces[number - 1] {
            case .files(let files):
                guard let offline else { break }
                for file in files {
                    let bound = file.positions.upperBound <= basis ? nil : basis.value
                    let isWhole =
                        bound == nil && readers.allSatisfy { $0.start <= file.positions.lowerBound }
                    let columns = isWhole ? fields : fields.union(["_position"])
                    let table = try offline.table(file.path, columns: columns)
                    count += table.rowCount
                    for (index, reader) in readers.enumerated() {
                        if reader.start >= file.positions.upperBound { continue }
                        let start =
                            reader.start <= file.positions.lowerBound ? nil : reader.start.value
                        sources[index].append(
                            FactReader.Records(table, basis: bound, from: start))
                    }
                }
            case .log(let range):
                let rows = try StreamRows.read(log, stream, range)
                let records = FactReader.Records(rows.table, basis: nil)
                sources = readers.map { _ in [records] }
                (count, unreadable) = (rows.table.rowCount, rows.unreadable)
            case .table(let all, let ends, let left):
                let records = FactReader.Records(all, basis: basis.value, replaced: ends)
                sources = readers.map { _ in [records] }
                (count, unreadable) = (all.rowCount, left)
            }
            try progress(.facts(count, stream: stream.name))
            let batches = zip(readers, sources).map {
                $0.reader.batch($1, $0.keyed.keys, $0.partitions.value)
            }
            try store.put(number - 1, batches)
            return unreadable
        }
        return Facts(
            store: store, readers: readers, unreadable: unreadable.reduce(0, +))
    }
}
