import Synchronization
import Testing
import VarveFormats
import VarveLog
import VarveNode
import VarveProtocols
import VarveSystem
import VarveTestSupport

/// What a node does when its disk does not.
@Suite struct DiskTests {
    private let node: TestNode

    init() throws {
        node = try TestNode()
        try node.json("POST", "/v1/streams/events/records", "before\n")
    }

    private func records() throws -> Int64? {
        try node.json("GET", "/v1/streams")["streams"]?.arrayValue?
            .first { $0["name"]?.stringValue == "events" }?["records"]?.integerValue
    }

    @Test func `a full disk refuses appends with a reason, and appends resume with room`() throws {
        node.disk.fault.withLock { $0 = .full }
        // What is reserved already may be used up first.
        let large = String(repeating: "x", count: 60_000) + "\n"
        var refusals = 0
        for _ in 0..<8 {
            let response = try node.send("POST", "/v1/streams/events/records", large)
            if response.status == .insufficientStorage { refusals += 1 }
        }
        #expect(refusals > 0)
        let health = try node.failure("GET", "/health")
        #expect(health.status == 503)
        #expect(health.message.contains("No space left"), "\(health.message)")
        #expect(try records() ?? 0 >= 1)
        node.disk.fault.withLock { $0 = .none }
        try node.json("POST", "/v1/streams/events/records", "after\n")
        #expect(try node.json("GET", "/health")["healthy"] == true)
    }

    @Test func `a failed sync stops the log for good, reads go on, and closing says so`() throws {
        node.disk.fault.withLock { $0 = .sync }
        for _ in 0..<2 {
            let failure = try node.failure("POST", "/v1/streams/events/records", "lost\n")
            #expect(failure.status == 503 && failure.message.contains("fdatasync"))
            // Whatever the disk says now: nobody knows what it has forgotten.
            node.disk.fault.withLock { $0 = .none }
        }
        #expect(try node.failure("GET", "/health").message.contains("fdatasync"))
        #expect(try records() == 1)
        #expect(throws: LogError.self) { try node.node.close() }
    }
}
