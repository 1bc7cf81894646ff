import VarveBytes
public import VarveFormats
public import VarveLog
public import VarveProtocols
import VarveSystem

/// An idempotent producer for the command line: collects records into lz4 batches, keeps up to
/// five of them under way, and tells what became of each. When the connection breaks it connects
/// again and sends what was not answered once more; the log takes nothing twice. Blocks; one
/// thread uses it.
public final class KafkaProducer {
    /// How it works.
    public struct Options: Sendable {
        /// What the broker sees as the client's name.
        public var clientID = "varve"
        /// Who it is, at a node with users; sent in clear, which is for this machine only.
        public var credentials: Credentials?
        /// The longest wait for the broker.
        public var timeout = Duration.seconds(30)
        /// Records are sent once a stream's keys and values take so many bytes.
        public var batchBytes = 512 << 10
        /// Batches sent and not answered, at most 5: the broker remembers no more.
        public var batchesUnderWay = 5
        /// How often a broken connection is made again before giving up.
        public var attempts = 5
        /// The pause before each attempt.
        public var pause = Duration.milliseconds(200)

        /// The defaults.
        public init() {}
    }

    /// A user and a password.
    public struct Credentials: Sendable {
        let user: String
        let password: String

        /// Both.
        public init(user: String, password: String) {
            self.user = user
            self.password = password
        }
    }

    /// What became of a batch.
    public struct BatchResult: Sendable, Equatable {
        public let stream: StreamName
        /// The number of its first record among those given to this producer, from 0.
        public let firstRecord: Int
        public let count: Int
        /// The offset of its first record, or why nothing of it was appended.
        public let outcome: Result<Int64, Refusal>
    }

    /// Why a batch was not appended.
    public struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        public let code: KafkaErrorCode
        /// The broker's words; Kafka's name for the code when it said nothing.
        public let message: String
        /// The records that are to blame, by their number within the batch.
        public let records: [RecordFault]

        public var description: String { "\(message) (\(code))" }
    }

    private struct Batch {
        var records: [Record] = []
        /// The numbers of the records.
        var numbers: [Int] = []
        var bytes = 0
    }

    private struct UnderWay {
        let stream: StreamName
        let firstRecord: Int
        let count: Int
        let request: ProduceRequest
        var correlation: Int32
    }

    private let host: String
    private let port: UInt16
    private let options: Options
    private var connection: KafkaConnection
    private let producerID: Int64
    private let producerEpoch: Int16
    private var batches: [StreamName: Batch] = [:]
    private var sequences: [StreamName: Int32] = [:]
    private var underWay: [UnderWay] = []
    private var results: [BatchResult] = []
    private var recordCount = 0

    /// Connects and asks for a producer id.
    public init(
        host: String, port: UInt16, options: Options = Options()
    ) throws(KafkaClientError) {
        self.host = host
        self.port = port
        self.options = options
        connection = try KafkaConnection(
            host: host, port: port, options)
        let identity = try connection.ask(
            .initProducerID,
            InitProducerIDRequest(transactionalID: nil, transactionTimeoutMilliseconds: 0),
            InitProducerIDResponse.self)
        guard identity.error == .none else {
            throw .refused(identity.error, "the broker gives no producer id")
        }
        producerID = identity.producerID
        producerEpoch = identity.producerEpoch
    }

    /// The partitions of a topic, which is created if the broker does that.
    public func partitions(of topic: String) throws(KafkaClientError) -> [Int32] {
        let request = MetadataRequest(
            topics: [topic], allowsCreation: true, includesClusterRights: false,
            includesTopicRights: false)
        // Answers come in order: those under way are before it.
        try settle(leaving: 0)
        let response = try connection.ask(.metadata, request, MetadataResponse.self)
        guard let found = response.topics.first else {
            throw .malformed("the broker does not answer for topic \(topic)")
        }
        guard found.error == .none else {
            let reason =
                found.error == .unknownTopicOrPartition
                ? "topic \(topic) does not exist, and this node creates none on its own"
                    + " (varve serve --no-auto-create): create the topic, or declare the stream"
                : "topic \(topic) cannot be written to"
            throw .refused(found.error, reason)
        }
        return found.partitions.map(\.index).sorted()
    }

    /// Takes a record, and sends those of its stream when they are enough.
    /// - Returns: the record's number, from 0.
    @discardableResult
    public func send(_ record: Record, to stream: StreamName) throws(KafkaClientError) -> Int {
        let number = recordCount
        recordCount += 1
        var batch = batches.removeValue(forKey: stream) ?? Batch()
        batch.records.append(record)
        batch.numbers.append(number)
        batch.bytes += (record.key?.count ?? 0) + (record.value?.count ?? 0) + 16
        if batch.bytes >= options.batchBytes {
            try submit(batch, to: stream)
        } else {
            batches[stream] = batch
        }
        return number
    }

    /// Sends what was collected and waits until all is answered.
    /// - Returns: the results since they were last taken, in the order of sending.
    public func flush() throws(KafkaClientError) -> [BatchResult] {
        let waiting = batches.sorted {
            ($0.value.numbers.first ?? 0) < ($1.value.numbers.first ?? 0)
        }
        batches = [:]
        for (stream, batch) in waiting { try submit(batch, to: stream) }
        try settle(leaving: 0)
        return takeResults()
    }

    /// The results since they were last taken, in the order of sending, without waiting.
    public func takeResults() -> [BatchResult] {
        defer { results = [] }
        return results
    }

    private func submit(_ batch: Batch, to stream: StreamName) throws(KafkaClientError) {
        let sequence = sequences[stream] ?? 0
        let bytes: [UInt8]
        do {
            bytes = try RecordBatch.encode(
                batch.records, compression: .lz4, producerID: producerID,
                producerEpoch: producerEpoch, baseSequence: sequence)
        } catch {
            throw .malformed("\(error)")
        }
        // Sequences wrap from Int32.max to 0.
        sequences[stream] = Int32((Int64(sequence) + Int64(batch.records.count)) & 0x7FFF_FFFF)
        let request = ProduceRequest(
            transactionalID: nil, acks: -1,
            timeoutMilliseconds: Int32(clamping: options.timeout.components.seconds * 1000),
            topics: [
                .init(
                    name: stream.name,
                    partitions: [.init(index: stream.partition, records: bytes)])
            ])
        try settle(leaving: options.batchesUnderWay - 1)
        underWay.append(
            UnderWay(
                stream: stream, firstRecord: batch.numbers.first ?? 0,
                count: batch.records.count, request: request, correlation: -1))
        do {
            underWay[underWay.count - 1].correlation = try connection.send(.produce, request)
        } catch {
            try reconnect(after: error)
        }
    }

    /// Waits until at most `count` batches are under way.
    private func settle(leaving count: Int) throws(KafkaClientError) {
        while underWay.count > count {
            let first = underWay[0]
            do throws(KafkaClientError) {
                let response: ProduceResponse = try connection.receive(.produce, first.correlation)
                underWay.removeFirst()
                results.append(Self.result(first, response))
            } catch {
                try reconnect(after: error)
            }
        }
    }

    private static func result(_ sent: UnderWay, _ response: ProduceResponse) -> BatchResult {
        let answer = response.topics.first?.partitions.first
        let code = answer?.error ?? .unknownServerError
        let outcome: Result<Int64, Refusal> =
            code == .none
            ? .success(answer?.baseOffset ?? -1)
            : .failure(
                Refusal(
                    code: code, message: answer?.message ?? "\(code)",
                    records: (answer?.recordErrors ?? []).map {
                        RecordFault(index: Int($0.index), message: $0.message ?? "\(code)")
                    }))
        return BatchResult(
            stream: sent.stream, firstRecord: sent.firstRecord, count: sent.count,
            outcome: outcome)
    }

    /// Connects again and sends what is under way once more, in order, under the same sequences.
    private func reconnect(after error: KafkaClientError) throws(KafkaClientError) {
        var failure = error
        for _ in 0..<options.attempts {
            switch failure {
            case .connection, .closed: break
            case .unsupported, .malformed, .refused: throw failure
            }
            Monitor(false).wait(until: { $0 }, timeout: options.pause) { _ in }
            do throws(KafkaClientError) {
                connection = try KafkaConnection(
                    host: host, port: port, options)
                for index in underWay.indices {
                    underWay[index].correlation = try connection.send(
                        .produce, underWay[index].request)
                }
                return
            } catch {
                failure = error
            }
        }
        throw failure
    }
}
