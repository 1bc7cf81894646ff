import VarveBytes
import VarveLog
import VarveSystem

/// The side log of group offsets, DIR/groups/offsets: operational bookkeeping beside the log, not
/// history. A header, then `OffsetChange`s in the order they were made; the last one counts:
///
///      0  magic "VRVGROUP"
///      8  format version   u32
///     12  log UUID         16 bytes: offsets mean nothing to another log
///     28  CRC32C of bytes 0-27
///     32  changes
///
/// Opening reads them, and writes the file anew when changes are outdated or the end is torn: a
/// crash loses at most what was not answered. Owned by one thread at a time.
struct OffsetFile {
    private let directory: String
    private let files: any FileSystem
    private let header: [UInt8]
    private let seed: UInt32
    private var file: any File
    private var end: Int64
    /// Bytes of the changes that count.
    private var liveBytes: Int64

    /// What is committed: by group, then stream.
    typealias Offsets = [String: [StreamName: CommittedOffset]]

    static let name = "offsets"
    /// Bytes of the header.
    static let headerSize = 32
    /// The file is written anew when it is larger than this and four times what counts.
    static let compactedBytes: Int64 = 16 << 20

    /// What opening found.
    struct Opened {
        var file: OffsetFile
        var offsets: Offsets
        /// Bytes at the end that were no whole changes, kept in `offsets.torn`.
        var tornBytes: Int
    }

    /// Opens the file, creating it if need be.
    static func open(
        in directory: String, log: LogID, files: any FileSystem
    ) throws -> Opened {
        let header = header(log)
        let seed = CRC32C.checksum(header.raw)
        try files.createDirectory(directory)
        var offsets: Offsets = [:]
        var torn = 0
        if try files.list(directory).contains(name) {
            let bytes = try files.contents(of: "\(directory)/\(name)")
            guard bytes.starts(with: header) else {
                throw OffsetFileError.foreign(path: "\(directory)/\(name)")
            }
            let whole = read(bytes.raw, seed: seed, into: &offsets)
            torn = bytes.count - whole
            if torn > 0 {
                try files.replace("\(name).torn", in: directory, with: Array(bytes[whole...]))
            }
        }
        let file = try write(offsets, header, seed, in: directory, files)
        return Opened(file: file, offsets: offsets, tornBytes: torn)
    }

    private static func header(_ log: LogID) -> [UInt8] {
        var writer = ByteWriter(capacity: headerSize)
        writer.text("VRVGROUP")
        writer.integer(UInt32(1))
        writer.raw(log.bytes)
        writer.integer(CRC32C.checksum(writer.bytes.raw))
        return writer.bytes
    }

    /// Takes in whole changes, up to the first that is not.
    /// - Returns: where that is.
    private static func read(_ bytes: RawSpan, seed: UInt32, into offsets: inout Offsets) -> Int {
        var next = headerSize
        while let (change, size) = OffsetChange.read(
            bytes.extracting(next..<bytes.byteCount), seed: seed)
        {
            change.apply(to: &offsets)
            next += size
        }
        return next
    }

    /// Writes what counts into a new file, which takes the old one's place when it is durable.
    private static func write(
        _ offsets: Offsets, _ header: [UInt8], _ seed: UInt32, in directory: String,
        _ files: any FileSystem
    ) throws -> OffsetFile {
        var writer = ByteWriter()
        writer.raw(header)
        for (group, streams) in offsets.sorted(by: { $0.key < $1.key }) {
            for (stream, committed) in streams.sorted(by: { $0.key.isBefore($1.key) }) {
                OffsetChange(group: group, stream: stream, committed: committed)
                    .write(to: &writer, seed: seed)
            }
        }
        try files.replace(name, in: directory, with: writer.bytes)
        let size = Int64(writer.count)
        return OffsetFile(
            directory: directory, files: files, header: header, seed: seed,
            file: try files.open("\(directory)/\(name)", .readWrite), end: size, liveBytes: size)
    }

    /// Makes changes durable with one write and one sync.
    mutating func append(_ changes: [OffsetChange]) throws(SystemError) {
        var writer = ByteWriter()
        for change in changes { change.write(to: &writer, seed: seed) }
        try file.write(writer.bytes.raw, at: end)
        try file.sync()
        end += Int64(writer.count)
    }

    /// Writes the file anew if most of it is outdated.
    mutating func compactIfWorthwhile(_ offsets: Offsets) throws {
        guard end > Self.compactedBytes, end > 4 * liveBytes else { return }
        self = try Self.write(offsets, header, seed, in: directory, files)
    }
}

extension OffsetChange {
    /// Takes the change into what is committed.
    func apply(to offsets: inout OffsetFile.Offsets) {
        offsets[group, default: [:]][stream] = committed
        if offsets[group]?.isEmpty ?? false { offsets[group] = nil }
    }
}

extension StreamName {
    /// An order of names, so that the same offsets give the same bytes.
    func isBefore(_ other: StreamName) -> Bool {
        (name, partition) < (other.name, other.partition)
    }
}

/// Why offsets cannot be opened.
enum OffsetFileError: Error, Equatable, CustomStringConvertible {
    /// Not the offsets of this log.
    case foreign(path: String)

    var description: String {
        switch self {
        case .foreign(let path):
            "\(path) does not hold group offsets of this log, or its header is damaged; move it"
                + " away to let groups start without offsets"
        }
    }
}
