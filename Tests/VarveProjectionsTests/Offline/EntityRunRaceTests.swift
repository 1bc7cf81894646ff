import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveSystem
import VarveTestSupport

@testable import VarveProjections

/// Runs that are made and read while everything else goes on.
@Suite struct EntityRunRaceTests {
    /// What went wrong on other threads, and whether they are to end.
    private struct State {
        var mistakes: [String] = []
        var isOver = false
        var (made, read) = (0, 0)
    }

    /// Reads a run from end to end.
    /// - Returns: what is wrong with it.
    private static func mistake(_ store: OfflineStore, _ run: EntityRun) throws -> String? {
        let reader = try store.open(run)
        var (rows, last) = (0, KeyedTable.Place(hash: 0, eventTime: .min, position: 0))
        for part in 0..<reader.partCount {
            let columns = run.key + run.columns + KeyedTable.ownColumns
            let table = try reader.table(part, columns: Set(columns))
            let keyed = KeyedTable(
                columns.compactMap { table[$0] }, width: run.key.count, from: Int64.min)
            for row in 0..<keyed.count {
                let place = keyed.place(row)
                if place <= last { return "\(place) after \(last)" }
                if place.position >= run.end.value { return "position \(place.position)" }
                last = place
            }
            rows += keyed.count
        }
        return rows == run.rowCount ? nil : "\(rows) rows of \(run.rowCount)"
    }

    @Test func `runs are whole whoever reads, appends, sorts and rebuilds meanwhile`() throws {
        let history = try KeyedHistory(seed: 31)
        let store = history.store
        try history.append(batches: 5)
        try history.follow()
        let state = Monitor(State())
        let sizes = EntityRunWriter.Sizes(rowsPerGroup: 20, rowsPerFile: 60)
        @Sendable func work(_ body: @escaping @Sendable () throws -> Void) -> WorkerThread {
            WorkerThread(name: "race") {
                while !state.withLock({ $0.isOver }) {
                    do { try body() } catch { state.withLock { $0.mistakes.append("\(error)") } }
                }
            }
        }
        let sorter = work {
            let count = try store.sortAll(sizes).count
            state.withLock { $0.made += count }
        }
        let readers = (0..<2).map { _ in
            work {
                try store.reading("events") { files in
                    for run in files.runs {
                        if run.end > files.end {
                            state.withLock { $0.mistakes.append("a run of \(run.end)") }
                        }
                        let mistake = try Self.mistake(store, run)
                        state.withLock { state in
                            state.read += 1
                            if let mistake { state.mistakes.append(mistake) }
                        }
                    }
                }
            }
        }
        var rounds = 0
        // Until there was something to read, whichever thread is slow.
        while rounds < 25 || state.withLock({ $0.read < 50 || $0.made < 10 }) {
            try history.append(batches: 1)
            try history.follow()
            rounds += 1
            guard rounds % 8 == 0 else { continue }
            _ = try store.rebuild { generation in
                try history.log.append(
                    [generation.record(of: "offline", time: history.log.clock.now())],
                    to: Log.catalogName.name)
            }
        }
        state.withLock { $0.isOver = true }
        for thread in [sorter] + readers { thread.join() }
        #expect(state.withLock { $0.mistakes.prefix(5) } == [])
        try store.sortAll(sizes)
        _ = try store.sortAll(sizes)
        #expect(try store.runs.count == 6)
        for run in try store.runs {
            try store.expectWhole(run, "at the end")
            #expect(try PosixFileSystem().list(run.directory).count == run.files.count + 1)
        }
    }
}
