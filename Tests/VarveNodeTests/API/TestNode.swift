import Testing
import VarveBytes
import VarveFormats
import VarveLog
import VarveNode
import VarveProjections
import VarveProtocols
import VarveSystem
import VarveTestSupport

/// A node on a directory of its own, spoken to as the HTTP listener does.
final class TestNode {
    let root: TemporaryDirectory
    let disk = FaultyDisk()
    let clock = ManualClock(Timestamp(microseconds: 1_600_000_000_000_000))
    private(set) var node: Node
    private(set) var api: NodeAPI

    private let segmentBytes: Int64
    private let onlineMemory: Int?

    /// - Parameter onlineMemory: see `NodeOptions`.
    init(segmentBytes: Int64 = 256 << 20, onlineMemory: Int? = nil) throws {
        self.segmentBytes = segmentBytes
        self.onlineMemory = onlineMemory
        root = try TemporaryDirectory()
        node = try Self.open(root, segmentBytes, onlineMemory, disk, clock)
        api = NodeAPI(node)
    }

    deinit { try? node.close() }

    private static func open(
        _ root: TemporaryDirectory, _ segmentBytes: Int64, _ onlineMemory: Int?,
        _ disk: FaultyDisk, _ clock: ManualClock
    ) throws -> Node {
        var options = NodeOptions(directory: root.path)
        options.log.reserveBytes = 64 << 10
        options.log.segmentBytes = segmentBytes
        options.onlineMemory = onlineMemory
        return try Node(options, files: disk, clock: clock)
    }

    /// Stops the node and starts it again.
    /// - Parameter removing: what is deleted in between, below the node's directory.
    func restart(removing name: String? = nil) throws {
        try node.close()
        if let name { try root.remove(name) }
        node = try Self.open(root, segmentBytes, onlineMemory, disk, clock)
        api = NodeAPI(node)
    }

    /// Stops the node, puts a file in the place of one below its directory, and starts it again.
    func restart(replacing name: String, with bytes: [UInt8]) throws {
        try node.close()
        let parts = name.split(separator: "/")
        let directory = ([root.path] + parts.dropLast().map(String.init)).joined(separator: "/")
        try disk.replace(String(parts[parts.count - 1]), in: directory, with: bytes)
        node = try Self.open(root, segmentBytes, onlineMemory, disk, clock)
        api = NodeAPI(node)
    }

    /// Sends a request whose body is a text.
    func send(_ method: String, _ target: String, _ body: String = "") throws -> HTTPResponse {
        try send(method, target, Array(body.utf8))
    }

    func send(_ method: String, _ target: String, _ body: [UInt8]) throws -> HTTPResponse {
        let request = try #require(
            HTTPRequest(method: method, target: target, headers: [:], body: body))
        return try api.respond(request).collected()
    }

    /// The answer to a request that succeeds.
    @discardableResult
    func json(_ method: String, _ target: String, _ body: String = "") throws -> JSON {
        let response = try send(method, target, body)
        let text = String(decoding: response.body, as: UTF8.self)
        try #require((200..<300).contains(response.status.rawValue), "\(method) \(target): \(text)")
        return try JSON(parsing: text)
    }

    /// The status and message of a request that fails.
    func failure(_ method: String, _ target: String, _ body: String = "") throws
        -> (status: Int, message: String)
    {
        let response = try send(method, target, body)
        let text = String(decoding: response.body, as: UTF8.self)
        try #require(response.status.rawValue >= 400, "\(method) \(target) went through: \(text)")
        return (Int(response.status.rawValue), try JSON(parsing: text)["error"]?.stringValue ?? text)
    }

    /// Waits until projections have everything that is committed.
    func settle() throws {
        try #require(node.projector.wait(for: node.log.commitPosition))
    }
}
