public import VarveBytes
public import VarveFeatures
public import VarveFormats
public import VarveLog

/// The definitions that one generation folds with. A view keeps the version it had when the
/// generation was made, or its first one if it came later: a change takes a rebuild. Streams only
/// ever gain nullable fields, and services have no state, so the newest of both is used; a service
/// that needs a feature of tomorrow's generation keeps its newest version that does not, or waits
/// for the rebuild when it has none.
public struct PinnedDefinitions: Sendable {
    public let definitions: Definitions
    /// The version of each.
    public let versions: [Catalog.Version]
    /// Every service, ready to be read, by name.
    public let services: [String: PreparedService]

    /// What a generation folds with once the catalog stands at a position.
    /// - Parameter base: `Generation.base`.
    public init(_ catalog: Catalog, base: Position, at position: Position) throws(CatalogError) {
        // A generation has its definitions from its first record on, whatever was in force then:
        // folding it anew takes the same ones as the rebuild that made it.
        let end = max(base, position)
        let wanted = catalog.inForce(at: end).map { version in
            guard version.kind == .view else { return version }
            let history = catalog.history(.view, version.name)
            return history.last { $0.position < base } ?? history.first ?? version
        }
        do throws(CatalogError) {
            self.init(try Catalog.read(wanted), wanted)
        } catch {
            let folded = wanted.filter { $0.kind != .service }
            _ = try Catalog.read(folded)
            let services = wanted.compactMap { version in
                version.kind == .service
                    ? catalog.history(.service, version.name).last {
                        $0.position < end && (try? Catalog.read(folded + [$0])) != nil
                    } : nil
            }
            self.init(try Catalog.read(folded + services), folded + services)
        }
    }

    /// The definitions that are in force for whoever asks now: what training sets are built with.
    public init(newest catalog: Catalog) throws(CatalogError) {
        let versions = catalog.inForce()
        self.init(try Catalog.read(versions), versions)
    }

    private init(_ definitions: Definitions, _ versions: [Catalog.Version]) {
        self.definitions = definitions
        self.versions = versions
        var services: [String: PreparedService] = [:]
        for service in definitions.services {
            guard let digest = definitions.digest(ofService: service.name) else { continue }
            let used = definitions.using(service)
            services[service.name] = PreparedService(
                plan: ServicePlan(service, definitions), definitions: used,
                versions: Self.versions(of: used, digest, versions))
        }
        self.services = services
    }

    /// The versions that a service rests on.
    private static func versions(
        of used: Definitions, _ digest: Digest, _ versions: [Catalog.Version]
    ) -> ServiceVersions {
        let names: [Catalog.Kind: Set<String>] = [
            .stream: Set(used.streams.map(\.name)), .view: Set(used.views.map(\.name)),
            .service: Set(used.services.map(\.name)),
        ]
        return ServiceVersions(
            digest: digest,
            versions: versions.filter { names[$0.kind]?.contains($0.name) ?? false }
                .map { .init(kind: $0.kind, name: $0.name, number: $0.number) })
    }
}

extension Definitions {
    /// A service with the whole views and streams that it uses.
    fileprivate func using(_ service: ServiceDefinition) -> Definitions {
        let views = self.views.filter { service.views.contains($0.name) }
        let names = Set(views.map(\.streamName))
        return Definitions(
            streams: streams.filter { names.contains($0.name) }, views: views,
            services: [service])
    }
}

/// A service with all that answering for it needs.
public struct PreparedService: Sendable {
    /// Over the views of the whole set of definitions.
    public let plan: ServicePlan
    /// The service with the views and streams that it uses.
    public let definitions: Definitions
    public let versions: ServiceVersions
}

/// D as it is recorded: the digest of a service's closure, and the versions it is made of, by
/// which it is found again.
public struct ServiceVersions: Sendable, Hashable {
    /// One definition's version.
    public struct Item: Sendable, Hashable {
        public let kind: Catalog.Kind
        public let name: String
        public let number: Int
    }

    public let digest: Digest
    public let versions: [Item]

    /// `{"digest": "...", "stream": {"departures": 1}, "view": {...}, "service": {...}}`
    public var json: JSON {
        .object(
            [.init("digest", .string(digest.description))]
                + Catalog.Kind.allCases.map { kind in
                    .init(
                        kind.rawValue,
                        .object(
                            versions.filter { $0.kind == kind }
                                .sorted { $0.name < $1.name }
                                .map { .init($0.name, .integer(Int64($0.number))) }))
                })
    }

    /// Reads what `json` wrote; nil when it is something else.
    public init?(_ json: JSON) {
        guard let digest = json["digest"]?.stringValue.flatMap(Digest.init(hex:)) else {
            return nil
        }
        self.digest = digest
        versions = Catalog.Kind.allCases.flatMap { kind in
            (json[kind.rawValue]?.objectValue ?? []).compactMap { member in
                member.value.integerValue.map {
                    Item(kind: kind, name: member.name, number: Int($0))
                }
            }
        }
    }

    init(digest: Digest, versions: [Item]) {
        self.digest = digest
        self.versions = versions
    }
}

extension Catalog {
    /// The definitions that versions name; nil when one of them does not exist or their closure
    /// has another digest.
    public func definitions(_ wanted: ServiceVersions) throws(CatalogError) -> Definitions? {
        var found: [Version] = []
        for item in wanted.versions {
            guard let version = history(item.kind, item.name).first(where: {
                $0.number == item.number
            })
            else { return nil }
            found.append(version)
        }
        let definitions = try Self.read(found)
        guard let service = definitions.services.first,
            definitions.digest(ofService: service.name) == wanted.digest
        else { return nil }
        return definitions
    }
}
