import VarveBytes
import VarveProtocols

/// One connection's Kafka: takes frames, and has each request answered in its turn.
final class KafkaSession: ConnectionHandler {
    let service: KafkaService
    var producing = ProduceWork()
    private let connectionID: UInt64
    /// Who is on the other side.
    var authentication = Authentication()
    /// When the request at hand was taken.
    private(set) var started = ContinuousClock.now

    var broker: KafkaBroker { service.broker }
    var groups: GroupCoordinator { service.groups }

    /// Strangers have no reason to send more at once.
    private static let strangersFrameBytes = 8 << 10
    /// Enough for the subscriptions and assignments of large groups.
    private static let otherFrameBytes = 8 << 20

    init(_ service: KafkaService, connection: UInt64) {
        self.service = service
        connectionID = connection
    }

    func receive(_ bytes: RawSpan, on connection: Connection) throws -> Int {
        var offset = 0
        while connection.acceptsRequests {
            let limit = frameLimit(bytes, offset)
            guard let frame = try KafkaFrame.content(in: bytes, from: offset, limit: limit) else {
                break
            }
            try handle(bytes.extracting(frame), on: connection)
            offset = frame.upperBound
        }
        return offset
    }

    /// The most bytes of the frame that begins at `offset`: batches need many, all others few.
    private func frameLimit(_ bytes: RawSpan, _ offset: Int) -> Int {
        if isStranger { return Self.strangersFrameBytes }
        guard bytes.byteCount - offset >= KafkaFrame.prefixSize + 2 else {
            return KafkaLimits.frameBytes
        }
        let key = bytes.bigEndian(at: offset + KafkaFrame.prefixSize, as: Int16.self)
        // Batches above the limit are refused by name, so that producers do not repeat them.
        return key == KafkaAPI.produce.rawValue ? KafkaLimits.frameBytes : Self.otherFrameBytes
    }

    private func handle(_ frame: RawSpan, on connection: Connection) throws {
        started = .now
        let header: RequestHeader
        let request: KafkaRequest
        do throws(KafkaRequestError) {
            (header, request) = try KafkaRequest.read(frame)
        } catch {
            // A client that is newer than Varve asks again with a version it finds here.
            if case .unsupported(var header) = error, header.api == .apiVersions {
                header.version = 0
                return answer(
                    header, ApiVersionsResponse.offer(error: .unsupportedVersion), connection)
            }
            throw error
        }
        switch request {
        case .apiVersions: answer(header, ApiVersionsResponse.offer(error: .none), connection)
        case .saslHandshake(let request): shakeHands(request, header, on: connection)
        case .saslAuthenticate(let request): authenticate(request, header, on: connection)
        default:
            guard let principal = principal() else {
                throw KafkaAccessError.notAuthenticated(header.apiKey)
            }
            serve(request, header, size: frame.byteCount, by: principal, on: connection)
        }
    }

    func answer(
        _ header: RequestHeader, _ response: some KafkaMessage & ErrorReporting,
        _ connection: Connection
    ) {
        connection.answer(broker.response(header, response, since: started))
    }

    /// Answers on a worker thread, because the disk has to be waited for.
    func job(
        _ header: RequestHeader, _ connection: Connection,
        _ body: @escaping @Sendable (KafkaBroker) -> some KafkaMessage & ErrorReporting
    ) {
        let promised = connection.promise(cost: 1024)
        let isAccepted = broker.workers.submit { [broker, started] in
            promised.fulfil(broker.response(header, body(broker), since: started))
        }
        // Too many wait: the client comes back.
        if !isAccepted { connection.closeAfterAnswers() }
    }

    func closed() { service.abandon(connection: connectionID) }
}

/// Why a connection is closed.
enum KafkaAccessError: Error, CustomStringConvertible {
    /// A request before the proof of who sends it.
    case notAuthenticated(Int16)

    var description: String {
        switch self {
        case .notAuthenticated(let key):
            "API \(key) was asked for without authentication: this node has users, so clients"
                + " need security.protocol=SASL_PLAINTEXT and sasl.mechanism=SCRAM-SHA-256"
        }
    }
}
