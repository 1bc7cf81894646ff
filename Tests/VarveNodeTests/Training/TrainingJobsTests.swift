import Testing
import VarveFormats
import VarveProtocols
import VarveSystem
import VarveTestSupport
import VarveTraining

@testable import VarveNode

/// Jobs whose sets are written only as far as a gate allows: what may be asked of them meanwhile.
@Suite struct TrainingJobsTests {
    private let root: TemporaryDirectory
    private let space: SpoolSpace
    private let jobs = TrainingJobs()
    /// Pieces of the set that may be written.
    private let gate = Monitor(1)

    init() throws {
        root = try TemporaryDirectory()
        space = SpoolSpace(PosixFileSystem(), directory: root.path)
    }

    private struct Broken: Error {}

    /// Starts a job whose set has two pieces, and waits until the first is written.
    private func start(fails: Bool = false) throws -> String {
        let (space, gate) = (space, gate)
        gate.withLock { $0 = 1 }
        let id = try jobs.start(service: "s", .init(facts: 1, views: 1)) { _ in
            TrainingAnswer(
                manifest: "ts-1", format: .csv,
                body: SpooledBody(space) { body in
                    for piece in [1, 2] as [UInt8] {
                        gate.wait(until: { $0 >= piece }) { _ in }
                        if piece == 2, fails { throw Broken() }
                        try body.write([piece])
                    }
                })
        }
        try wait { try phase(id) == "running" && isKept(id) }
        return id
    }

    private func open() {
        gate.withLock { $0 = 2 }
        gate.wakeAll()
    }

    private func wait(until holds: () throws -> Bool) throws {
        for _ in 0..<10_000 {
            if try holds() { return }
            Monitor(()).wait(until: { _ in false }, timeout: .milliseconds(1)) { _ in }
        }
        Issue.record("it never came true")
    }

    private func phase(_ id: String) throws -> String? {
        try jobs.status(id)["phase"]?.stringValue
    }

    private func isKept(_ id: String) throws -> Bool {
        try jobs.status(id)["is_kept"]?.boolValue ?? false
    }

    private func end(_ id: String) throws -> String? {
        open()
        try wait { try phase(id) != "running" }
        return try phase(id)
    }

    private func refusal(_ id: String) -> String {
        do {
            _ = try jobs.take(id, nil, keeps: false)
            return "handed out"
        } catch {
            return "\(error)"
        }
    }

    @Test func `a set is handed out once while it is written, and its job ends with the last piece`()
        throws
    {
        let id = try start()
        let taken = try jobs.take(id, .csv, keeps: false)
        #expect(refusal(id).contains("was handed out: reproduce ts-1"))
        #expect(try phase(id) == "running" && !isKept(id))
        guard case .bytes(let first) = try taken.body.next({}) else {
            Issue.record("the first piece is not there")
            return
        }
        #expect(first == [1])
        #expect(try end(id) == "done")
        let rest = try taken.response.collected()
        #expect(rest.body == [2])
        #expect(try !isKept(id))
        #expect(refusal(id).contains("reproduce ts-1"))
        jobs.stop()
    }

    @Test func `a client that goes while its set is written leaves a job that is done`() throws {
        let id = try start()
        try jobs.take(id, nil, keeps: false).body.cancel()
        #expect(try end(id) == "done")
        #expect(try jobs.status(id)["training_set"]?.stringValue == "ts-1")
        #expect(try !isKept(id))
        jobs.stop()
    }

    @Test func `a job that is cancelled while its set is written hands nothing out`() throws {
        let id = try start()
        _ = try jobs.cancel(id)
        #expect(try !isKept(id))
        #expect(try end(id) == "cancelled")
        #expect(refusal(id) == "\(TrainingError.cancelled)")
        // What has ended does not end once more.
        let next = try start()
        #expect(try end(next) == "done")
        _ = try jobs.cancel(next)
        #expect(try phase(next) == "done" && isKept(next))
        #expect(try jobs.take(next, nil, keeps: false).response.collected().body == [1, 2])
        jobs.stop()
    }

    @Test func `a set that cannot be written fails its job, whether it is fetched or not`() throws {
        for takes in [false, true] {
            let id = try start(fails: true)
            let taken = takes ? try jobs.take(id, nil, keeps: false) : nil
            #expect(try end(id) == "failed")
            #expect(try jobs.status(id)["error"]?.stringValue?.contains("Broken") == true)
            #expect(refusal(id).contains("Broken"))
            if let taken { #expect(throws: Broken.self) { _ = try taken.response.collected() } }
        }
        jobs.stop()
    }

    @Test func `whoever finishes a body waits for the one who makes it`() throws {
        let (gate, space) = (gate, space)
        let body = SpooledBody(space) { body in
            gate.wait(until: { $0 >= 2 }) { _ in }
            try body.write([7])
        }
        let isFinished = Monitor(false)
        let maker = WorkerThread(name: "maker") { body.produce() }
        let other = WorkerThread(name: "other") {
            body.finish()
            let isWhole = body.byteCount == 1
            isFinished.withLock { $0 = isWhole }
            isFinished.wakeAll()
        }
        isFinished.wait(until: { $0 }, timeout: .milliseconds(30)) { #expect(!$0) }
        open()
        maker.join()
        other.join()
        #expect(isFinished.withLock { $0 })
    }
}
