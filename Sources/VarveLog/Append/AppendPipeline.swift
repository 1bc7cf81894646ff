public import VarveBytes
import VarveFormats

/// What became of a batch.
public struct Appended: Sendable, Equatable {
    /// The position of its first record.
    public let basePosition: Position
    /// The offset of its first record within its stream.
    public let baseOffset: Int64
    /// Records.
    public let count: Int
    /// When the log accepted it.
    public let ingestTime: Timestamp
    /// Whether an idempotent producer sent it before; it then has its original place.
    public let isDuplicate: Bool
}

/// Decides where batches go: positions, offsets, ingest times, and which ones are retries. Pure:
/// the clock's reading is an argument, and no file is touched.
struct AppendPipeline: Sendable, Equatable {
    /// The position of the next record.
    private(set) var nextPosition: Int64 = 0
    private(set) var lastIngestTime: Int64 = 0
    /// By stream number: the next record's offset.
    private(set) var nextOffsets: [Int64] = []
    private(set) var producers = ProducerTable()

    /// Starts empty.
    init() {}

    /// Goes on from what the footer of a segment remembers.
    init(nextPosition: Int64, lastIngestTime: Int64, nextOffsets: [Int64], producers: ProducerTable)
    {
        self.nextPosition = nextPosition
        self.lastIngestTime = lastIngestTime
        self.nextOffsets = nextOffsets
        self.producers = producers
    }

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
        guard let offset = nextOffset(of: stream.value) else {
            return .refuse(.unknownStream(stream))
        }
        switch producers.judge(header, stream: stream.value) {
        case .refuse(let error): return .refuse(error)
        case .duplicate(let old):
            return .duplicate(
                Appended(
                    basePosition: old.basePosition, baseOffset: old.baseOffset, count: old.count,
                    ingestTime: old.ingestTime, isDuplicate: true))
        case .new:
            return .place(
                Appended(
                    basePosition: Position(nextPosition), baseOffset: offset,
                    count: Int(header.recordCount),
                    ingestTime: Timestamp(microseconds: max(lastIngestTime, now)),
                    isDuplicate: false))
        }
    }

    /// Takes a placed batch into the state.
    mutating func commit(_ placed: Appended, _ header: RecordBatchHeader, stream: StreamID) {
        nextPosition = placed.basePosition.value + Int64(placed.count)
        lastIngestTime = placed.ingestTime.microseconds
        nextOffsets[Int(stream.value)] = placed.baseOffset + Int64(placed.count)
        producers.remember(placed, header, stream: stream.value)
    }

    /// Takes in records that are there no more: redacted ones.
    mutating func skip(to placed: Appended, stream: StreamID) {
        nextPosition = placed.basePosition.value + Int64(placed.count)
        lastIngestTime = placed.ingestTime.microseconds
        nextOffsets[Int(stream.value)] = placed.baseOffset + Int64(placed.count)
    }

    /// Keeps the place of a batch that was refused for a passing reason.
    mutating func hold(_ header: RecordBatchHeader, stream: StreamID) {
        producers.hold(header, stream: stream.value)
    }

    /// Takes a tick's time into the state.
    mutating func observe(ingestTime: Int64) { lastIngestTime = max(lastIngestTime, ingestTime) }

    /// Forgets producers that were silent for longer than `age`, us.
    mutating func expireProducers(olderThan age: Int64) {
        producers.expire(before: lastIngestTime - age)
    }
}
