import VarveProtocols

/// The settings of topics that clients send along. Varve has no per-topic settings: it takes those
/// that ask for what it does anyway, and refuses the others by name.
enum TopicSetting {
    /// What each known setting may be; no value is anything.
    private static let known: [String: Set<String>] = [
        // A log that keeps everything is a compacted log, too: it may always hold more.
        "cleanup.policy": ["delete", "compact", "compact,delete", "delete,compact"],
        "retention.ms": ["-1"],
        "retention.bytes": ["-1"],
        "compression.type": ["producer"],
        "message.timestamp.type": ["CreateTime"],
        "min.insync.replicas": ["1"],
        "max.message.bytes": [],
        "segment.bytes": [],
        "segment.ms": [],
    ]

    static func check(_ setting: CreateTopicsRequest.Setting) throws(KafkaRefusal) {
        guard let allowed = known[setting.name] else {
            throw KafkaRefusal(
                .invalidConfig,
                "\(setting.name) is not supported, expected one of \(known.keys.sorted())")
        }
        guard let value = setting.value, !allowed.isEmpty, !allowed.contains(value) else { return }
        throw KafkaRefusal(
            .invalidConfig,
            "\(setting.name) is \(value), expected one of \(allowed.sorted()): Varve keeps all"
                + " records as they were sent")
    }
}
