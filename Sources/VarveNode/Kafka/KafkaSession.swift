import VarveBytes
import VarveProtocols

/// One connection's Kafka: takes frames, and has each request answered in its turn.
final class KafkaSession: ConnectionHandler {
    private let service: KafkaService
    private var producing = ProduceWork()
    private let connectionID: UInt64

    private var broker: KafkaBroker { service.broker }
    private var groups: GroupCoordinator { service.groups }

    init(_ service: KafkaService, connection: UInt64) {
        self.service = service
        connectionID = connection
    }

    func receive(_ bytes: RawSpan, on connection: Connection) throws -> Int {
        var offset = 0
        while connection.acceptsRequests,
            let frame = try KafkaFrame.content(in: bytes, from: offset)
        {
            try handle(bytes.extracting(frame), on: connection)
            offset = frame.upperBound
        }
        return offset
    }

    private func handle(_ frame: RawSpan, on connection: Connection) throws {
        let header: RequestHeader
        let request: KafkaRequest
        do throws(KafkaRequestError) {
            (header, request) = try KafkaRequest.read(frame)
        } catch {
            // A client that is newer than Varve asks again with a version it finds here.
            if case .unsupported(let header) = error, header.api == .apiVersions {
                let response = ApiVersionsResponse.offer(error: .unsupportedVersion)
                return connection.answer(
                    KafkaFrame.response(
                        correlationID: header.correlationID, response, version: 0))
            }
            throw error
        }
        serve(request, header, size: frame.byteCount, on: connection)
    }

    private func serve(
        _ request: KafkaRequest, _ header: RequestHeader, size: Int, on connection: Connection
    ) {
        switch request {
        case .apiVersions:
            answer(header, ApiVersionsResponse.offer(error: .none), connection)
        case .metadata(let request):
            topicJob(header, connection, now: !mayCreate(request)) { broker in
                KafkaTopics.metadata(request, header.version, broker)
            }
        case .createTopics(let request):
            topicJob(header, connection, now: false) { broker in
                KafkaTopics.create(request, broker)
            }
        case .listOffsets(let request):
            answer(header, KafkaTopics.offsets(request, broker), connection)
        case .initProducerID(let request):
            answer(header, KafkaTopics.producer(request, broker), connection)
        case .produce(let request):
            producing.append(request, header, size: size, to: broker, on: connection)
        case .fetch(let request): service.fetch(request, header, on: connection)
        case .findCoordinator(let request):
            answer(header, GroupCoordinator.find(request, broker), connection)
        case .joinGroup(let request): groups.join(request, header, on: connection)
        case .syncGroup(let request): groups.sync(request, header, on: connection)
        case .heartbeat(let request): answer(header, groups.heartbeat(request), connection)
        case .leaveGroup(let request):
            answer(header, groups.leave(request, version: header.version), connection)
        case .offsetCommit(let request):
            groups.commit(request, header, size: size, on: connection)
        case .offsetFetch(let request):
            answer(header, GroupCoordinator.fetch(request, broker), connection)
        case .describeGroups(let request): answer(header, groups.describe(request), connection)
        case .listGroups: answer(header, groups.list(), connection)
        case .deleteGroups(let request): groups.delete(request, header, on: connection)
        case .offsetDelete(let request): groups.deleteOffsets(request, header, on: connection)
        case .deleteTopics(let request):
            topicJob(header, connection, now: false) { KafkaTopics.delete(request, $0) }
        case .deleteRecords(let request):
            topicJob(header, connection, now: false) { KafkaTopics.deleteRecords(request, $0) }
        case .createPartitions(let request):
            topicJob(header, connection, now: false) { KafkaTopics.grow(request, $0) }
        case .incrementalAlterConfigs(let request):
            topicJob(header, connection, now: false) { KafkaConfigs.alter(request, $0) }
        case .describeConfigs(let request):
            answer(header, KafkaConfigs.describe(request, broker), connection)
        case .offsetForLeaderEpoch(let request):
            topicJob(header, connection, now: false) { KafkaTopics.epochs(request, $0) }
        }
    }

    private func answer(
        _ header: RequestHeader, _ response: some KafkaMessage, _ connection: Connection
    ) {
        connection.answer(
            KafkaFrame.response(
                correlationID: header.correlationID, response, version: header.version))
    }

    private func mayCreate(_ request: MetadataRequest) -> Bool {
        request.allowsCreation && broker.options.createsTopics
            && !KafkaTopics.missing(request.topics ?? [], broker).isEmpty
    }

    /// Answers now, or on a worker thread when the disk has to be waited for.
    private func topicJob(
        _ header: RequestHeader, _ connection: Connection, now: Bool,
        _ job: @escaping @Sendable (KafkaBroker) -> some KafkaMessage
    ) {
        if now { return answer(header, job(broker), connection) }
        let promised = connection.promise(cost: 1024)
        let isAccepted = broker.workers.submit { [broker] in
            promised.fulfil(
                KafkaFrame.response(
                    correlationID: header.correlationID, job(broker), version: header.version))
        }
        // Too many wait: the client comes back.
        if !isAccepted { connection.closeAfterAnswers() }
    }

    func closed() { service.abandon(connection: connectionID) }
}
