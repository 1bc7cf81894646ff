internal import VarveFormats

extension DefinitionReader {
    /// A view; nil after an error. What services need of it becomes known even then, if that is
    /// right.
    mutating func view(_ part: DocumentPart, _ names: inout [String: String]) -> ViewDefinition? {
        guard let members = members(part, DefinitionKeys.view, "a view") else { return nil }
        let before = errors.count
        let name = definitionName(members, "a view's name", &names)
        if name == "inputs", let part = members["name"] {
            refuse(part, "another name: \"inputs.*\" means the inputs of a service")
        }
        if let name { viewOutlines[name] = .some(nil) }
        let entity = self.entity(members)
        let (source, features) = self.source(members, entity)
        if let name, let entity, let features {
            viewOutlines[name] = ViewOutline(entity: entity, features: features)
        }
        let maxAge = members["max_age"].flatMap { duration($0, atLeast: 1) }
        let cutoff = members["at_cutoff"].map { choice($0, Cutoff.self) } ?? .exclude
        if let name, let entity, let source {
            let view = ViewDefinition(
                name: name, entity: entity, source: source, maxAge: maxAge,
                includesCutoff: cutoff == .include)
            checkServicesInForce(view, part)
            if errors.count == before { return view }
        }
        return nil
    }

    private enum Cutoff: String, CaseIterable {
        case include, exclude
    }

    /// Services in force keep their meaning: what they use of a view stays.
    private mutating func checkServicesInForce(_ view: ViewDefinition, _ part: DocumentPart) {
        guard let old = inForce.view(view.name) else { return }
        let users = inForce.services.filter { $0.views.contains(view.name) }
        if let user = users.first, old.entity != view.entity {
            refuse(
                part.member("entity", view.entity.json),
                "the entity \(old.entity.json.text), which the service \"\(user.name)\" in force "
                    + "uses; make a view of another name")
        }
        for service in users {
            for case .view(view.name, let feature) in service.features {
                guard view.features.first(where: { $0.name == feature.name }) != feature else {
                    continue
                }
                refuse(
                    part.member("name", .string(view.name)),
                    "a feature \"\(feature.name)\" of type \(feature.typeText), which the service "
                        + "\"\(service.name)\" in force uses")
            }
        }
    }

    private mutating func entity(_ members: DocumentMembers) -> [Field]? {
        guard let part = members["entity"] else {
            refuseMissing(
                "entity", in: members.part, "the entity's key, such as {\"origin\": \"string\"}")
            return nil
        }
        guard let fields = fields(part, "the entity's key", nullable: false) else { return nil }
        let before = errors.count
        for field in fields where field.type == .float64 {
            refuse(
                part.member(field.name, .string(field.type.rawValue)),
                "another type than float64, which rounding makes unequal")
        }
        return errors.count == before ? fields : nil
    }

    /// The source, and its features even where something else of it is in error.
    private mutating func source(
        _ members: DocumentMembers, _ entity: [Field]?
    ) -> (ViewDefinition.Source?, features: [Field]?) {
        guard let values = members["values"] else {
            if let source = members["source"] { return derived(source, members, entity) }
            refuseMissing(
                "source", in: members.part,
                "the stream that features are computed from, or \"values\" for pushed ones")
            return (nil, nil)
        }
        let before = errors.count
        for key in ["source", "where", "features"] {
            guard let part = members[key] else { continue }
            refuse(part, "no \"\(key)\" beside \"values\", which are pushed and not computed")
        }
        guard let fields = fields(values, "the pushed values", nullable: true) else {
            return (nil, nil)
        }
        refuseReserved(fields, in: values)
        for field in fields where field.name == "time" {
            refuse(
                values.member(field.name, .string(field.name)),
                "another name: every pushed record has its event time under this one")
        }
        for field in entity ?? [] where field.name == "time" {
            refuse(
                members.part,
                "another key field than \"time\": every pushed record has its event time under it")
        }
        for field in fields where entity?.contains(where: { $0.name == field.name }) == true {
            refuse(
                values.member(field.name, .string(field.name)),
                "another name: the entity has a field of this name")
        }
        return (errors.count == before ? .written(fields) : nil, fields)
    }

    private mutating func derived(
        _ part: DocumentPart, _ members: DocumentMembers, _ entity: [Field]?
    ) -> (ViewDefinition.Source?, features: [Field]?) {
        let before = errors.count
        let stream = part.value.stringValue
        let found = stream.flatMap { streamFields[$0] }
        if found == nil, stream == nil || !hasNamelessStreams {
            let names = streamFields.keys.sorted()
            let near = stream.flatMap { Spelling.nearest(to: $0, among: names) }
            refuse(
                part, names.isEmpty ? "a stream; there are none" : "a stream: \(shortList(names))",
                suggestion: near.map { "\"\($0)\"" })
        }
        // Nil where the stream is unknown or in error: expressions cannot be checked then.
        let scope = found.flatMap { $0 }
        if let entity, let scope, let stream { checkEntity(entity, scope, stream, members) }
        var filter: Expression?
        if let part = members["where"], let scope {
            filter = expression(part, scope, as: .bool, "a condition")
        }
        guard let part = members["features"] else {
            refuseMissing("features", in: members.part, "a list of features")
            return (nil, nil)
        }
        let parts = list(part, "features") ?? []
        if part.value.arrayValue?.isEmpty == true { refuse(part, "at least one feature") }
        var names: [String: String] = [:]
        var features: [AggregateFeature] = []
        var fields: [Field] = []
        for part in parts {
            let (feature, field) = self.feature(part, scope, &names)
            if let feature { features.append(feature) }
            if let field { fields.append(field) }
        }
        let known = fields.count == parts.count ? fields : nil
        guard errors.count == before, let stream, scope != nil else { return (nil, known) }
        let source = ViewDefinition.DerivedSource(
            stream: stream, filter: filter, features: features)
        return (.derived(source), known)
    }

    private mutating func checkEntity(
        _ entity: [Field], _ scope: [Field], _ stream: String, _ members: DocumentMembers
    ) {
        guard let part = members["entity"] else { return }
        for field in entity {
            let place = part.member(field.name, .string(field.type.rawValue))
            guard let found = scope.first(where: { $0.name == field.name }) else {
                refuse(
                    place, "a field of the stream \"\(stream)\": \(shortList(scope.map(\.name)))",
                    suggestion: Spelling.nearest(to: field.name, among: scope.map(\.name))
                        .map { "\"\($0)\"" })
                continue
            }
            if found.type != field.type {
                refuse(
                    place, "\"\(found.type.rawValue)\", as the stream \"\(stream)\" has it")
            }
        }
    }

    // MARK: Features

    /// A feature, and its name and type even where something else of it is in error.
    private mutating func feature(
        _ part: DocumentPart, _ scope: [Field]?, _ names: inout [String: String]
    ) -> (AggregateFeature?, Field?) {
        let before = errors.count
        guard let members = members(part, DefinitionKeys.feature, "a feature") else {
            return (nil, nil)
        }
        let hasUnknownKeys = errors.count > before
        let name = name(of: members, "a feature's name")
        if let name, let part = members["name"] {
            if let other = names[name] {
                refuse(part, "a feature's name that is not taken; \(other) has it")
            }
            names[name] = part.path
        }
        let aggregation = self.aggregation(members, scope, hasUnknownKeys: hasUnknownKeys)
        let parameter = aggregation.flatMap { self.parameter($0.function, members) } ?? 0
        let category = scope.flatMap { self.category(aggregation?.function, members, $0) }
        let window = self.window(members)
        var filter: Expression?
        if let part = members["where"], let scope {
            filter = expression(part, scope, as: .bool, "a condition")
        }
        guard let name, let aggregation else { return (nil, nil) }
        let type = members.has("by") ? .string : aggregation.type
        let field = Field(name: name, type: type, isNullable: true)
        guard errors.count == before, let window else { return (nil, field) }
        let feature = AggregateFeature(
            name: name, function: aggregation.function, argument: aggregation.argument,
            filter: filter, window: window, parameter: parameter, category: category, type: type)
        return (feature, field)
    }

    private mutating func aggregation(
        _ members: DocumentMembers, _ scope: [Field]?, hasUnknownKeys: Bool
    ) -> (function: Aggregation, argument: Expression?, type: ValueType)? {
        let given = Aggregation.allCases.filter { members.has($0.rawValue) }
        guard let function = given.first, let part = members[function.rawValue] else {
            // One of the unknown keys was to be it.
            if hasUnknownKeys { return nil }
            refuse(
                members.part, "an aggregation: one of \(quotedList(DefinitionKeys.aggregations))")
            return nil
        }
        if given.count > 1 {
            refuse(members.part, "one aggregation, not \(quotedList(given.map(\.rawValue)))")
            return nil
        }
        guard part.value != .string("*") else {
            if let type = function.resultType(of: nil) { return (function, nil, type) }
            refuse(
                part,
                "an expression; \"*\", the facts themselves, is for count and time_since_last")
            return nil
        }
        guard let scope else { return nil }
        let what = "an expression for \"\(function.rawValue)\""
        guard let argument = expression(part, scope, what) else { return nil }
        guard let type = function.resultType(of: argument.type) else {
            let takes = ValueType.allCases.filter { function.resultType(of: $0) != nil }
            let isShare = argument.type == .bool && takes.contains(.float64)
            refuse(
                part,
                "\(what) of type \(takes.map(\.rawValue).joined(separator: " or ")), "
                    + "not \(argument.type.rawValue)",
                suggestion: isShare ? "\"if(\(argument.text), 1.0, 0.0)\"" : nil)
            return nil
        }
        return (function, argument, type)
    }

    /// The most values that a list holds.
    static let listLimit = 1000

    /// The member that an aggregation takes beside its argument: a list's length, or which
    /// quantile, in millionths.
    private mutating func parameter(
        _ function: Aggregation, _ members: DocumentMembers
    ) -> Int? {
        for name in ["k", "q"] where name != function.parameterName {
            guard let part = members[name] else { continue }
            let users = Aggregation.allCases.filter { $0.parameterName == name }
            refuse(part, "no \"\(name)\", which is for \(quotedList(users.map(\.rawValue)))")
        }
        guard let name = function.parameterName else { return nil }
        let what =
            name == "k"
            ? "how many values: a whole number from 1 to \(Self.listLimit)"
            : "which quantile: a number from 0 to 1 with at most six decimals"
        guard let part = members[name] else {
            refuseMissing(name, in: members.part, what)
            return nil
        }
        if name == "k" {
            if let count = part.value.integerValue, (1...Int64(Self.listLimit)).contains(count) {
                return Int(count)
            }
        } else if let share = part.value.doubleValue, (0...1).contains(share) {
            let millionths = (share * 1_000_000).rounded()
            if millionths / 1_000_000 == share { return Int(millionths) }
        }
        let share = part.value.doubleValue.map { $0 / 100 }
        refuse(
            part, what,
            suggestion: name == "q"
                ? share.flatMap { (0.01...1).contains($0) ? "\($0)" : nil } : nil)
        return nil
    }

    private mutating func category(
        _ function: Aggregation?, _ members: DocumentMembers, _ scope: [Field]
    ) -> Expression? {
        guard let part = members["by"] else { return nil }
        if let function, !function.takesCategory {
            let takers = Aggregation.allCases.filter(\.takesCategory).map(\.rawValue)
            refuse(
                part, "no \"by\" for \"\(function.rawValue)\"; it is for \(quotedList(takers))")
            return nil
        }
        guard let category = expression(part, scope, "an expression that tells facts apart") else {
            return nil
        }
        if category.type == .float64 {
            refuse(part, "a category of another type than float64, which rounding makes unequal")
            return nil
        }
        return category
    }

    // MARK: Windows

    /// The most facts that a window of `last N` holds.
    static let factLimit = 100_000

    private mutating func window(_ members: DocumentMembers) -> Window? {
        let forms = "\"lifetime\", \"last 10\", or \(DurationText.examples)"
        guard let part = members["window"] else {
            refuseMissing("window", in: members.part, forms)
            return nil
        }
        guard let text = part.value.stringValue else {
            refuse(part, forms)
            return nil
        }
        let words = text.split(separator: " ")
        if text == "lifetime" || words.first == "last" {
            for key in ["lag", "hop"] {
                guard let part = members[key] else { continue }
                refuse(part, "no \"\(key)\": the window \"\(text)\" has no length")
            }
        }
        if text == "lifetime" { return .lifetime }
        if words.first == "last" {
            guard words.count == 2 || (words.count == 3 && words[2] == "facts"),
                let count = Int(words[1]), (1...Self.factLimit).contains(count)
            else {
                refuse(part, "\"last N\" with N from 1 to \(Self.factLimit)")
                return nil
            }
            return .lastFacts(count)
        }
        guard DurationText.microseconds(text) != nil else {
            refuse(
                part, forms,
                suggestion: Spelling.nearest(to: text, among: ["lifetime"]).map {
                    "\"\($0)\""
                })
            return nil
        }
        let length = duration(part, atLeast: 1)
        let lag = members["lag"].map { duration($0, atLeast: 0) } ?? 0
        let hop = members["hop"].map { duration($0, atLeast: 1) } ?? 0
        guard let length, let lag, let hop else { return nil }
        if hop > length, let part = members["hop"] {
            refuse(part, "a hop no longer than the window of \(DurationText.text(length))")
            return nil
        }
        return .length(length, lag: lag, hop: hop)
    }
}
