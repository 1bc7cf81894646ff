import VarveLog
import VarveProtocols

/// Answers about settings.
enum KafkaConfigs {
    private static let topic: Int8 = 2
    private static let broker: Int8 = 4

    /// Where a value comes from, in Kafka's numbers.
    private enum Source {
        static let topic: Int8 = 1
        static let broker: Int8 = 4
        static let byDefault: Int8 = 5
    }

    static func describe(
        _ request: DescribeConfigsRequest, _ broker: KafkaBroker, by principal: Principal
    ) -> DescribeConfigsResponse {
        let results = request.resources.map { resource in
            var result = DescribeConfigsResponse.Result(
                error: .none, message: nil, type: resource.type, name: resource.name,
                settings: [])
            do throws(KafkaRefusal) {
                guard resource.type != topic || principal.mayDescribe(resource.name) else {
                    throw .forbidden(resource.name)
                }
                result.settings = try settings(resource.type, resource.name, broker).filter {
                    resource.settings?.contains($0.name) ?? true
                }
            } catch {
                result.error = error.code
                result.message = error.message
            }
            for index in result.settings.indices {
                if !request.includesSynonyms { result.settings[index].synonyms = [] }
                if !request.includesDocumentation { result.settings[index].documentation = nil }
            }
            return result
        }
        return DescribeConfigsResponse(throttleMilliseconds: 0, results: results)
    }

    private static func settings(
        _ type: Int8, _ name: String, _ broker: KafkaBroker
    ) throws(KafkaRefusal) -> [DescribeConfigsResponse.Setting] {
        switch type {
        case topic:
            let stream = StreamName(name: name, partition: 0)
            guard broker.stream(stream) != nil else { throw .unknown(stream) }
            let set = broker.catalog.topic(name).settings
            let defined = broker.gate?.retention(of: name) ?? [:]
            return TopicSetting.known(broker.options).map { known in
                let own = defined[known.name] ?? set[known.name]
                let source = own == nil ? Source.byDefault : Source.topic
                return setting(
                    known.name, own ?? known.byDefault, known.type, source,
                    known.documentation, isReadOnly: defined[known.name] != nil)
            }
        case self.broker where name == "\(KafkaBroker.node)":
            let options = broker.options
            return [
                ("auto.create.topics.enable", "\(options.createsTopics)", Int8(1)),
                ("default.replication.factor", "1", 3),
                ("group.initial.rebalance.delay.ms", options.initialRebalanceDelay.text, 3),
                ("group.max.session.timeout.ms", options.sessionTimeouts.upperBound.text, 3),
                ("group.min.session.timeout.ms", options.sessionTimeouts.lowerBound.text, 3),
                ("log.retention.ms", "-1", 5),
                ("message.max.bytes", "\(options.batchBytes)", 3),
                ("num.partitions", "\(options.partitions)", 3),
            ].map { name, value, type in
                setting(name, value, type, Source.broker, "", isReadOnly: true)
            }
        default:
            throw KafkaRefusal(
                .invalidRequest,
                "resource \(name) of type \(type), expected a topic (2) or broker"
                    + " \(KafkaBroker.node) (4)")
        }
    }

    private static func setting(
        _ name: String, _ value: String, _ type: Int8, _ source: Int8, _ documentation: String,
        isReadOnly: Bool
    ) -> DescribeConfigsResponse.Setting {
        .init(
            name: name, value: value, isReadOnly: isReadOnly,
            isDefault: source != Source.topic, source: source, isSensitive: false,
            synonyms: [.init(name: name, value: value, source: source)], type: type,
            documentation: documentation)
    }

    // MARK: Changes

    /// Changes settings of topics; waits for the disk.
    static func alter(
        _ request: IncrementalAlterConfigsRequest, _ broker: KafkaBroker,
        by principal: Principal
    ) -> IncrementalAlterConfigsResponse {
        let results = request.resources.map { resource in
            var result = IncrementalAlterConfigsResponse.Result(
                error: .none, message: nil, type: resource.type, name: resource.name)
            do throws(KafkaRefusal) {
                guard principal.mayAdminister else { throw .forbidden(resource.name) }
                try alter(resource, validatesOnly: request.validatesOnly, broker)
            } catch {
                result.error = error.code
                result.message = error.message
            }
            return result
        }
        return IncrementalAlterConfigsResponse(throttleMilliseconds: 0, results: results)
    }

    private static func alter(
        _ resource: IncrementalAlterConfigsRequest.Resource, validatesOnly: Bool,
        _ broker: KafkaBroker
    ) throws(KafkaRefusal) {
        guard resource.type == topic else {
            throw KafkaRefusal(
                .invalidConfig, "only topics have settings; the node's are options of varve serve")
        }
        let stream = StreamName(name: resource.name, partition: 0)
        guard broker.stream(stream) != nil else { throw .unknown(stream) }
        guard !stream.isReserved else { throw .reserved(resource.name) }
        let defined = broker.gate?.retention(of: resource.name) ?? [:]
        for change in resource.changes {
            if let value = defined[change.name] {
                throw KafkaRefusal(
                    .policyViolation,
                    "\(change.name) is \(value) by the stream's definition: change that")
            }
            switch change.operation {
            case 0: try TopicSetting.check(change.name, change.value, broker.options)
            case 1: try TopicSetting.check(change.name, nil, broker.options)
            default:
                throw KafkaRefusal(
                    .invalidConfig,
                    "\(change.name) can be set or reset, not appended to or subtracted from")
            }
        }
        if validatesOnly { return }
        try broker.catalog.change { topics throws(KafkaRefusal) in
            var changed = topics[resource.name]
            for change in resource.changes {
                changed.settings[change.name] = change.operation == 0 ? change.value : nil
            }
            return changed == topics[resource.name] ? [:] : [resource.name: changed]
        }
    }
}

extension Duration {
    /// Whole milliseconds, as settings are written.
    fileprivate var text: String {
        let (seconds, attoseconds) = components
        return "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000)"
    }
}
