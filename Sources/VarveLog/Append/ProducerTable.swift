import VarveBytes
import VarveFormats

/// What is remembered of idempotent producers: for each, on each stream, its epoch and its last
/// batches, so that a retry gets its first place again. Pure.
///
/// In a segment's footer (little-endian), sorted by stream, then producer:
///
///     count u32
///     each: stream u32, producer id i64, epoch i16, batches u8,
///           each: first sequence i32, last sequence i32, base position i64, base offset i64,
///                 count u32, ingest time us i64
struct ProducerTable: Sendable, Equatable {
    struct Key: Hashable {
        let stream: UInt32
        let producer: Int64
    }

    /// An idempotent producer's last batches on one stream, oldest first.
    struct Producer: Equatable {
        var epoch: Int16
        var batches: [Batch] = []
        /// The sequence of the first batch, while it was refused for a passing reason.
        var held: Int32?
    }

    struct Batch: Equatable {
        let firstSequence: Int32
        let lastSequence: Int32
        let placed: Appended
    }

    /// Batches remembered per producer and stream, as Kafka does.
    static let rememberedBatches = 5

    private(set) var producers: [Key: Producer] = [:]

    /// Where a batch goes.
    enum Verdict: Equatable {
        case new
        case duplicate(Appended)
        case refuse(AppendError)
    }

    func judge(_ header: RecordBatchHeader, stream: UInt32) -> Verdict {
        guard header.producerID >= 0 else { return .new }
        guard header.baseSequence >= 0 else {
            return .refuse(.invalidBatch("the batch has a producer id but no sequence"))
        }
        let key = Key(stream: stream, producer: header.producerID)
        guard let producer = producers[key] else { return .new }
        if header.producerEpoch < producer.epoch {
            return .refuse(.fenced(current: producer.epoch, found: header.producerEpoch))
        }
        if header.producerEpoch > producer.epoch {
            return header.baseSequence == 0
                ? .new : .refuse(.outOfOrderSequence(expected: 0, found: header.baseSequence))
        }
        let last = Self.lastSequence(header)
        if let known = producer.batches.first(where: {
            $0.firstSequence == header.baseSequence && $0.lastSequence == last
        }) {
            return .duplicate(known.placed)
        }
        let expected =
            producer.batches.last.map { Self.sequence(after: $0.lastSequence) } ?? producer.held
            ?? 0
        return header.baseSequence == expected
            ? .new : .refuse(.outOfOrderSequence(expected: expected, found: header.baseSequence))
    }

    mutating func remember(_ placed: Appended, _ header: RecordBatchHeader, stream: UInt32) {
        guard header.producerID >= 0 else { return }
        let batch = Batch(
            firstSequence: header.baseSequence, lastSequence: Self.lastSequence(header),
            placed: placed)
        let key = Key(stream: stream, producer: header.producerID)
        let epoch = header.producerEpoch
        // In place: a copy of the batches for each append would be an allocation each.
        func add(_ producer: inout Producer) {
            if producer.epoch != epoch { producer = Producer(epoch: epoch) }
            producer.held = nil
            if producer.batches.count == Self.rememberedBatches { producer.batches.removeFirst() }
            producer.batches.append(batch)
        }
        add(&producers[key, default: Producer(epoch: epoch)])
    }

    /// Keeps the place of a batch that was to be placed and was refused for a passing reason. A
    /// producer that is not known yet may begin with any sequence; without this, its second batch
    /// would be taken for its first.
    mutating func hold(_ header: RecordBatchHeader, stream: UInt32) {
        let key = Key(stream: stream, producer: header.producerID)
        guard header.producerID >= 0, producers[key]?.epoch != header.producerEpoch else { return }
        producers[key] = Producer(epoch: header.producerEpoch, held: header.baseSequence)
    }

    /// Forgets producers whose last batch was ingested before a time, us.
    mutating func expire(before time: Int64) {
        producers = producers.filter {
            ($0.value.batches.last?.placed.ingestTime.microseconds ?? .max) >= time
        }
    }

    /// The sequence of the batch's last record; sequences wrap from Int32.max to 0.
    private static func lastSequence(_ header: RecordBatchHeader) -> Int32 {
        let last = Int64(header.baseSequence) + Int64(header.lastOffsetDelta)
        return Int32(truncatingIfNeeded: last & 0x7FFF_FFFF)
    }

    private static func sequence(after last: Int32) -> Int32 { last == .max ? 0 : last + 1 }
}

extension ProducerTable {
    func encode(to writer: inout ByteWriter) {
        let known = producers.filter { !$0.value.batches.isEmpty }.sorted {
            ($0.key.stream, $0.key.producer) < ($1.key.stream, $1.key.producer)
        }
        writer.integer(UInt32(known.count))
        for (key, producer) in known {
            writer.integer(key.stream)
            writer.integer(key.producer)
            writer.integer(producer.epoch)
            writer.integer(UInt8(producer.batches.count))
            for batch in producer.batches {
                writer.integer(batch.firstSequence)
                writer.integer(batch.lastSequence)
                writer.integer(batch.placed.basePosition.value)
                writer.integer(batch.placed.baseOffset)
                writer.integer(UInt32(batch.placed.count))
                writer.integer(batch.placed.ingestTime.microseconds)
            }
        }
    }

    init(reading bytes: RawSpan) throws(ByteError) {
        var reader = ByteReader(bytes)
        let count: UInt32 = try reader.integer()
        for _ in 0..<count {
            let key = Key(stream: try reader.integer(), producer: try reader.integer())
            var producer = Producer(epoch: try reader.integer())
            let batches: UInt8 = try reader.integer()
            for _ in 0..<batches {
                let (first, last): (Int32, Int32) = (try reader.integer(), try reader.integer())
                let (base, offset): (Int64, Int64) = (try reader.integer(), try reader.integer())
                let (count, time): (UInt32, Int64) = (try reader.integer(), try reader.integer())
                producer.batches.append(
                    Batch(
                        firstSequence: first, lastSequence: last,
                        placed: Appended(
                            basePosition: Position(base), baseOffset: offset, count: Int(count),
                            ingestTime: Timestamp(microseconds: time), isDuplicate: false)))
            }
            producers[key] = producer
        }
    }
}
