import VarveProtocols

/// The settings of topics, and of the broker, that clients ask for. Varve keeps records as they
/// were sent: it takes settings that ask for what it does, and refuses others by name.
enum TopicSetting {
    /// What is known of a setting.
    struct Known {
        let name: String
        /// Kafka's number of the type: 1 boolean, 2 string, 3 int, 5 long, 7 list.
        let type: Int8
        let byDefault: String
        /// What it may be; nil: any number from `least` on.
        let allowed: Set<String>?
        var least: Int64 = 1
        let documentation: String
    }

    static func known(_ options: KafkaServer.Options) -> [Known] {
        [
            Known(
                name: "cleanup.policy", type: 7, byDefault: "delete",
                // A log that keeps everything is a compacted log, too: it may always hold more.
                allowed: ["delete", "compact", "compact,delete", "delete,compact"],
                documentation: "Remembered. Nothing is compacted; without delete nothing goes."),
            Known(
                name: "compression.type", type: 2, byDefault: "producer", allowed: ["producer"],
                documentation: "Batches are kept as they were sent."),
            Known(
                name: "max.message.bytes", type: 3, byDefault: "\(options.batchBytes)",
                allowed: nil, documentation: "The largest batch that is taken."),
            Known(
                name: "message.timestamp.type", type: 2, byDefault: "CreateTime",
                allowed: ["CreateTime"], documentation: "Timestamps are the producers'."),
            Known(
                name: "min.insync.replicas", type: 3, byDefault: "1", allowed: ["1"],
                documentation: "Varve is one node."),
            Known(
                name: "retention.bytes", type: 5, byDefault: "-1", allowed: nil, least: -1,
                documentation: "Older batches of a partition may go; -1: none. " + wholeSegments),
            Known(
                name: "retention.ms", type: 5, byDefault: "-1", allowed: nil, least: -1,
                documentation: "Records ingested earlier may go; -1: none. " + wholeSegments),
            Known(
                name: "segment.bytes", type: 3, byDefault: "268435456", allowed: nil,
                documentation: "Remembered; the log's own segments are used."),
            Known(
                name: "segment.ms", type: 5, byDefault: "604800000", allowed: nil,
                documentation: "Remembered; the log's own segments are used."),
        ]
    }

    private static let wholeSegments =
        "Whole segments of the log go, when every stream in them lets them and no view reads them."

    /// Checks a setting of a topic; nil is its default.
    static func check(
        _ name: String, _ value: String?, _ options: KafkaServer.Options
    ) throws(KafkaRefusal) {
        let known = known(options)
        guard let setting = known.first(where: { $0.name == name }) else {
            throw KafkaRefusal(
                .invalidConfig,
                "\(name) is not supported, expected one of \(known.map(\.name))")
        }
        guard let value else { return }
        guard let allowed = setting.allowed else {
            guard let number = Int64(value), number >= setting.least,
                name != "max.message.bytes" || number <= options.batchBytes
            else {
                throw KafkaRefusal(
                    .invalidConfig,
                    "\(name) is \(value), expected a number from \(setting.least)"
                        + (name == "max.message.bytes" ? " to \(options.batchBytes)" : " on"))
            }
            return
        }
        guard !allowed.contains(value) else { return }
        throw KafkaRefusal(
            .invalidConfig,
            "\(name) is \(value), expected one of \(allowed.sorted()): Varve is one node that"
                + " keeps records as they were sent")
    }
}
