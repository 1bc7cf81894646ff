import VarveBytes

/// One record before it is encoded.
public struct Record: Sendable, Equatable {
    /// A named value beside the record's.
    public struct Header: Sendable, Equatable {
        public var name: String
        public var value: [UInt8]?

        public init(name: String, value: [UInt8]?) {
            self.name = name
            self.value = value
        }
    }

    public var key: [UInt8]?
    public var value: [UInt8]?
    public var headers: [Header]
    /// Milliseconds since 1970 UTC.
    public var timestamp: Int64

    public init(key: [UInt8]?, value: [UInt8]?, headers: [Header] = [], timestamp: Int64) {
        self.key = key
        self.value = value
        self.headers = headers
        self.timestamp = timestamp
    }
}

/// Kafka record batches, format version 2: `RecordBatchHeader`, then the records.
///
///     record = length varint, attributes i8, timestamp delta varint, offset delta varint,
///              key length varint (-1: null), key, value length varint (-1: null), value,
///              header count varint, header*
///     header = name length varint, name, value length varint (-1: null), value
public enum RecordBatch {
    /// The most bytes that the records of one batch decompress to.
    public static let decompressedLimit = 256 << 20

    /// Checks the header and the checksum of the batch that starts `bytes`.
    @discardableResult
    public static func verify(_ bytes: RawSpan) throws(RecordBatchError) -> RecordBatchHeader {
        let header = try RecordBatchHeader(reading: bytes)
        let computed = CRC32C.checksum(bytes.extracting(21..<header.totalSize))
        guard computed == header.crc else {
            throw .badChecksum(expected: computed, found: header.crc)
        }
        return header
    }

    /// Rewrites the two fields a broker sets, of the batch at `start`; the checksum does not
    /// cover them.
    public static func setPlacement(
        _ bytes: inout [UInt8], at start: Int = 0, baseOffset: Int64, leaderEpoch: Int32
    ) {
        bytes.patchBigEndian(baseOffset, at: start)
        bytes.patchBigEndian(leaderEpoch, at: start + 12)
    }

    /// Encodes at least one record as one batch.
    public static func encode(
        _ records: [Record], compression: Compression = .none, producerID: Int64 = -1,
        producerEpoch: Int16 = -1, baseSequence: Int32 = -1
    ) throws(RecordBatchError) -> [UInt8] {
        guard let first = records.first else { throw .badField("record count", 0) }
        var body = ByteWriter(capacity: records.reduce(0) { $0 + ($1.value?.count ?? 0) + 32 })
        var scratch = ByteWriter(capacity: 256)
        for (index, record) in records.enumerated() {
            scratch.bytes.removeAll(keepingCapacity: true)
            scratch.integer(Int8(0))
            scratch.varint(record.timestamp - first.timestamp)
            scratch.varint(Int64(index))
            scratch.kafka(record.key)
            scratch.kafka(record.value)
            scratch.varint(Int64(record.headers.count))
            for header in record.headers {
                scratch.kafka(Array(header.name.utf8))
                scratch.kafka(header.value)
            }
            body.varint(Int64(scratch.count))
            body.raw(scratch.bytes)
        }
        var payload = body.bytes
        switch compression {
        case .none: break
        case .lz4:
            do {
                payload = try LZ4Frame.compress(payload.raw)
            } catch {
                throw .unsupported("records that do not compress (\(error))")
            }
        default: throw .unsupported("\(compression) batches")
        }
        let size = RecordBatchHeader.size + payload.count
        guard size <= RecordBatchHeader.largestBatch else { throw .tooLarge(size) }
        var writer = ByteWriter(capacity: size)
        writeHead(
            &writer, compression, count: records.count,
            times: first.timestamp...records.reduce(first.timestamp) { max($0, $1.timestamp) },
            (producerID, producerEpoch, baseSequence))
        writer.raw(payload)
        seal(&writer.bytes)
        return writer.bytes
    }

    /// Encodes at least one value, each without a key, all of one time, as one batch.
    /// - Parameter values: parts of the bytes.
    public static func encode(
        _ values: ArraySlice<Range<Int>>, of bytes: RawSpan, timestamp: Int64
    ) throws(RecordBatchError) -> [UInt8] {
        guard !values.isEmpty else { throw .badField("record count", 0) }
        // Five of a record's bytes, and four varints of five bytes at most, are not its value's.
        let room = values.reduce(RecordBatchHeader.size) { $0 + $1.count + 24 }
        guard room <= RecordBatchHeader.largestBatch else { throw .tooLarge(room) }
        var writer = ByteWriter(capacity: room)
        writeHead(
            &writer, .none, count: values.count, times: timestamp...timestamp, (-1, -1, -1))
        for (index, value) in values.enumerated() {
            let head = varintSize(Int64(index)) + varintSize(Int64(value.count))
            writer.varint(Int64(head + value.count + 4))
            writer.bytes.append(0)
            writer.varint(0)
            writer.varint(Int64(index))
            writer.varint(-1)
            writer.varint(Int64(value.count))
            writer.raw(bytes.extracting(value))
            writer.varint(0)
        }
        seal(&writer.bytes)
        return writer.bytes
    }

    /// Bytes of a zig-zag varint.
    private static func varintSize(_ value: Int64) -> Int {
        let bits = 64 - UInt64(bitPattern: (value << 1) ^ (value >> 63)).leadingZeroBitCount
        return max(1, (bits + 6) / 7)
    }

    /// Writes a header whose length and checksum are left to `seal`.
    private static func writeHead(
        _ writer: inout ByteWriter, _ compression: Compression, count: Int,
        times: ClosedRange<Int64>,
        _ producer: (id: Int64, epoch: Int16, baseSequence: Int32)
    ) {
        writer.bigEndian(Int64(0))
        writer.bigEndian(Int32(0))
        writer.bigEndian(Int32(-1))
        writer.integer(UInt8(2))
        writer.bigEndian(UInt32(0))
        writer.bigEndian(Int16(compression.rawValue))
        writer.bigEndian(Int32(count - 1))
        writer.bigEndian(times.lowerBound)
        writer.bigEndian(times.upperBound)
        writer.bigEndian(producer.id)
        writer.bigEndian(producer.epoch)
        writer.bigEndian(producer.baseSequence)
        writer.bigEndian(Int32(count))
    }

    private static func seal(_ bytes: inout [UInt8]) {
        bytes.patchBigEndian(Int32(bytes.count - RecordBatchHeader.lengthEnd), at: 8)
        let crc = CRC32C.checksum(bytes.raw.extracting(21..<bytes.count))
        bytes.patchBigEndian(crc, at: 17)
    }

    /// Decodes the records of the batch that starts `bytes`, in order. `scratch` holds them when
    /// they are compressed, and is reused.
    public static func forEachRecord(
        _ bytes: RawSpan, scratch: inout [UInt8], _ body: (borrowing RecordView) throws -> Void
    ) throws {
        let header = try RecordBatchHeader(reading: bytes)
        let payload = bytes.extracting(RecordBatchHeader.size..<header.totalSize)
        switch header.compression {
        case .none?: try forEachRecord(header, payload, body)
        case .lz4?:
            try LZ4Frame.decompress(payload, into: &scratch, limit: decompressedLimit)
            try forEachRecord(header, scratch.raw, body)
        case .gzip?:
            try Gzip.decompress(payload, into: &scratch, limit: decompressedLimit)
            try forEachRecord(header, scratch.raw, body)
        case .snappy?:
            try Snappy.decompress(payload, into: &scratch, limit: decompressedLimit)
            try forEachRecord(header, scratch.raw, body)
        case let other:
            throw RecordBatchError.unsupported(
                "\(other.map { "\($0)" } ?? "unknown codec") batches; use"
                    + " compression.type=lz4, gzip, snappy or none")
        }
    }

    private static func forEachRecord(
        _ header: RecordBatchHeader, _ payload: RawSpan,
        _ body: (borrowing RecordView) throws -> Void
    ) throws {
        var reader = ByteReader(payload)
        for index in 0..<Int(header.recordCount) {
            let record: RecordView
            do {
                record = try RecordView(payload, &reader, baseTimestamp: header.baseTimestamp)
            } catch {
                throw RecordBatchError.badRecord(index: index, "\(error)")
            }
            guard record.offsetDelta == index else {
                throw RecordBatchError.badRecord(
                    index: index, "its offset delta is \(record.offsetDelta)")
            }
            try body(record)
        }
        guard reader.remaining == 0 else {
            throw RecordBatchError.badRecord(
                index: Int(header.recordCount), "\(reader.remaining) bytes follow the last record")
        }
    }
}

extension ByteWriter {
    /// Bytes after their length; -1 is null.
    fileprivate mutating func kafka(_ bytes: [UInt8]?) {
        guard let bytes else {
            varint(-1)
            return
        }
        varint(Int64(bytes.count))
        raw(bytes)
    }
}
