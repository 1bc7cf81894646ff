import VarveBytes

/// What a sealed segment knows about itself, between its frames and its trailer: everything that
/// can be derived from the frames, so that nobody has to read them to open the log or to find a
/// record. Little-endian; every section is padded with zeros to 8 bytes, and its checksum covers
/// the padding.
///
///     section table: for each section
///          0  kind                 u32
///          4  CRC32C of the section
///          8  offset in the file   i64
///         16  length               i64
///
///     1 frames       in order, 64 a block; for each: varints kind | flags << 2, and, but for a
///                    tick, stream, body length, records, and zig-zag the largest timestamp less
///                    that of the frame before it in its block (0 for the first)
///     2 blocks       32 bytes each: of its first frame the file offset i64, base position i64,
///                    ingest time us i64, and place in section 1 u32; frames u32
///     3 streams      80 bytes for each stream with records here, by number: stream u32, zero u32,
///                    first offset i64, end offset i64, frames i64, body bytes i64, least and
///                    largest timestamp ms i64, postings' place in section 4 and length u64, first
///                    checkpoint's number in section 5 u64
///     4 postings     for each stream the ordinals of its frames, each as a varint less the one
///                    before it (-1 before the first) and less 1
///     5 checkpoints  24 bytes for each 64th frame of a stream: ordinal u32, place in its postings
///                    u32, base offset i64, largest timestamp of its frames before this one i64
///     6 producers    ProducerTable
///     7 stream table count u32; for each stream of the log: name length u32, name, partition i32,
///                    next offset i64
///     8 leaves       the leaf hash of each frame, 32 bytes
///
/// Section 8 is a luxury of 32 bytes a frame: it names the very frame that was altered, lets a
/// damaged frame be redacted without losing the segment's root, and gives proofs without reading
/// bodies. At 1 KB a frame it is 3 percent; at the 16 KB of a real producer's batch, 0.2.
enum SegmentFooter {
    enum Section: UInt32, CaseIterable {
        case frames = 1
        case blocks, streams, postings, checkpoints, producers, streamTable, leaves
    }

    static let tableRow = 24
    static let framesPerBlock = 64
    static let blockRow = 32
    static let streamRow = 80
    static let checkpointRow = 24

    /// What a footer is made from.
    struct Content {
        var log: LogID
        var base: Int64
        /// Where the frames end.
        var end: Int64
        var entries: [FrameEntry]
        var leaves: [UInt8]
        var summary: SegmentSummary
        var epoch: UInt32
        /// The state after the last frame.
        var pipeline: AppendPipeline
        /// The streams of the log then, by number.
        var names: [StreamName]
    }

    /// The bytes from the end of the frames to the end of the file.
    static func encode(_ content: Content) -> [UInt8] {
        var sections: [(Section, [UInt8])] = []
        let (frames, blocks) = frameTable(content.entries)
        sections.append((.frames, frames))
        sections.append((.blocks, blocks))
        let directory = streamDirectory(content.entries)
        sections.append((.streams, directory.streams))
        sections.append((.postings, directory.postings))
        sections.append((.checkpoints, directory.checkpoints))
        var producers = ByteWriter()
        content.pipeline.producers.encode(to: &producers)
        sections.append((.producers, producers.bytes))
        sections.append((.streamTable, streamTable(content)))
        sections.append((.leaves, content.leaves))

        var table = ByteWriter(capacity: sections.count * tableRow)
        var body = ByteWriter(capacity: sections.reduce(0) { $0 + $1.1.count + 8 })
        let bodyOffset = content.end + Int64(sections.count * tableRow)
        for (kind, bytes) in sections {
            let start = body.count
            body.raw(bytes)
            body.pad(to: 8)
            table.integer(kind.rawValue)
            table.integer(CRC32C.checksum(body.bytes.raw.extracting(start..<body.count)))
            table.integer(bodyOffset + Int64(start))
            table.integer(Int64(body.count - start))
        }
        var trailer = trailer(
            content.summary, content.entries, end: content.end, epoch: content.epoch)
        trailer.tableChecksum = CRC32C.checksum(table.bytes.raw)
        trailer.footerLength = Int64(table.count + body.count)
        trailer.sections = UInt32(sections.count)
        return table.bytes + body.bytes + trailer.encoded(log: content.log)
    }

    /// What the trailer says of the frames; the footer's own fields are left zero.
    static func trailer(
        _ summary: SegmentSummary, _ entries: [FrameEntry], end: Int64, epoch: UInt32
    ) -> SegmentTrailer {
        SegmentTrailer(
            tableChecksum: 0, footerOffset: end, footerLength: 0, summary: summary,
            bodyBytes: entries.reduce(0) { $0 + Int64($1.bodyLength) },
            firstIngestTime: entries.first?.ingestTime ?? 0,
            lastIngestTime: entries.last?.ingestTime ?? 0, epoch: epoch, sections: 0)
    }

    static func frameTable(_ entries: [FrameEntry]) -> (frames: [UInt8], blocks: [UInt8]) {
        var frames = ByteWriter(capacity: entries.count * 6)
        var blocks = ByteWriter()
        var lastTimestamp: Int64 = 0
        for (ordinal, entry) in entries.enumerated() {
            if ordinal % framesPerBlock == 0 {
                blocks.integer(entry.fileOffset)
                blocks.integer(entry.basePosition)
                blocks.integer(entry.ingestTime)
                blocks.integer(UInt32(frames.count))
                blocks.integer(UInt32(min(framesPerBlock, entries.count - ordinal)))
                lastTimestamp = 0
            }
            frames.unsignedVarint(UInt64(entry.kind.rawValue) | UInt64(entry.flags) << 2)
            if entry.kind == .tick { continue }
            frames.unsignedVarint(UInt64(entry.stream))
            frames.unsignedVarint(UInt64(entry.bodyLength))
            frames.unsignedVarint(UInt64(entry.count))
            frames.varint(entry.maxTimestamp &- lastTimestamp)
            lastTimestamp = entry.maxTimestamp
        }
        return (frames.bytes, blocks.bytes)
    }

    static func streamDirectory(_ entries: [FrameEntry]) -> (
        streams: [UInt8], postings: [UInt8], checkpoints: [UInt8]
    ) {
        var ordinals: [UInt32: [Int]] = [:]
        for (ordinal, entry) in entries.enumerated() where entry.kind != .tick {
            ordinals[entry.stream, default: []].append(ordinal)
        }
        var (streams, postings, checkpoints) = (ByteWriter(), ByteWriter(), ByteWriter())
        for (stream, ordinals) in ordinals.sorted(by: { $0.key < $1.key }) {
            let start = postings.count
            let firstCheckpoint = checkpoints.count / checkpointRow
            var (bytes, least, largest) = (Int64(0), Int64.max, Int64.min)
            var last = -1
            for (number, ordinal) in ordinals.enumerated() {
                let entry = entries[ordinal]
                if number % framesPerBlock == 0 {
                    checkpoints.integer(UInt32(ordinal))
                    checkpoints.integer(UInt32(postings.count - start))
                    checkpoints.integer(entry.baseOffset)
                    checkpoints.integer(largest)
                }
                postings.unsignedVarint(UInt64(ordinal - last - 1))
                last = ordinal
                bytes += Int64(entry.bodyLength)
                least = min(least, entry.maxTimestamp)
                largest = max(largest, entry.maxTimestamp)
            }
            let (first, end) = (entries[ordinals[0]], entries[last])
            streams.integer(stream)
            streams.integer(UInt32(0))
            streams.integer(first.baseOffset)
            streams.integer(end.baseOffset + Int64(end.count))
            streams.integer(Int64(ordinals.count))
            streams.integer(bytes)
            streams.integer(least)
            streams.integer(largest)
            streams.integer(UInt64(start))
            streams.integer(UInt64(postings.count - start))
            streams.integer(UInt64(firstCheckpoint))
        }
        return (streams.bytes, postings.bytes, checkpoints.bytes)
    }

    private static func streamTable(_ content: Content) -> [UInt8] {
        var writer = ByteWriter()
        writer.integer(UInt32(content.pipeline.nextOffsets.count))
        for (name, offset) in zip(content.names, content.pipeline.nextOffsets) {
            writer.integer(UInt32(name.name.utf8.count))
            writer.text(name.name)
            writer.integer(name.partition)
            writer.integer(offset)
        }
        return writer.bytes
    }
}
