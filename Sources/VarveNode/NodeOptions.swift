public import VarveLog

/// How a node is set up.
public struct NodeOptions: Sendable {
    /// Where log and projections are kept.
    public var directory: String
    /// Address the listeners bind to. Only loopback is served: there are no credentials.
    public var host = "127.0.0.1"
    /// Kafka protocol; 0 picks a free port.
    public var kafkaPort: UInt16 = 9092
    /// HTTP; 0 picks a free port.
    public var httpPort: UInt16 = 8080
    /// Redis protocol; 0 picks a free port.
    public var respPort: UInt16 = 6379
    /// Whether a producer may create a stream by writing to it.
    public var createsStreams = true
    public var log = LogOptions()

    public init(directory: String) { self.directory = directory }
}
