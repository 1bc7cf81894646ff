import VarveBytes
import VarveSystem

/// The footer of a sealed segment, read and checked section by section.
struct SealedFooter: Sendable {
    let trailer: SegmentTrailer
    private let log: LogID
    private let sections: [SegmentFooter.Section: (checksum: UInt32, range: Range<Int64>)]
    /// The sections that lookups need, once loaded.
    private var frames: [UInt8] = []
    private var blocks: [UInt8] = []
    private var streams: [UInt8] = []
    private var postings: [UInt8] = []
    private var checkpoints: [UInt8] = []

    /// What a stream has in the segment.
    struct StreamRow: Sendable, Equatable {
        let stream: UInt32
        let firstOffset: Int64
        let endOffset: Int64
        let frames: Int
        let bytes: Int64
        let leastTimestamp: Int64
        let largestTimestamp: Int64
        let postings: Range<Int>
        let checkpoint: Int
    }

    /// A footer of which only the trailer is known.
    init(_ trailer: SegmentTrailer, log: LogID) {
        self.trailer = trailer
        self.log = log
        sections = [:]
    }

    /// Reads trailer and section table; nil when the file does not end with a valid footer.
    init?(_ file: any File, log: LogID, base: Int64) throws(SystemError) {
        let size = try file.size()
        guard size >= Int64(SegmentHeader.size + SegmentTrailer.size) else { return nil }
        var bytes = [UInt8](repeating: 0, count: SegmentTrailer.size)
        let count = try file.read(
            bytes.count, at: size - Int64(bytes.count), into: &bytes, start: 0)
        guard count == bytes.count,
            let trailer = SegmentTrailer(bytes.raw, log: log, base: base, fileSize: size)
        else { return nil }
        self.trailer = trailer
        self.log = log
        var table = [UInt8](repeating: 0, count: Int(trailer.sections) * SegmentFooter.tableRow)
        guard Int64(table.count) <= trailer.footerLength,
            try file.read(table.count, at: trailer.footerOffset, into: &table, start: 0)
                == table.count,
            CRC32C.checksum(table.raw) == trailer.tableChecksum
        else { return nil }
        var sections: [SegmentFooter.Section: (UInt32, Range<Int64>)] = [:]
        for at in stride(from: 0, to: table.count, by: SegmentFooter.tableRow) {
            let offset: Int64 = table.raw.littleEndian(at: at + 8)
            let length: Int64 = table.raw.littleEndian(at: at + 16)
            guard offset >= trailer.footerOffset, length >= 0,
                length <= size - offset - Int64(SegmentTrailer.size)
            else { return nil }
            // Sections of a later version are skipped.
            guard
                let kind = SegmentFooter.Section(
                    rawValue: table.raw.littleEndian(at: at, as: UInt32.self))
            else { continue }
            sections[kind] = (
                table.raw.littleEndian(at: at + 4, as: UInt32.self), offset..<(offset + length)
            )
        }
        guard sections.count == SegmentFooter.Section.allCases.count else { return nil }
        self.sections = sections
    }

    /// The bytes of a section; nil when they do not match their checksum.
    func section(_ kind: SegmentFooter.Section, of file: any File) throws(SystemError) -> [UInt8]? {
        guard let (checksum, range) = sections[kind] else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(range.upperBound - range.lowerBound))
        let count = try file.read(bytes.count, at: range.lowerBound, into: &bytes, start: 0)
        return count == bytes.count && CRC32C.checksum(bytes.raw) == checksum ? bytes : nil
    }

    /// Whether every section matches its checksum.
    func isWhole(in file: any File) throws(SystemError) -> Bool {
        for kind in SegmentFooter.Section.allCases where try section(kind, of: file) == nil {
            return false
        }
        return true
    }

    /// All frames with their hashes, as the footer remembers them; nil when it is damaged.
    func contents(of file: any File) throws(SystemError) -> (
        entries: [FrameEntry], leaves: [UInt8]
    )? {
        var footer = self
        guard try footer.load(from: file), let leaves = try section(.leaves, of: file) else {
            return nil
        }
        var entries: [FrameEntry] = []
        for block in 0..<footer.blockCount {
            guard let found = try? footer.entries(ofBlock: block) else { return nil }
            entries += found
        }
        // The blocks do not carry offsets; the stream rows say where each stream begins.
        var next: [UInt32: Int64] = [:]
        for row in footer.rows { next[row.stream] = row.firstOffset }
        for index in entries.indices where entries[index].kind != .tick {
            entries[index].baseOffset = next[entries[index].stream] ?? 0
            next[entries[index].stream] = entries[index].endOffset
        }
        return leaves.count == MerkleTree.size * entries.count ? (entries, leaves) : nil
    }

    /// Where a section begins in the file.
    func offset(of kind: SegmentFooter.Section) -> Int64 {
        sections[kind]?.range.lowerBound ?? trailer.footerOffset
    }

    /// Loads the sections that lookups need; answers whether all are whole.
    mutating func load(from file: any File) throws(SystemError) -> Bool {
        guard let frames = try section(.frames, of: file),
            let blocks = try section(.blocks, of: file),
            let streams = try section(.streams, of: file),
            let postings = try section(.postings, of: file),
            let checkpoints = try section(.checkpoints, of: file)
        else { return false }
        (self.frames, self.blocks, self.streams) = (frames, blocks, streams)
        (self.postings, self.checkpoints) = (postings, checkpoints)
        return true
    }

    /// Derives the sections that lookups need from the frames, in place of damaged ones.
    mutating func rebuild(from entries: [FrameEntry]) {
        (frames, blocks) = SegmentFooter.frameTable(entries)
        let directory = SegmentFooter.streamDirectory(entries)
        (streams, postings) = (directory.streams, directory.postings)
        checkpoints = directory.checkpoints
    }

    /// Bytes it holds in memory.
    var memory: Int {
        frames.count + blocks.count + streams.count + postings.count + checkpoints.count
    }

    /// The streams of a stream section, by number.
    static func rows(_ section: [UInt8]) -> [StreamRow] {
        (0..<(section.count / SegmentFooter.streamRow)).map { row(section, $0) }
    }

    private static func row(_ section: [UInt8], _ number: Int) -> StreamRow {
        let at = number * SegmentFooter.streamRow
        let bytes = section.raw
        let start = Int(bytes.littleEndian(at: at + 56, as: Int64.self))
        return StreamRow(
            stream: bytes.littleEndian(at: at), firstOffset: bytes.littleEndian(at: at + 8),
            endOffset: bytes.littleEndian(at: at + 16),
            frames: Int(bytes.littleEndian(at: at + 24, as: Int64.self)),
            bytes: bytes.littleEndian(at: at + 32),
            leastTimestamp: bytes.littleEndian(at: at + 40),
            largestTimestamp: bytes.littleEndian(at: at + 48),
            postings: start..<(start + Int(bytes.littleEndian(at: at + 64, as: Int64.self))),
            checkpoint: Int(bytes.littleEndian(at: at + 72, as: Int64.self)))
    }

    /// The streams that have records here, by number.
    var rows: [StreamRow] { Self.rows(streams) }

    /// Whether some bytes are this footer's trailer.
    func isTrailer(_ bytes: [UInt8]) -> Bool { bytes == trailer.encoded(log: log) }

    /// A stream's row; nil when it has no records here.
    func row(of stream: UInt32) -> StreamRow? {
        var (low, high) = (0, streams.count / SegmentFooter.streamRow)
        while low < high {
            let middle = (low + high) / 2
            let number: UInt32 = streams.raw.littleEndian(at: middle * SegmentFooter.streamRow)
            if number < stream { low = middle + 1 } else { high = middle }
        }
        guard low < streams.count / SegmentFooter.streamRow else { return nil }
        let row = Self.row(streams, low)
        return row.stream == stream ? row : nil
    }

    // MARK: Frames

    /// A block of up to 64 frames.
    struct Block {
        let fileOffset: Int64
        let basePosition: Int64
        let ingestTime: Int64
        let place: Int
        let frames: Int
    }

    var blockCount: Int { blocks.count / SegmentFooter.blockRow }

    func block(_ number: Int) -> Block {
        let at = number * SegmentFooter.blockRow
        let bytes = blocks.raw
        return Block(
            fileOffset: bytes.littleEndian(at: at), basePosition: bytes.littleEndian(at: at + 8),
            ingestTime: bytes.littleEndian(at: at + 16),
            place: Int(bytes.littleEndian(at: at + 24, as: UInt32.self)),
            frames: Int(bytes.littleEndian(at: at + 28, as: UInt32.self)))
    }

    /// The last block that begins at or before a position.
    func block(holding position: Int64) -> Int {
        var (low, high) = (0, blockCount)
        while low < high {
            let middle = (low + high) / 2
            let base = block(middle).basePosition
            if base <= position { low = middle + 1 } else { high = middle }
        }
        // Ticks share the position of what follows them: the block that holds a record may begin
        // with the same position as the one before.
        return max(0, low - 1)
    }

    /// The frames of a block; base offsets are not known here and 0.
    func entries(ofBlock number: Int) throws(ByteError) -> [FrameEntry] {
        let block = block(number)
        var reader = ByteReader(frames.raw.extracting(min(block.place, frames.count)...))
        var entries: [FrameEntry] = []
        entries.reserveCapacity(block.frames)
        var (offset, position, timestamp) = (block.fileOffset, block.basePosition, Int64(0))
        for _ in 0..<block.frames {
            let mark = try reader.unsignedVarint()
            let kind = FrameHeader.Kind(rawValue: UInt8(mark & 3)) ?? .redacted
            var entry = FrameEntry(
                fileOffset: offset, basePosition: position, baseOffset: 0, maxTimestamp: 0,
                ingestTime: block.ingestTime, bodyLength: 0, count: 0, stream: 0, kind: kind,
                flags: UInt8(truncatingIfNeeded: mark >> 2))
            if kind != .tick {
                entry.stream = UInt32(truncatingIfNeeded: try reader.unsignedVarint())
                entry.bodyLength = UInt32(truncatingIfNeeded: try reader.unsignedVarint())
                entry.count = UInt32(truncatingIfNeeded: try reader.unsignedVarint())
                timestamp &+= try reader.varint()
                entry.maxTimestamp = timestamp
            }
            offset += Int64(entry.frameSize)
            position += Int64(entry.count)
            entries.append(entry)
        }
        return entries
    }

    // MARK: Streams

    /// A point in a stream's postings from which they can be read.
    struct Checkpoint {
        let ordinal: Int
        let place: Int
        let baseOffset: Int64
        let largestBefore: Int64
    }

    func checkpointCount(_ row: StreamRow) -> Int {
        (row.frames + SegmentFooter.framesPerBlock - 1) / SegmentFooter.framesPerBlock
    }

    func checkpoint(_ row: StreamRow, _ number: Int) -> Checkpoint {
        let at = (row.checkpoint + number) * SegmentFooter.checkpointRow
        let bytes = checkpoints.raw
        return Checkpoint(
            ordinal: Int(bytes.littleEndian(at: at, as: UInt32.self)),
            place: Int(bytes.littleEndian(at: at + 4, as: UInt32.self)),
            baseOffset: bytes.littleEndian(at: at + 8),
            largestBefore: bytes.littleEndian(at: at + 16))
    }

    /// The frames of a stream from a checkpoint on, up to the next one, with their offsets.
    func entries(_ row: StreamRow, checkpoint number: Int) throws(ByteError) -> [FrameEntry] {
        let from = checkpoint(row, number)
        let count = min(
            SegmentFooter.framesPerBlock, row.frames - number * SegmentFooter.framesPerBlock)
        var reader = ByteReader(
            postings.raw.extracting(
                min(row.postings.lowerBound + from.place, postings.count)..<postings.count))
        var found: [FrameEntry] = []
        found.reserveCapacity(count)
        var (ordinal, offset) = (from.ordinal, from.baseOffset)
        var (loaded, block): (Int, [FrameEntry]) = (-1, [])
        for index in 0..<count {
            let step = try reader.unsignedVarint()
            if index > 0 { ordinal += Int(truncatingIfNeeded: step) + 1 }
            let number = ordinal / SegmentFooter.framesPerBlock
            guard number < blockCount else {
                throw .lengthOutOfRange(at: reader.offset, value: Int64(number), limit: blockCount)
            }
            if number != loaded {
                block = try entries(ofBlock: number)
                loaded = number
            }
            let place = ordinal % SegmentFooter.framesPerBlock
            guard place < block.count else {
                throw .lengthOutOfRange(at: reader.offset, value: Int64(place), limit: block.count)
            }
            var entry = block[place]
            entry.baseOffset = offset
            offset += Int64(entry.count)
            found.append(entry)
        }
        return found
    }
}

/// The streams of a log as a footer's stream table has them.
struct StreamTable {
    var names: [StreamName] = []
    var nextOffsets: [Int64] = []

    init(reading bytes: RawSpan) throws(ByteError) {
        var reader = ByteReader(bytes)
        let count: UInt32 = try reader.integer()
        for _ in 0..<count {
            let length = try reader.checked(
                Int64(try reader.integer(UInt32.self)), atMost: bytes.byteCount)
            let name = try reader.text(length)
            names.append(StreamName(name: name, partition: try reader.integer()))
            nextOffsets.append(try reader.integer())
        }
    }
}
