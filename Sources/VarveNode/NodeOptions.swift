public import VarveLog

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
    /// Whether the features that are served online are kept in memory. A process that only builds
    /// training sets needs none of them, and opens a directory without reading their snapshot.
    public var keepsOnline = true
    public var log = LogOptions()

    public init(directory: String) { self.directory = directory }
}
