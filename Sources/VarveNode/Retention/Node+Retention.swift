import VarveBytes
import VarveFeatures
import VarveLog
import VarveProjections
import VarveSystem

/// What retention removed, and why it removed no more.
struct RetentionReport: Sendable, Equatable {
    /// When it was looked for.
    let time: Timestamp
    let plan: RetentionPlan
}

extension Node {
    /// What the topics' settings and the streams' definitions say about how long records are kept.
    /// Streams of Varve's own are kept for good, and so are those that views are computed from: a
    /// rebuild, and the audit of a past prediction, read them from the start.
    func retentionRules() throws -> [StreamName: RetentionRule] {
        let topics = topics.topics
        let catalog = catalog.catalog
        let definitions = try catalog.definitions()
        let readers = catalog.viewsByStream
        var rules: [StreamName: RetentionRule] = [:]
        for stream in log.streams().map(\.name) where !stream.isReserved {
            var rule = RetentionRule()
            let topic = topics[stream.name]
            rule.age = topic.limit("retention.ms").map { .milliseconds($0) }
            rule.bytes = topic.limit("retention.bytes")
            // Hidden records: of a deleted topic all, up to its deletion.
            let start = topic.start(stream.partition)
            rule.offset = start > 0 ? start : nil
            if let declared = definitions.stream(stream.name)?.retention {
                rule.age = declared.age.map { .microseconds($0) } ?? rule.age
                rule.bytes = declared.bytes ?? rule.bytes
            }
            if let view = readers[stream.name] { rule.need = "view \(view) is computed from it" }
            rules[stream] = rule
        }
        return rules
    }

    /// Removes the segments that every stream in them lets go and no projection needs.
    @discardableResult
    func retain() throws -> RetentionReport {
        let resuming = projector.resumePosition
        let now = clock.now()
        let plan = try log.retain(
            rules: try retentionRules(),
            holds: [RetentionHold(name: resuming.name, position: resuming.position)], now: now)
        let report = RetentionReport(time: now, plan: plan)
        retention.withLock { $0 = report }
        return report
    }
}

extension TopicTable.Topic {
    /// A limit of Kafka's: -1, and no setting, is none. A topic that is only to be compacted has
    /// none: its newest record of a key may be old.
    fileprivate func limit(_ setting: String) -> Int64? {
        guard settings["cleanup.policy"]?.contains("delete") ?? true else { return nil }
        return settings[setting].flatMap { Int64($0) }.flatMap { $0 < 0 ? nil : $0 }
    }
}
