import FoundationEssentials

/// A directory that goes away with the test: in memory where the machine has room for it, so that
/// a sync costs nothing.
public final class TemporaryDirectory: Sendable {
    public let path: String

    /// - Parameter onDisk: for tests that are about the disk.
    public init(onDisk: Bool = false) throws {
        let parent = onDisk ? FileManager.default.temporaryDirectory.path : Self.parent
        path = "\(parent)/varve-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    private static let parent: String = {
        let memory = "/dev/shm"
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: memory)
        // An integer or, where Foundation is loaded too, a number object: both print the same.
        let free = Int64("\(attributes?[.systemFreeSize] ?? 0)") ?? 0
        return free > 512 << 20 && FileManager.default.isWritableFile(atPath: memory)
            ? memory : FileManager.default.temporaryDirectory.path
    }()

    /// Removes what is at a path below the directory.
    public func remove(_ name: String) throws {
        try FileManager.default.removeItem(atPath: "\(path)/\(name)")
    }
}
