import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveSystem

/// The files of one generation of the offline store, and the rows that wait to be written.
///
///     CHECKPOINT                                  {"position": 41003}
///     <stream>/<20-digit first position>.arrow    `rowsPerFile` rows or a frame's worth more
///
/// Files are written whole, then the checkpoint; a file beyond the checkpoint is what a crash left
/// and is made anew.
struct TableDirectory {
    /// Rows in a file.
    static let rowsPerFile = 65_536

    let path: String
    let files: any FileSystem
    /// By stream name.
    private var tables: [String: StreamTable] = [:]
    private var scratch: [UInt8] = []

    init(path: String, files: any FileSystem) {
        self.path = path
        self.files = files
    }

    /// Records whose stream has a table; others are not kept offline.
    mutating func define(_ definitions: Definitions) {
        tables = [:]
        for stream in definitions.tableStreams { tables[stream.name] = StreamTable(stream) }
    }

    /// Takes in one frame; writes the stream's file when it is full.
    mutating func add(_ frame: borrowing FrameView, stream: String) throws {
        guard tables[stream] != nil, !frame.isQuarantined else { return }
        var scratch = self.scratch
        defer { self.scratch = scratch }
        try frame.forEachRecord(scratch: &scratch) { record in tables[stream]?.add(record) }
        if let table = tables[stream], table.rowCount >= Self.rowsPerFile { try write(stream) }
    }

    private mutating func write(_ stream: String) throws {
        guard let columns = tables[stream], let first = columns.firstPosition else { return }
        let directory = "\(path)/\(stream)"
        try files.createDirectory(directory)
        let digits = String(first)
        let name = String(repeating: "0", count: 20 - digits.count) + digits + ".arrow"
        try files.replace(name, in: directory, with: ArrowFile.encode(columns.table))
        tables[stream] = StreamTable(columns.stream)
    }

    /// Writes all that waits, then the position that the files reach to.
    mutating func flush(_ position: Position) throws {
        for stream in tables.keys.sorted() { try write(stream) }
        let checkpoint = JSON.object([.init("position", .integer(position.value))])
        try files.createDirectory(path)
        try files.replace("CHECKPOINT", in: path, with: Array(checkpoint.pretty.utf8))
    }

    /// The position that the files on disk reach to.
    func checkpoint() throws -> Position {
        let bytes: [UInt8]
        do {
            bytes = try files.contents(of: "\(path)/CHECKPOINT")
        } catch {
            if error.isNotFound { return Position(0) }
            throw error
        }
        let json = try SnapshotError.json(bytes, in: "\(path)/CHECKPOINT")
        guard let position = json["position"]?.integerValue, position >= 0 else {
            throw SnapshotError(path: "\(path)/CHECKPOINT", reason: "it names no position")
        }
        return Position(position)
    }

    /// Removes files that begin at or after a position.
    func removeFiles(from position: Position) throws {
        let streams: [String]
        do {
            streams = try files.list(path)
        } catch {
            if error.isNotFound { return }
            throw error
        }
        for stream in streams where stream != "CHECKPOINT" && stream != "CHECKPOINT.tmp" {
            for file in try files.list("\(path)/\(stream)") {
                let first = Int64(file.prefix { $0 != "." }) ?? .max
                if first >= position.value { try files.remove("\(path)/\(stream)/\(file)") }
            }
        }
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
