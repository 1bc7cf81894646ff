/// A mistake that the simulator must catch, made on purpose: the first three by a file system that
/// lies to the log, the last by the log itself, which only the simulator can tell to.
public enum PlantedBug: String, CaseIterable, Sendable {
    /// `fdatasync` answers without doing anything.
    case skipSync = "skip-sync"
    /// `fdatasync` answers at once and is done at the next call.
    case acknowledgeBeforeSync = "acknowledge-before-sync"
    /// The directory is never synced.
    case forgetDirectorySync = "forget-directory-sync"
    /// Frames are taken for good whatever their checksums say.
    case ignoreChecksum = "ignore-checksum"
}
