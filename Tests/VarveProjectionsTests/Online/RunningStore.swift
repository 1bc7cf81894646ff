import Testing
import VarveLog
import VarveProjections
import VarveSystem
import VarveTestSupport

/// A catalog and an online store over a log, fed by a projector.
final class RunningStore {
    let catalog: CatalogProjection
    let online: OnlineStore
    let projector: Projector
    private let log: TemporaryLog

    init(
        _ log: TemporaryLog, options: FoldOptions = FoldOptions(),
        schedule: SnapshotSchedule = SnapshotSchedule()
    ) throws {
        self.log = log
        catalog = try CatalogProjection(log.log)
        online = try OnlineStore(
            log.log, catalog, root: "\(log.root.path)/online", files: PosixFileSystem(),
            options: options)
        projector = Projector(log.log, schedule: schedule)
        projector.start([catalog, online])
    }

    /// Waits for everything committed.
    func settle() {
        #expect(projector.wait(for: log.log.commitPosition))
        #expect(projector.status().allSatisfy { $0.blocked == nil && $0.unsaved == nil })
        #expect(online.position == log.log.commitPosition)
    }

    /// The same; answers the state's bytes.
    func bytes() throws -> [UInt8] {
        settle()
        return online.read { $0.fold.bytes }
    }
}
