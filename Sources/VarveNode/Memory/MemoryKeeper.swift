import VarveProjections
import VarveSystem

/// Moves the node's memory into huge pages as it grows, a little at a time, and what reads brought
/// back beyond the online store's limit out again.
final class MemoryKeeper: Sendable {
    private let isStopping = Monitor(false)
    private let thread: WorkerThread

    /// How often it looks.
    private static let interval = Duration.seconds(1)
    /// Growth, or memory that became free, that is worth looking through all of memory.
    private static let growth = 32 << 20
    /// It rests for this many times as long as it worked: reads wait while their page moves.
    private static let restFactor = 9
    /// Pages that are moved already take less than this.
    private static let shortest = Duration.microseconds(100)

    /// Starts its thread.
    init(_ online: OnlineStore) {
        let (isStopping, pages) = (isStopping, HugePages())
        thread = WorkerThread(name: "memory") {
            // Its owner may want none.
            let movesPages = !pages.areForbidden
            var (known, freed) = (0, 0)
            func keep() {
                freed += online.keepWithinMemory()
                if freed < Self.growth { return }
                ProcessMemory.giveBack()
                freed = 0
            }
            while !Self.stops(isStopping, after: Self.interval) {
                keep()
                if !movesPages { continue }
                let resident = pages.residentBytes
                // What shrank may grow again into other pages.
                known = min(known, resident)
                if resident - known < Self.growth { continue }
                known = resident
                for address in pages.addresses {
                    let start = ContinuousClock.now
                    pages.collapse(address)
                    let took = start.duration(to: .now)
                    if took < Self.shortest { continue }
                    keep()
                    if Self.stops(isStopping, after: took * Self.restFactor) { return }
                }
            }
        }
    }

    private static func stops(_ isStopping: Monitor<Bool>, after time: Duration) -> Bool {
        isStopping.wait(until: { $0 }, timeout: time, { $0 })
    }

    /// Ends it.
    func stop() {
        isStopping.withLock { $0 = true }
        isStopping.wakeAll()
        thread.join()
    }
}
