public import VarveFormats

extension Definitions {
    /// Reads and checks a definition document; DESIGN.md section 6 shows one.
    ///
    /// - Parameters:
    ///   - document: an object with `streams`, `views` and `services`.
    ///   - inForce: what the document may refer to and replaces by name. A stream is replaced only
    ///     by a compatible one (see `StreamDefinition.incompatibilities`), a view only by one that
    ///     keeps the features that services in force use.
    /// - Throws: every mistake of the document at once.
    public init(
        reading document: JSON, over inForce: Definitions = Definitions()
    ) throws(DefinitionErrors) {
        var reader = DefinitionReader(inForce: inForce)
        let definitions = reader.document(DocumentPart(path: "", value: document))
        guard reader.errors.isEmpty, let definitions else {
            throw DefinitionErrors(reader.errors)
        }
        self = definitions
    }

    /// These definitions with others in place of those of the same name, and new ones at the end.
    public func applying(_ others: Definitions) -> Definitions {
        func merged<Definition>(
            _ old: [Definition], _ new: [Definition], _ name: (Definition) -> String
        ) -> [Definition] {
            var result = old
            for definition in new {
                if let index = result.firstIndex(where: { name($0) == name(definition) }) {
                    result[index] = definition
                } else {
                    result.append(definition)
                }
            }
            return result
        }
        return Definitions(
            streams: merged(streams, others.streams, \.name),
            views: merged(views, others.views, \.name),
            services: merged(services, others.services, \.name))
    }

    /// The stream of a name.
    public func stream(_ name: String) -> StreamDefinition? { streams.first { $0.name == name } }
    /// The view of a name.
    public func view(_ name: String) -> ViewDefinition? { views.first { $0.name == name } }
    /// The service of a name.
    public func service(_ name: String) -> ServiceDefinition? {
        services.first { $0.name == name }
    }
}

extension DefinitionReader {
    /// The whole document: streams first, then views over them, then services over those, in
    /// whatever order it has them. Incomplete unless `errors` stays empty.
    mutating func document(_ part: DocumentPart) -> Definitions? {
        guard let members = members(part, DefinitionKeys.document, "the document") else {
            return nil
        }
        for stream in inForce.streams { streamFields[stream.name] = stream.fields }
        for view in inForce.views {
            viewOutlines[view.name] = ViewOutline(entity: view.entity, features: view.features)
        }
        var definitions = Definitions()
        var names: [String: String] = [:]
        let streams = parts(members, "streams")
        for part in streams ?? [] {
            if let stream = stream(part, &names) { definitions.streams.append(stream) }
        }
        hasNamelessStreams = names.count != streams?.count
        names = [:]
        let views = parts(members, "views")
        for part in views ?? [] {
            if let view = view(part, &names) { definitions.views.append(view) }
        }
        hasNamelessViews = names.count != views?.count
        names = [:]
        for part in parts(members, "services") ?? [] {
            if let service = service(part, &names) { definitions.services.append(service) }
        }
        return definitions
    }

    /// The definitions in a list, none if there is no list; nil if there is something else.
    private mutating func parts(_ members: DocumentMembers, _ key: String) -> [DocumentPart]? {
        guard let part = members[key] else { return [] }
        return list(part, key)
    }

    /// The `name` of a definition, once in its list; `names` holds where each was seen.
    mutating func definitionName(
        _ members: DocumentMembers, _ what: String, _ names: inout [String: String],
        alsoAllowing: String = ""
    ) -> String? {
        guard let text = name(of: members, what, alsoAllowing: alsoAllowing),
            let part = members["name"]
        else { return nil }
        if text == "varve" || text.hasPrefix("varve.") {
            refuse(part, "\(what) that does not begin with \"varve\": those are Varve's own")
            return nil
        }
        if let other = names[text] {
            refuse(part, "\(what) that is not taken; \(other) has it")
            return nil
        }
        names[text] = part.path
        return text
    }
}
