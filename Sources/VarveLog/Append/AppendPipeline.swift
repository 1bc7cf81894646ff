public import VarveBytes
import VarveFormats

/// What became of a batch.
public struct Appended: Sendable, Equatable {
    public let basePosition: Position
    public let baseOffset: Int64
    public let count: Int
    public let ingestTime: Timestamp
    /// Whether an idempotent producer sent it before; it then has its original place.
    public let isDuplicate: Bool
}

/// Decides where batches go: positions, offsets, ingest times, and which ones are retries. Pure:
/// the clock's reading is an argument, and no file is touched.
struct AppendPipeline {
    /// The position of the next record.
    private(set) var nextPosition: Int64 = 0
    private(set) var lastIngestTime: Int64 = 0
    /// By stream number: the next record's offset.
    private var nextOffsets: [Int64] = []
    private var producers: [ProducerKey: Producer] = [:]

    private struct ProducerKey: Hashable {
        let stream: UInt32
        let producer: Int64
    }

    /// An idempotent producer's last batches on one stream, oldest first.
    private struct Producer {
        var epoch: Int16
        var batches: [Batch] = []
        /// The sequence of the first batch, while it was refused for a passing reason.
        var held: Int32?
    }

    private struct Batch {
        let firstSequence: Int32
        let lastSequence: Int32
        let placed: Appended
    }

    /// Batches remembered per producer and stream, as Kafka does.
    static let rememberedBatches = 5

    /// Where a batch goes, or that it is there already.
    enum Decision: Equatable {
        case place(Appended)
        case duplicate(Appended)
        case refuse(AppendError)
    }

    mutating func addStream() { nextOffsets.append(0) }

    /// The offset of a stream's next record; nil when there is no such stream.
    func nextOffset(of stream: UInt32) -> Int64? {
        Int(stream) < nextOffsets.count ? nextOffsets[Int(stream)] : nil
    }

    /// Decides without changing anything; `commit` does that once the frame is certain.
    func decide(_ header: RecordBatchHeader, stream: StreamID, now: Int64) -> Decision {
        let number = Int(stream.value)
        guard nextOffsets.indices.contains(number) else { return .refuse(.unknownStream(stream)) }
        let placed = Appended(
            basePosition: Position(nextPosition), baseOffset: nextOffsets[number],
            count: Int(header.recordCount),
            ingestTime: Timestamp(microseconds: max(lastIngestTime, now)), isDuplicate: false)
        guard header.producerID >= 0 else { return .place(placed) }
        guard header.baseSequence >= 0 else {
            return .refuse(.invalidBatch("the batch has a producer id but no sequence"))
        }
        let key = ProducerKey(stream: stream.value, producer: header.producerID)
        guard let producer = producers[key] else { return .place(placed) }
        if header.producerEpoch < producer.epoch {
            return .refuse(.fenced(current: producer.epoch, found: header.producerEpoch))
        }
        if header.producerEpoch > producer.epoch {
            return header.baseSequence == 0
                ? .place(placed)
                : .refuse(.outOfOrderSequence(expected: 0, found: header.baseSequence))
        }
        let last = Self.lastSequence(header)
        if let known = producer.batches.first(where: {
            $0.firstSequence == header.baseSequence && $0.lastSequence == last
        }) {
            let old = known.placed
            return .duplicate(
                Appended(
                    basePosition: old.basePosition, baseOffset: old.baseOffset, count: old.count,
                    ingestTime: old.ingestTime, isDuplicate: true))
        }
        let expected =
            producer.batches.last.map { Self.sequence(after: $0.lastSequence) } ?? producer.held ?? 0
        return header.baseSequence == expected
            ? .place(placed)
            : .refuse(.outOfOrderSequence(expected: expected, found: header.baseSequence))
    }

    /// Takes a placed batch into the state.
    mutating func commit(_ placed: Appended, _ header: RecordBatchHeader, stream: StreamID) {
        let number = Int(stream.value)
        nextPosition = placed.basePosition.value + Int64(placed.count)
        lastIngestTime = placed.ingestTime.microseconds
        nextOffsets[number] = placed.baseOffset + Int64(placed.count)
        guard header.producerID >= 0 else { return }
        let key = ProducerKey(stream: stream.value, producer: header.producerID)
        var producer = producers[key] ?? Producer(epoch: header.producerEpoch)
        if producer.epoch != header.producerEpoch {
            producer = Producer(epoch: header.producerEpoch)
        }
        producer.batches.append(
            Batch(
                firstSequence: header.baseSequence, lastSequence: Self.lastSequence(header),
                placed: placed))
        if producer.batches.count > Self.rememberedBatches { producer.batches.removeFirst() }
        producers[key] = producer
    }

    /// Keeps the place of a batch that was to be placed and was refused for a passing reason. A
    /// producer that is not known yet may begin with any sequence; without this, its second batch
    /// would be taken for its first.
    mutating func hold(_ header: RecordBatchHeader, stream: StreamID) {
        let key = ProducerKey(stream: stream.value, producer: header.producerID)
        guard header.producerID >= 0, producers[key]?.epoch != header.producerEpoch else { return }
        producers[key] = Producer(epoch: header.producerEpoch, held: header.baseSequence)
    }

    /// Takes a tick's time into the state.
    mutating func observe(ingestTime: Int64) { lastIngestTime = max(lastIngestTime, ingestTime) }

    /// The sequence of the batch's last record; sequences wrap from Int32.max to 0.
    private static func lastSequence(_ header: RecordBatchHeader) -> Int32 {
        let last = Int64(header.baseSequence) + Int64(header.lastOffsetDelta)
        return Int32(truncatingIfNeeded: last & 0x7FFF_FFFF)
    }

    private static func sequence(after last: Int32) -> Int32 { last == .max ? 0 : last + 1 }
}
