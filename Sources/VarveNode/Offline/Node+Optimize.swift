import VarveProjections
import VarveSystem

extension Node {
    /// Sorts the offline store by entity where rows came since the last time.
    /// - Parameters:
    ///   - isDue: whether it is worth while; nil: whenever there are new rows.
    ///   - progress: told how many more rows were read or merged; what it throws ends the work, of
    ///     which nothing counts.
    /// - Returns: the runs that were made.
    func optimize(
        where isDue: ((OfflineStore.RunState) -> Bool)? = nil,
        progress: @escaping (Int) throws -> Void = { _ in }
    ) throws -> [EntityRun] {
        let offline = offline
        return try optimizing.withLock { _ in
            try offline.removeRunsOfNobody()
            let states = try isDue.map { try offline.runStates().filter($0) }
            let plans = try states?.map(\.plan) ?? offline.runPlans
            return try plans.compactMap { try offline.sortByEntity($0, progress: progress) }
        }
    }
}
