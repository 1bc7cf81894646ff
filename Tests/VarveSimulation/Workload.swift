import VarveBytes
import VarveFormats
import VarveLog

/// The producers of a simulation: some idempotent, each with its stream, and what they must send
/// again.
struct Workload {
    struct Producer {
        let id: Int64
        var epoch: Int16
        let stream: UInt32
        var nextSequence: Int32 = 0
        /// Acknowledged batches, oldest first; at most as many as the log remembers.
        var acknowledged: [Int] = []
        /// Sent without a good answer; to be sent again before anything else, in this order.
        var unanswered: [Int] = []
    }

    /// What a request asks and what the answer must be.
    enum Intent {
        /// Appended at the end.
        case place(batch: Int, producer: Int?)
        /// Known already; its first place.
        case duplicate(batch: Int)
        /// Refused, whatever the log's state.
        case refuse
        case streams([StreamName])
    }

    var producers: [Producer] = []
    /// The most batches that an idempotent producer has under way.
    static let inFlight = 5
    private var nextProducerID: Int64 = 1000
    private static let names = ["orders", "clicks", "weather", "flights", "models", "audit"]

    static func streamNames(_ random: inout SimulatedRandom) -> [StreamName] {
        (0...random.below(2)).map { _ in
            StreamName(name: random.pick(names), partition: Int32(random.below(3)))
        }
    }

    /// A batch of one to four records; now and then its value looks like a piece of a segment.
    static func batch(
        _ random: inout SimulatedRandom, largest: Int, decoy: () -> [UInt8], producerID: Int64 = -1,
        epoch: Int16 = -1, sequence: Int32 = -1
    ) throws -> (bytes: [UInt8], count: Int) {
        let count = 1 + (random.chance(70) ? 0 : random.below(4))
        let records = (0..<count).map { _ in
            var size: Int
            switch random.below(10) {
            case 0: size = 1
            case 1: size = random.below(largest) + 1
            default: size = random.below(120) + 1
            }
            var value: [UInt8]
            let decoy = random.chance(4) ? decoy() : []
            if !decoy.isEmpty {
                size = min(size, decoy.count)
                let start = random.below(decoy.count - size + 1) & ~7
                value = Array(decoy[start..<(start + size)])
            } else {
                value = [UInt8](repeating: UInt8(random.below(256)), count: size)
                var word = random.next()
                for at in 0..<min(8, size) {
                    value[at] = UInt8(truncatingIfNeeded: word)
                    word >>= 8
                }
            }
            return Record(
                key: random.chance(50) ? nil : [UInt8(random.below(256))], value: value,
                timestamp: Int64(random.below(1_000_000)))
        }
        let bytes = try RecordBatch.encode(
            records, compression: random.chance(10) ? .lz4 : .none, producerID: producerID,
            producerEpoch: epoch, baseSequence: sequence)
        return (bytes, count)
    }

    /// A producer that exists or comes into being.
    mutating func producer(for stream: UInt32, _ random: inout SimulatedRandom) -> Int {
        let mine = producers.indices.filter { producers[$0].stream == stream }
        if !mine.isEmpty, random.chance(85) { return random.pick(mine) }
        producers.append(Producer(id: nextProducerID, epoch: 0, stream: stream))
        nextProducerID += 1
        return producers.count - 1
    }

    /// After a recovery: what is in the log was acknowledged in effect, the rest is sent again.
    mutating func settle(_ model: LogModel) {
        for index in producers.indices {
            producers[index].acknowledged.removeAll { model.batches[$0].base == nil }
        }
    }

    mutating func acknowledge(_ batch: Int, of producer: Int) {
        producers[producer].unanswered.removeAll { $0 == batch }
        producers[producer].acknowledged.append(batch)
        if producers[producer].acknowledged.count > Self.inFlight {
            producers[producer].acknowledged.removeFirst()
        }
    }
}
