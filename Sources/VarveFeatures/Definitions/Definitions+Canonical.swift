public import VarveBytes
public import VarveFormats

extension Definitions {
    /// The document that these definitions are read from again, with every default written out:
    /// equal definitions in equal order have equal canonical forms. Null means "none".
    public var canonical: JSON {
        [
            "streams": .array(streams.map(\.canonical)), "views": .array(views.map(\.canonical)),
            "services": .array(services.map(\.canonical)),
        ]
    }

    /// SHA-256 of the canonical form's text without white space.
    public var digest: Digest { SHA256.digest(canonical.text) }
}

extension StreamDefinition {
    /// See `Definitions.canonical`. A stream without retention has no member for it.
    public var canonical: JSON {
        var members = meaning
        if let retention {
            members.append(
                .init(
                    "retention",
                    [
                        "age": retention.age?.durationJSON ?? .null,
                        "bytes": retention.bytes.map(JSON.integer) ?? .null,
                    ]))
        }
        return .object(members)
    }

    /// The members that say what its records mean.
    private var meaning: [JSON.Member] {
        let time: JSON =
            switch eventTime {
            case .record: .null
            case .field(let name): .string(name)
            case .count(let name, let unit):
                ["field": .string(name), "unit": .string(unit.rawValue)]
            }
        let known: JSON.Member =
            switch knownTime {
            case .ingest: .init("known_at", .null)
            case .field(let name): .init("known_at", .string(name))
            case .after(let duration): .init("known_after", duration.durationJSON)
            }
        return [
            .init("name", .string(name)), .init("fields", fields.json), .init("event_time", time),
            known, .init("key", .array(key.map(JSON.string))),
            .init("id", id.map(JSON.string) ?? .null),
            .init(
                "expectations",
                .array(
                    expectations.map {
                        ["name": .string($0.name), "expr": .string($0.expression.text)]
                    })),
            .init("policy", .string(policy.rawValue)),
        ]
    }

    /// SHA-256 of the canonical form but for the retention: equal when records mean the same.
    public var digest: Digest { SHA256.digest(JSON.object(meaning).text) }
}

extension ViewDefinition {
    /// See `Definitions.canonical`.
    public var canonical: JSON {
        var members: [JSON.Member] = [
            .init("name", .string(name)), .init("entity", entity.json),
        ]
        switch source {
        case .derived(let source):
            members += [
                .init("source", .string(source.stream)), .init("where", source.filter.json),
                .init("features", .array(source.features.map(\.canonical))),
            ]
        case .written(let fields): members.append(.init("values", fields.json))
        }
        members += [
            .init("max_age", maxAge?.durationJSON ?? .null),
            .init("at_cutoff", includesCutoff ? "include" : "exclude"),
        ]
        return .object(members)
    }

    /// See `Definitions.digest`.
    public var digest: Digest { SHA256.digest(canonical.text) }
}

extension AggregateFeature {
    /// See `Definitions.canonical`.
    public var canonical: JSON {
        var members: [JSON.Member] = [
            .init("name", .string(name)),
            .init(function.rawValue, .string(argument?.text ?? "*")),
        ]
        switch function.parameterName {
        case "q"?: members.append(.init("q", .number(Double(parameter) / 1_000_000)))
        case let name?: members.append(.init(name, .integer(Int64(parameter))))
        case nil: break
        }
        // Members that came to the language later appear only where they say something: the digests
        // of older definitions stay.
        if let category { members.append(.init("by", .string(category.text))) }
        members.append(.init("where", filter.json))
        switch window {
        case .lifetime: members.append(.init("window", "lifetime"))
        case .lastFacts(let count): members.append(.init("window", .string("last \(count)")))
        case .length(let length, let lag, let hop):
            members += [
                .init("window", length.durationJSON), .init("lag", lag.durationJSON),
                .init("hop", hop == 0 ? .null : hop.durationJSON),
            ]
        }
        return .object(members)
    }
}

extension ServiceDefinition {
    /// See `Definitions.canonical`.
    public var canonical: JSON {
        let features: [JSON] = features.map { feature in
            switch feature {
            case .view, .input: .string(feature.field.name)
            case .onDemand(let name, let expression):
                ["name": .string(name), "expr": .string(expression.text)]
            }
        }
        return [
            "name": .string(name), "inputs": inputs.json, "features": .array(features),
        ]
    }

    /// See `Definitions.digest`.
    public var digest: Digest { SHA256.digest(canonical.text) }
}

extension [Field] {
    /// An object of names and types.
    var json: JSON { .object(map { JSON.Member($0.name, .string($0.typeText)) }) }
}

extension Expression? {
    fileprivate var json: JSON { self.map { .string($0.text) } ?? .null }
}

extension Int64 {
    fileprivate var durationJSON: JSON { .string(DurationText.text(self)) }
}
