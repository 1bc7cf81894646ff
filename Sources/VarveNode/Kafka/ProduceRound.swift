import VarveLog
import VarveProtocols
import VarveSystem

/// The batches of one Produce request, until all have their result.
final class ProduceRound: Sendable {
    /// A batch's place in the request.
    struct Place {
        let topic: Int
        let partition: Int
    }

    private struct State {
        var response: ProduceResponse
        /// Results to come, and one more until all batches were handed over.
        var open: Int
        var hasFailure = false

        /// One result less to come; the response when it was the last.
        mutating func close() -> (response: ProduceResponse, hasFailure: Bool)? {
            open -= 1
            return open == 0 ? (response, hasFailure) : nil
        }
    }

    private let state: Monitor<State>
    private let header: RequestHeader
    private let broker: KafkaBroker
    private let started = ContinuousClock.now
    private let promised: PromisedAnswer?
    private let connection: RemoteConnection

    /// - Parameter promised: nil when the producer wants no answer.
    init(
        _ request: ProduceRequest, _ header: RequestHeader, _ connection: RemoteConnection,
        promised: PromisedAnswer?, broker: KafkaBroker
    ) {
        self.broker = broker
        let topics = request.topics.map { topic in
            ProduceResponse.Topic(
                name: topic.name,
                partitions: topic.partitions.map {
                    ProduceResponse.Partition(
                        index: $0.index, error: .none, baseOffset: -1, logAppendTime: -1,
                        logStartOffset: -1, recordErrors: [], message: nil)
                })
        }
        let count = topics.reduce(0) { $0 + $1.partitions.count }
        state = Monitor(
            State(
                response: ProduceResponse(topics: topics, throttleMilliseconds: 0),
                open: count + 1))
        self.header = header
        self.promised = promised
        self.connection = connection
    }

    /// Takes a batch's result, on any thread.
    func finish(_ place: Place, _ result: Result<Appended, KafkaRefusal>) {
        let answer = state.withLock { state in
            let partition = state.response.topics[place.topic].partitions[place.partition]
            state.response.topics[place.topic].partitions[place.partition] = Self.answer(
                partition, result)
            if case .failure = result { state.hasFailure = true }
            return state.close()
        }
        give(answer)
    }

    /// All batches were handed over.
    func finish() { give(state.withLock { $0.close() }) }

    private func give(_ answer: (response: ProduceResponse, hasFailure: Bool)?) {
        guard let answer else { return }
        if let promised {
            return promised.fulfil(broker.response(header, answer.response, since: started))
        }
        broker.count(header, answer.response, since: started)
        if answer.hasFailure {
            // A producer that wants no answers learns of a failure in no other way.
            connection.closeAfterAnswers()
        }
    }

    private static func answer(
        _ partition: ProduceResponse.Partition, _ result: Result<Appended, KafkaRefusal>
    ) -> ProduceResponse.Partition {
        var partition = partition
        switch result {
        case .success(let placed):
            partition.baseOffset = placed.baseOffset
        case .failure(let refusal):
            partition.error = refusal.code
            partition.message = refusal.message
            partition.recordErrors = refusal.records
        }
        return partition
    }
}
