import Foundation
import VarveBytes
import VarveFormats
import VarveLog
import VarveNode
import VarveProtocols
import VarveSystem

/// A log in a directory of its own and a Kafka server on it, for one test.
final class TestBroker {
    let directory = NSTemporaryDirectory() + "varve-node-" + UUID().uuidString
    private(set) var log: Log
    private(set) var server: KafkaServer
    private let gate: (any AppendGate)?
    private let options: KafkaServer.Options

    init(
        gate: (any AppendGate)? = nil, options: KafkaServer.Options = KafkaServer.Options(),
        keepsGroups: Bool = false
    ) throws {
        self.gate = gate
        var options = options
        if keepsGroups { options.groupsDirectory = "\(directory)/groups" }
        self.options = options
        log = try Log.open(directory: directory)
        server = try KafkaServer(log: log, options: options, gate: gate) { _ in }
    }

    deinit {
        server.stop()
        try? log.close()
        try? FileManager.default.removeItem(atPath: directory)
    }

    var port: UInt16 { server.port }

    func client() throws -> RawKafkaClient { try RawKafkaClient(port: port) }

    /// Stops everything, and starts it again at the same port.
    func restart() throws {
        var options = options
        options.port = port
        server.stop()
        try log.close()
        log = try Log.open(directory: directory)
        server = try KafkaServer(log: log, options: options, gate: gate) { _ in }
    }

    /// The values of a stream's committed records.
    func values(_ name: StreamName) throws -> [String] {
        guard let id = log.stream(name)?.id else { return [] }
        var found: [String] = []
        var scratch: [UInt8] = []
        try log.read(from: Position(0), streams: [id]) { frame in
            try RecordBatch.forEachRecord(frame.body, scratch: &scratch) { record in
                found.append(record.value?.text() ?? "null")
            }
            return true
        }
        return found
    }
}

/// A client that sends and receives single frames, so that a test decides their order.
final class RawKafkaClient {
    let socket: Socket
    private var input: [UInt8] = []
    private var nextCorrelation: Int32 = 1

    init(port: UInt16) throws {
        socket = try Socket.connect(host: "127.0.0.1", port: port, timeout: .seconds(20))
    }

    func write(_ bytes: [UInt8]) throws { _ = try socket.write(bytes.raw) }

    /// Sends a request in the highest version, or another.
    @discardableResult
    func send(_ api: KafkaAPI, _ body: some KafkaMessage, version: Int16? = nil) throws -> Int32 {
        let correlation = nextCorrelation
        nextCorrelation += 1
        let header = RequestHeader(
            apiKey: api.rawValue, version: version ?? api.versions.upperBound,
            correlationID: correlation, clientID: "test")
        try write(KafkaFrame.request(header, body))
        return correlation
    }

    /// The next response's correlation id and body.
    func receive<Response: KafkaMessage>(
        _: Response.Type, _ api: KafkaAPI, version: Int16? = nil
    ) throws -> (correlation: Int32, response: Response) {
        let frame = try frame()
        var reader = ByteReader(frame.raw)
        let correlation = try reader.bigEndian(Int32.self)
        let response = try Response(
            reading: &reader, version: version ?? api.versions.upperBound)
        return (correlation, response)
    }

    func ask<Response: KafkaMessage>(
        _ api: KafkaAPI, _ body: some KafkaMessage, _ type: Response.Type, version: Int16? = nil
    ) throws -> Response {
        try send(api, body, version: version)
        return try receive(type, api, version: version).response
    }

    private struct Ended: Error {}

    func frame() throws -> [UInt8] {
        while true {
            let bytes = input
            if let content = try KafkaFrame.content(in: bytes.raw, from: 0) {
                input.removeFirst(content.upperBound)
                return bytes.raw.extracting(content).copied()
            }
            guard try fill() else { throw Ended() }
        }
    }

    /// Whether the server closes the connection without another byte.
    func isClosed() throws -> Bool {
        do {
            return try input.isEmpty && !fill()
        } catch let error as SystemError where !error.isTimeout {
            // Closed with bytes unread: reset instead of ended.
            return true
        }
    }

    private func fill() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        guard case .bytes(let count) = try socket.read(into: &buffer, from: 0) else {
            return false
        }
        input += buffer.prefix(count)
        return true
    }
}

extension RawKafkaClient {
    /// Asks for the offset at a time, or at an end, of a topic's only partition.
    func offset(of topic: String, at time: Int64) throws -> ListOffsetsResponse.Partition {
        try ask(
            .listOffsets,
            ListOffsetsRequest(
                replica: -1, isolation: 0,
                topics: [
                    .init(
                        name: topic,
                        partitions: [.init(index: 0, leaderEpoch: -1, timestamp: time)])
                ]), ListOffsetsResponse.self
        ).topics[0].partitions[0]
    }

    /// Makes sure that a topic is there.
    func create(_ topic: String) throws -> MetadataResponse {
        try ask(
            .metadata,
            MetadataRequest(
                topics: [topic], allowsCreation: true, includesClusterRights: false,
                includesTopicRights: false), MetadataResponse.self)
    }

    static func produce(
        _ batch: [UInt8], to topic: String, acks: Int16 = -1
    ) -> ProduceRequest {
        ProduceRequest(
            transactionalID: nil, acks: acks, timeoutMilliseconds: 1000,
            topics: [.init(name: topic, partitions: [.init(index: 0, records: batch)])])
    }

    /// Appends a batch; answers what became of it.
    func produce(_ batch: [UInt8], to topic: String) throws -> ProduceResponse.Partition {
        let response = try ask(.produce, Self.produce(batch, to: topic), ProduceResponse.self)
        return response.topics[0].partitions[0]
    }

    static func fetch(
        _ topic: String, from offset: Int64, wait: Int32 = 0, minBytes: Int32 = 1,
        maxBytes: Int32 = 1 << 20
    ) -> FetchRequest {
        FetchRequest(
            replica: -1, maxWaitMilliseconds: wait, minBytes: minBytes, maxBytes: 50 << 20,
            isolation: 0, session: 0, sessionEpoch: -1,
            topics: [
                .init(
                    name: topic,
                    partitions: [
                        .init(
                            index: 0, leaderEpoch: -1, offset: offset, logStartOffset: -1,
                            maxBytes: maxBytes)
                    ])
            ], forgotten: [], rack: "")
    }

    func fetch(_ request: FetchRequest) throws -> FetchResponse.Partition {
        try ask(.fetch, request, FetchResponse.self).topics[0].partitions[0]
    }
}

extension FetchResponse.Partition {
    /// The records as offset:value.
    func contents() throws -> [String] {
        var found: [String] = []
        var scratch: [UInt8] = []
        var start = 0
        while start < records.count {
            let batch = records.raw.extracting(start..<records.count)
            let header = try RecordBatch.verify(batch)
            try RecordBatch.forEachRecord(batch, scratch: &scratch) { record in
                let offset = header.baseOffset + Int64(record.offsetDelta)
                found.append("\(offset):\(record.value?.text() ?? "null")")
            }
            start += header.totalSize
        }
        return found
    }
}

/// A batch of texts.
func batch(
    _ texts: [String], compression: Compression = .none, time: Int64 = 1
) throws -> [UInt8] {
    try RecordBatch.encode(
        texts.map { Record(key: nil, value: Array($0.utf8), timestamp: time) },
        compression: compression)
}
