public import VarveBytes

extension Definitions {
    /// What a service's values depend on: the service, the views it uses with just the features it
    /// uses, and the streams of those with just the fields that are read. Streams and views are in
    /// the order of their names.
    ///
    /// Its digest is D, the definition version of the service: it changes only when values may. A
    /// feature or field that is added for somebody else changes nothing here. The slots of its
    /// expressions fit the streams in it, not those it was made from.
    ///
    /// - Returns: nil when there is no such service, or what it uses is not here.
    public func closure(ofService name: String) -> Definitions? {
        guard let service = service(name) else { return nil }
        var result = Definitions(services: [service])
        for viewName in service.views.sorted() {
            guard let view = view(viewName) else { return nil }
            let used = service.features.compactMap { feature in
                if case .view(viewName, let field) = feature { field.name } else { nil }
            }
            result.views.append(view.keeping(Set(used)))
        }
        let streamNames = Set(
            result.views.compactMap { view in
                if case .derived(let source) = view.source { source.stream } else { nil }
            })
        for streamName in streamNames.sorted() {
            guard let stream = stream(streamName) else { return nil }
            result.streams.append(stream)
        }
        return result.pruningFields()
    }

    /// The digest of a service's closure; nil when there is none.
    public func digest(ofService name: String) -> Digest? { closure(ofService: name)?.digest }

    /// The key fields that a request to a service names: those of its views, each once, in the
    /// order of its features; nil when there is no such service, or a view it uses is not here.
    public func entity(ofService name: String) -> [Field]? {
        guard let service = service(name) else { return nil }
        var fields: [Field] = []
        for viewName in service.views {
            guard let view = view(viewName) else { return nil }
            fields += view.entity.filter { !fields.contains($0) }
        }
        return fields
    }

    /// The same with streams that have only the fields somebody reads.
    private func pruningFields() -> Definitions? {
        var result = self
        for (index, stream) in streams.enumerated() {
            var used = stream.fieldsInUse
            for view in views {
                guard case .derived(let source) = view.source, source.stream == stream.name else {
                    continue
                }
                used.formUnion(view.entity.map(\.name))
                for expression in source.expressions {
                    used.formUnion(expression.reads.map { stream.fields[$0].name })
                }
            }
            let fields = stream.fields.filter { used.contains($0.name) }
            guard let pruned = stream.keeping(fields) else { return nil }
            result.streams[index] = pruned
            for (place, view) in result.views.enumerated() {
                guard view.streamName == stream.name else { continue }
                guard let moved = view.moved(to: fields) else { return nil }
                result.views[place] = moved
            }
        }
        return result
    }
}

extension ServiceDefinition {
    /// Names of the views it uses, each once, in the order of its features.
    public var views: [String] {
        var names: [String] = []
        for case .view(let view, _) in features where !names.contains(view) { names.append(view) }
        return names
    }
}

extension Expression {
    /// The same expression over another scope; nil when that lacks a field.
    fileprivate func moved(to scope: [Field]) -> Expression? {
        try? Expression(parsing: text, scope: scope)
    }
}

extension StreamDefinition {
    /// Fields that the stream itself looks at.
    fileprivate var fieldsInUse: Set<String> {
        var names = Set(key)
        if let id { names.insert(id) }
        switch eventTime {
        case .record: break
        case .field(let name), .count(let name, _): names.insert(name)
        }
        if case .field(let name) = knownTime { names.insert(name) }
        for expectation in expectations {
            names.formUnion(expectation.expression.reads.map { fields[$0].name })
        }
        return names
    }

    fileprivate func keeping(_ fields: [Field]) -> StreamDefinition? {
        let moved = expectations.compactMap { expectation in
            expectation.expression.moved(to: fields).map {
                Expectation(name: expectation.name, expression: $0)
            }
        }
        guard moved.count == expectations.count else { return nil }
        return StreamDefinition(
            name: name, fields: fields, eventTime: eventTime, knownTime: knownTime, key: key,
            id: id, expectations: moved, policy: policy)
    }
}

extension ViewDefinition {
    fileprivate func keeping(_ names: Set<String>) -> ViewDefinition {
        let kept: Source =
            switch source {
            case .written(let fields): .written(fields.filter { names.contains($0.name) })
            case .derived(let source):
                .derived(
                    DerivedSource(
                        stream: source.stream, filter: source.filter,
                        features: source.features.filter { names.contains($0.name) }))
            }
        return ViewDefinition(
            name: name, entity: entity, source: kept, maxAge: maxAge,
            includesCutoff: includesCutoff)
    }

    fileprivate func moved(to fields: [Field]) -> ViewDefinition? {
        guard case .derived(let source) = source else { return self }
        var isWhole = true
        func move(_ expression: Expression?) -> Expression? {
            guard let expression else { return nil }
            let moved = expression.moved(to: fields)
            if moved == nil { isWhole = false }
            return moved
        }
        let features = source.features.map { feature in
            AggregateFeature(
                name: feature.name, function: feature.function,
                argument: move(feature.argument), filter: move(feature.filter),
                window: feature.window, parameter: feature.parameter,
                category: move(feature.category), type: feature.type)
        }
        let moved = DerivedSource(
            stream: source.stream, filter: move(source.filter), features: features)
        guard isWhole else { return nil }
        return ViewDefinition(
            name: name, entity: entity, source: .derived(moved), maxAge: maxAge,
            includesCutoff: includesCutoff)
    }
}

extension ViewDefinition.DerivedSource {
    fileprivate var expressions: [Expression] {
        ([filter] + features.flatMap { [$0.argument, $0.filter, $0.category] }).compactMap { $0 }
    }
}
