import Testing
import VarveBytes
import VarveFormats
import VarveLog
import VarveProjections
import VarveSystem
import VarveTestSupport

@Suite struct ProjectorTests {
    private struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Notes the positions of the frames it is handed; fails at one, when told to.
    private final class Recorder: Projection {
        struct State {
            var frames: [Int64] = []
            var position = Position(0)
            var saves = 0
        }

        let name: String
        let state: Monitor<State>
        private let failsAt: Int64?
        private let savesFail: Bool
        /// Told of every frame, before it is noted.
        private let seen: @Sendable (String, Int64) -> Void

        init(
            _ name: String, from position: Int64 = 0, failsAt: Int64? = nil,
            savesFail: Bool = false, seen: @escaping @Sendable (String, Int64) -> Void = { _, _ in }
        ) {
            self.name = name
            self.failsAt = failsAt
            self.savesFail = savesFail
            self.seen = seen
            state = Monitor(State(position: Position(position)))
        }

        var position: Position { state.withLock { $0.position } }
        var frames: [Int64] { state.withLock { $0.frames } }
        var saves: Int { state.withLock { $0.saves } }

        func apply(_ frame: borrowing FrameView, stream: String) throws {
            let base = frame.basePosition.value
            if base == failsAt { throw Failure(description: "no place for \(base)") }
            seen(name, base)
            let end = Position(base + Int64(frame.count))
            state.withLock { state in
                state.frames.append(base)
                state.position = end
            }
        }

        func advance(to position: Position) { state.withLock { $0.position = position } }

        func save() throws {
            if savesFail { throw Failure(description: "no room") }
            state.withLock { $0.saves += 1 }
        }
    }

    private let log: TemporaryLog

    init() throws { log = try TemporaryLog(segmentBytes: 4096) }

    /// The positions of some appended frames.
    @discardableResult
    private func append(_ count: Int) throws -> [Int64] {
        try (0..<count).map { index in
            try log.append((0...(index % 3)).map { "\($0)" }, to: "s")
        }
    }

    /// Every frame of the log.
    private func allFrames() throws -> [Int64] {
        var frames: [Int64] = []
        try log.log.read(from: Position(0)) { frame in
            frames.append(frame.basePosition.value)
            return true
        }
        return frames
    }

    @Test func `every projection gets every frame once, from where it stands, in their order`()
        throws
    {
        try append(10)
        let middle = log.log.commitPosition.value
        let order = Monitor<[String]>([])
        let note: @Sendable (String, Int64) -> Void = { name, base in
            order.withLock { $0.append("\(base) \(name)") }
        }
        let (first, second) = (Recorder("a", seen: note), Recorder("b", from: middle, seen: note))
        let projector = Projector(log.log)
        projector.start([first, second])
        try append(20)
        let end = log.log.commitPosition
        #expect(projector.wait(for: end))
        #expect(try first.frames == allFrames())
        #expect(try second.frames == allFrames().filter { $0 >= middle })
        let seen = order.withLock { $0 }
        for base in second.frames {
            let a = try #require(seen.firstIndex(of: "\(base) a"))
            #expect(a + 1 < seen.count && seen[a + 1] == "\(base) b", "\(base)")
        }
        #expect(projector.position == end)
        try projector.stop()
        #expect(first.saves == 1 && second.saves == 1)
    }

    @Test func `a projection that fails stops alone, with its reason and its position`() throws {
        let bases = try append(12)
        let (good, bad, last) = (
            Recorder("good"), Recorder("bad", failsAt: bases[5]), Recorder("last")
        )
        let projector = Projector(log.log)
        projector.start([good, bad, last])
        let end = log.log.commitPosition
        #expect(projector.wait(for: end, in: ["good", "last"]))
        #expect(try good.frames == allFrames() && last.frames == good.frames)
        let status = try #require(projector.status().first { $0.name == "bad" })
        #expect(status.blocked == "position \(bases[5]): no place for \(bases[5])")
        #expect(status.position == Position(bases[5]))
        #expect(projector.status().filter { $0.blocked != nil }.count == 1)
        // Nobody waits for what will not come; what it has it has.
        #expect(!projector.wait(for: end))
        #expect(!projector.wait(for: end, in: ["bad"]))
        #expect(projector.wait(for: Position(bases[5]), in: ["bad"]))
        // It stays where it is while the others go on, and is not saved.
        try append(3)
        #expect(projector.wait(for: log.log.commitPosition, in: ["good"]))
        #expect(bad.position == Position(bases[5]))
        try projector.stop()
        #expect(bad.saves == 0 && good.saves == 1 && last.saves == 1)
    }

    @Test func `a log that cannot be read stops every projection where it stands`() throws {
        try append(3)
        let end = log.log.commitPosition
        // Damages a body of the log behind the reader's back.
        let path = try #require(
            PosixFileSystem().list("\(log.directory)/log").first { $0.hasSuffix(".varve") })
        let file = try PosixFileSystem().open("\(log.directory)/log/\(path)", .readWrite)
        try file.write([UInt8](repeating: 0xAA, count: 16).raw, at: 128 + 64 + 30)
        let recorder = Recorder("a")
        let projector = Projector(log.log)
        projector.start([recorder])
        #expect(!projector.wait(for: end))
        let status = try #require(projector.status().first)
        #expect(status.blocked != nil)
        #expect(status.position < end, "\(status)")
        #expect(recorder.position < end)
        try projector.stop()
        #expect(recorder.saves == 0)
    }

    @Test func `work runs between frames, while nothing is applied`() throws {
        let isApplying = Monitor(false)
        let slow = Recorder("a") { _, _ in
            isApplying.withLock { $0 = true }
            isApplying.withLock { $0 = false }
        }
        let projector = Projector(log.log)
        projector.start([slow])
        try append(1)
        let stream = try #require(log.log.stream(StreamName(name: "s", partition: 0))?.id)
        let batch = try RecordBatch.encode([Record(key: nil, value: [1], timestamp: 0)])
        let appending = WorkerThread(name: "append") { [log = log.log] in
            let placed = (0..<200).compactMap { _ in try? log.append(batch, to: stream) }
            #expect(placed.count == 200)
        }
        for number in 0..<50 {
            let (result, idle, frames) = try projector.perform {
                (number, isApplying.withLock { !$0 }, slow.frames.count)
            }
            #expect(result == number && idle)
            // What is seen within the work is what is seen after it, until a frame comes.
            #expect(slow.frames.count >= frames)
        }
        appending.join()
        #expect(throws: Failure.self) {
            try projector.perform { throw Failure(description: "mine") }
        }
        #expect(projector.wait(for: log.log.commitPosition))
        try projector.stop()
        #expect(try slow.frames == allFrames())
    }

    @Test func `work before the start and after the stop is refused, not kept waiting`() throws {
        let projector = Projector(log.log)
        #expect(throws: ProjectorError.notRunning) { try projector.perform {} }
        projector.start([Recorder("a")])
        try projector.perform {}
        try projector.stop()
        #expect(throws: ProjectorError.notRunning) { try projector.perform {} }
        #expect(throws: Never.self) { try projector.stop() }
    }

    /// Appends ten times, the projector having caught up each time.
    private func appendInSteps(_ projector: Projector) throws {
        for _ in 0..<10 {
            try append(3)
            #expect(projector.wait(for: log.log.commitPosition))
            try projector.perform {}
        }
    }

    @Test func `projections are saved every so many records`() throws {
        let recorder = Recorder("a")
        let projector = Projector(
            log.log, schedule: SnapshotSchedule(records: 10, restFactor: 0))
        projector.start([recorder])
        try appendInSteps(projector)
        // 61 records or so, in steps of six.
        #expect((4...7).contains(recorder.saves), "\(recorder.saves)")
        try projector.stop()
    }

    @Test func `a save puts the next one off by a multiple of what it took`() throws {
        let recorder = Recorder("a")
        let projector = Projector(
            log.log, schedule: SnapshotSchedule(records: 1, restFactor: 1_000_000_000))
        projector.start([recorder])
        try appendInSteps(projector)
        try projector.perform {}
        #expect(recorder.saves == 1)
        try projector.stop()
        #expect(recorder.saves == 2)
    }

    @Test func `a projection whose snapshot cannot be written goes on, and says so`() throws {
        let (bad, good) = (Recorder("bad", savesFail: true), Recorder("good"))
        let projector = Projector(
            log.log, schedule: SnapshotSchedule(records: 1, restFactor: 0))
        projector.start([bad, good])
        try append(5)
        #expect(projector.wait(for: log.log.commitPosition))
        try projector.perform {}
        let status = try #require(projector.status().first)
        #expect(status.unsaved == "no room" && status.blocked == nil)
        #expect(projector.status()[1].unsaved == nil)
        try append(5)
        #expect(projector.wait(for: log.log.commitPosition))
        #expect(try bad.frames == allFrames())
        // The saving that is due comes after those who wait were told.
        try projector.perform {}
        let saves = good.saves
        // The stop says that one was not saved, after all were tried.
        #expect(throws: Failure.self) { try projector.stop() }
        #expect(good.saves == saves + 1)
    }

    @Test func `no commit is missed, however the threads meet`() throws {
        let recorder = Recorder("a")
        let projector = Projector(log.log)
        projector.start([recorder])
        for number in 0..<500 {
            try log.append(["\(number)"], to: "s")
            let reached = projector.wait(for: log.log.commitPosition, timeout: .seconds(20))
            #expect(reached, "record \(number)")
            if !reached { break }
        }
        try projector.stop()
    }
}
