public import VarveLog
public import VarveProjections
import VarveSystem

/// How a node is set up.
public struct NodeOptions: Sendable {
    /// Where log and projections are kept.
    public var directory: String
    /// Address that Kafka clients are served at. One that is not loopback needs users; HTTP and the
    /// Redis protocol, which carry passwords in clear, stay on loopback.
    public var host = "127.0.0.1"
    /// The host that Kafka clients are told to connect to; nil: `host`.
    public var advertisedHost: String?
    /// Kafka protocol; 0 picks a free port.
    public var kafkaPort: UInt16 = 9092
    /// HTTP; 0 picks a free port.
    public var httpPort: UInt16 = 8080
    /// Redis protocol; 0 picks a free port.
    public var respPort: UInt16 = 6379
    /// Whether a producer may create a stream by writing to it.
    public var createsStreams = true
    /// How often a server looks for segments that retention lets go.
    public var retentionEvery = Duration.seconds(300)
    /// How often a server looks for rows of the offline store that are not sorted by entity.
    public var optimizeEvery = Duration.seconds(60)
    /// Whether the features that are served online are kept in memory. A process that only builds
    /// training sets needs none of them, and opens a directory without reading their snapshot.
    public var keepsOnline = true
    /// Bytes of memory that the views' facts may take there before those that nobody asked for
    /// lately go to a file; nil: as many as they like.
    public var onlineMemory: Int?
    /// What commands let them take unless told: a rebuild takes as much again beside them.
    public static var usualOnlineMemory: Int { ProcessMemory.available / 3 }
    public var log = LogOptions()
    /// When projections are saved while records come.
    public var snapshots = SnapshotSchedule()

    public init(directory: String) { self.directory = directory }
}
