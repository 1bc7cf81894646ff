import VarveBytes
public import VarveProtocols
public import VarveSystem

/// Why a Kafka client cannot go on.
public enum KafkaClientError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The broker cannot be reached, or has gone.
    case connection(SystemError)
    /// The broker closed the connection.
    case closed(String)
    /// The broker does not speak a version that the client does.
    case unsupported(String)
    /// The broker's bytes make no sense.
    case malformed(String)
    /// The broker said no.
    case refused(KafkaErrorCode, String)

    public var description: String {
        switch self {
        case .connection(let error): "\(error)"
        case .closed(let peer): "\(peer) closed the connection"
        case .unsupported(let reason), .malformed(let reason): reason
        case .refused(let code, let reason): "\(reason) (\(code))"
        }
    }
}

/// A blocking connection to a broker. One thread uses it.
final class KafkaConnection {
    private let socket: Socket
    private let clientID: String
    private var versions: [Int16: ClosedRange<Int16>] = [:]
    private var nextCorrelation: Int32 = 0
    private var input: [UInt8] = []
    private var available = 0..<0

    private static let readSize = 64 << 10

    /// Connects, and asks which versions the broker speaks.
    init(
        host: String, port: UInt16, _ options: KafkaProducer.Options
    ) throws(KafkaClientError) {
        clientID = options.clientID
        do {
            socket = try Socket.connect(host: host, port: port, timeout: options.timeout)
        } catch {
            throw .connection(error)
        }
        versions[KafkaAPI.apiVersions.rawValue] = 0...0
        let request = ApiVersionsRequest(softwareName: "varve", softwareVersion: "1")
        let offer = try ask(.apiVersions, request, ApiVersionsResponse.self)
        for api in offer.apis where api.minVersion <= api.maxVersion {
            versions[api.key] = api.minVersion...api.maxVersion
        }
        if let credentials = options.credentials { try authenticate(credentials) }
    }

    /// Proves who it is with SASL PLAIN.
    private func authenticate(
        _ credentials: KafkaProducer.Credentials
    ) throws(KafkaClientError) {
        let hand = try ask(
            .saslHandshake, SaslHandshakeRequest(mechanism: Authentication.plain),
            SaslHandshakeResponse.self)
        guard hand.error == .none else {
            throw .refused(hand.error, "\(socket.peer) does not take a password in clear")
        }
        let token = "\0\(credentials.user)\0\(credentials.password)"
        let answer = try ask(
            .saslAuthenticate, SaslAuthenticateRequest(token: Array(token.utf8)),
            SaslAuthenticateResponse.self)
        guard answer.error == .none else {
            throw .refused(answer.error, "\(socket.peer): \(answer.message ?? "no")")
        }
    }

    /// The highest version of an API that both sides speak.
    func version(_ api: KafkaAPI) throws(KafkaClientError) -> Int16 {
        let mine = api == .produce ? KafkaAPI.producibleVersions : api.versions
        guard let theirs = versions[api.rawValue], theirs.overlaps(mine) else {
            throw .unsupported(
                "\(socket.peer) speaks \(api) \(versions[api.rawValue].map { "\($0)" } ?? "not"),"
                    + " expected one of \(mine)")
        }
        return min(mine.upperBound, theirs.upperBound)
    }

    /// Sends a request and waits for its response.
    func ask<Response: KafkaMessage>(
        _ api: KafkaAPI, _ request: some KafkaMessage, _: Response.Type
    ) throws(KafkaClientError) -> Response {
        let correlation = try send(api, request)
        return try receive(api, correlation)
    }

    /// Sends a request. Responses come in the order of requests.
    /// - Returns: the correlation id to receive the response with.
    func send(_ api: KafkaAPI, _ request: some KafkaMessage) throws(KafkaClientError) -> Int32 {
        let correlation = nextCorrelation
        nextCorrelation &+= 1
        let header = RequestHeader(
            apiKey: api.rawValue, version: try version(api), correlationID: correlation,
            clientID: clientID)
        do {
            _ = try socket.write(KafkaFrame.request(header, request).raw)
        } catch {
            throw .connection(error)
        }
        return correlation
    }

    /// Waits for the response to the oldest request that has none.
    func receive<Response: KafkaMessage>(
        _ api: KafkaAPI, _ correlation: Int32
    ) throws(KafkaClientError) -> Response {
        let frame = try frame()
        let version = try version(api)
        var reader = ByteReader(frame.raw)
        do throws(ByteError) {
            let found = try reader.bigEndian(Int32.self)
            guard found == correlation else {
                throw ByteError.lengthOutOfRange(at: 0, value: Int64(found), limit: 0)
            }
            return try Response(reading: &reader, version: version)
        } catch {
            throw .malformed("the response of \(socket.peer) to \(api) makes no sense: \(error)")
        }
    }

    /// The content of the next frame.
    private func frame() throws(KafkaClientError) -> [UInt8] {
        while true {
            do {
                let bytes = input
                let whole = bytes.raw.extracting(0..<available.upperBound)
                if let content = try KafkaFrame.content(in: whole, from: available.lowerBound) {
                    available = content.upperBound..<available.upperBound
                    return whole.extracting(content).copied()
                }
            } catch {
                throw .malformed("\(socket.peer) does not speak Kafka: \(error)")
            }
            try fill()
        }
    }

    private func fill() throws(KafkaClientError) {
        if available.lowerBound > 0 {
            input.removeFirst(available.lowerBound)
            available = 0..<available.count
        }
        let missing = available.upperBound + Self.readSize - input.count
        if missing > 0 { input.append(contentsOf: repeatElement(0, count: missing)) }
        do {
            switch try socket.read(into: &input, from: available.upperBound) {
            case .bytes(let count): available = 0..<available.upperBound + count
            case .end, .wouldBlock: throw KafkaClientError.closed(socket.peer)
            }
        } catch let error as SystemError {
            throw .connection(error)
        } catch {
            throw .closed(socket.peer)
        }
    }
}
