import Synchronization
import Testing
import VarveBytes
import VarveProtocols
import VarveSystem
import VarveTestSupport

@testable import VarveNode

@Suite struct SpooledBodyTests {
    private let root: TemporaryDirectory
    private let disk = FaultyDisk()

    init() throws { root = try TemporaryDirectory() }

    private func space(_ memoryBytes: Int) -> SpoolSpace {
        SpoolSpace(disk, directory: "\(root.path)/spill", memoryBytes: memoryBytes)
    }

    /// All that a body still has to hand out, in pieces that are small enough.
    private func rest(of body: SpooledBody) throws -> [UInt8] {
        var found: [UInt8] = []
        while case .bytes(let piece) = try body.next({}) {
            #expect(!piece.isEmpty && piece.count <= SpooledBody.pieceBytes)
            found += piece
        }
        return found
    }

    @Test func `what is written comes out in order, wherever it waited`() throws {
        for seed in UInt64(0)..<12 {
            var random = SplitMix64(seed: seed)
            let writes = (0..<random.below(40)).map { _ in
                let size = [0, 1, 700, 300_000, 900_000][random.below(5)]
                return [UInt8](repeating: UInt8(truncatingIfNeeded: random.next()), count: size)
            }
            for limit in [0, 1000, 500_000, 1 << 30] {
                let space = space(limit)
                let body = SpooledBody(space) { body in
                    for bytes in writes {
                        try body.write(bytes)
                        #expect(space.held.memory <= limit)
                    }
                }
                #expect(body.byteCount == nil)
                body.produce()
                let all = writes.flatMap(\.self)
                #expect(body.byteCount == all.count)
                #expect(try rest(of: body) == all, "seed \(seed), limit \(limit)")
                #expect(try body.next({}) == .end)
                body.cancel()
                #expect(space.held == (0, 0))
            }
        }
        // Files have no names.
        #expect(try disk.list("\(root.path)/spill").isEmpty)
    }

    @Test func `a reader who is faster is told when there is more`() throws {
        let (readers, told) = (Monitor(0), Monitor(0))
        let body = SpooledBody(space(100)) { body in
            for number in UInt8(0)..<5 {
                // The next byte is written once the reader has asked in vain.
                readers.wait(until: { $0 > number }) { _ in }
                try body.write([number])
            }
            readers.wait(until: { $0 > 5 }) { _ in }
        }
        let writer = WorkerThread(name: "writer") { body.produce() }
        var found: [UInt8] = []
        while true {
            let piece = try body.next {
                told.withLock { $0 += 1 }
                told.wakeAll()
            }
            if piece == .end { break }
            if case .bytes(let bytes) = piece {
                found += bytes
                continue
            }
            let asked = readers.withLock { count in
                count += 1
                return count
            }
            readers.wakeAll()
            told.wait(until: { $0 == asked }) { _ in }
        }
        writer.join()
        #expect(found == [0, 1, 2, 3, 4])
    }

    @Test func `a body that fails hands out what there is, then the error`() throws {
        let body = SpooledBody(space(10)) { body in
            try body.write([1, 2])
            self.disk.fault.withLock { $0 = .full }
            try body.write(Array(repeating: 3, count: 11))
        }
        body.produce()
        #expect(try body.next({}) == .bytes([1, 2]))
        #expect(throws: SystemError.self) { try body.next({}) }
        #expect(body.failure is SystemError && body.byteCount == nil)
    }

    @Test func `a cancelled body keeps nothing and is made no further`() throws {
        let space = space(1000)
        let written = Monitor(0)
        let body = SpooledBody(space) { body in
            for number in 0..<10 {
                if number == 5 { body.cancel() }
                try body.write(Array(repeating: 1, count: 400))
                written.withLock { $0 += 1 }
            }
        }
        body.produce()
        #expect(written.withLock { $0 } == 5)
        #expect(space.held == (0, 0))
        #expect(throws: SpoolError.cancelled) { try body.next({}) }
        #expect(body.failure as? SpoolError == .cancelled)
    }

    @Test func `a body that nobody produces is let go with all it is made of`() throws {
        final class Table: Sendable {}
        weak var table: Table?
        let body: SpooledBody
        do {
            let made = Table()
            table = made
            body = SpooledBody(space(10)) { body in try withExtendedLifetime(made) { try body.write([1]) } }
        }
        #expect(table != nil)
        body.produce()
        #expect(table == nil)
        #expect(try rest(of: body) == [1])
    }
}
