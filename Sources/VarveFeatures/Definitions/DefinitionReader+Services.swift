internal import VarveFormats

extension DefinitionReader {
    /// A service; nil after an error.
    mutating func service(
        _ part: DocumentPart, _ names: inout [String: String]
    ) -> ServiceDefinition? {
        guard let members = members(part, DefinitionKeys.service, "a service") else { return nil }
        let before = errors.count
        let name = definitionName(members, "a service's name", &names)
        var inputs: [Field]? = []
        if let part = members["inputs"] {
            inputs = fields(part, "the inputs", nullable: true, emptyAllowed: true)
        }
        guard let part = members["features"] else {
            refuseMissing(
                "features", in: members.part, "a list such as [\"view.*\", \"view.feature\"]")
            return nil
        }
        let parts = list(part, "features") ?? []
        if part.value.arrayValue?.isEmpty == true { refuse(part, "at least one feature") }
        guard let inputs else { return nil }
        var columns = ServiceColumns(inputs: inputs)
        for part in parts { column(part, &columns) }
        checkEntities(columns, members)
        onDemand(&columns)
        guard errors.count == before, let name else { return nil }
        return ServiceDefinition(
            name: name, inputs: inputs, features: columns.features.compactMap(\.feature))
    }

    /// What a service's list of features amounts to.
    private struct ServiceColumns {
        let inputs: [Field]
        /// In the order of the list. An on-demand feature gets its expression last: it may read
        /// view features that come after it.
        var features: [(feature: ServiceDefinition.Feature?, expression: PendingExpression?)] = []
        /// Where each column name was seen.
        var places: [String: String] = [:]
        /// Views used, and where first.
        var views: [(name: String, place: DocumentPart)] = []
        /// Whether a view or feature is in error, so that names cannot be told.
        var isIncomplete = false
    }

    private struct PendingExpression {
        let name: String
        let part: DocumentPart
    }

    private mutating func column(_ part: DocumentPart, _ columns: inout ServiceColumns) {
        if part.value.objectValue != nil { return pending(part, &columns) }
        let expectation =
            "\"view.*\", \"view.feature\", \"inputs.*\", an input's name, or an object with "
            + "\"name\" and \"expr\""
        guard let text = string(part, expectation) else { return }
        if text == "inputs.*" {
            if columns.inputs.isEmpty { refuse(part, "inputs; the service has none") }
            for input in columns.inputs { add(.input(input), part, &columns) }
        } else if let input = columns.inputs.first(where: { $0.name == text }) {
            add(.input(input), part, &columns)
        } else if let dot = text.firstIndex(of: ".") {
            let (view, feature) = (String(text[..<dot]), String(text[text.index(after: dot)...]))
            viewColumns(view, feature, part, &columns)
        } else {
            let names =
                columns.inputs.map(\.name) + allFeatureNames() + viewNames().map { $0 + ".*" }
            refuse(part, expectation, suggestion: nearest(text, names))
        }
    }

    private mutating func viewColumns(
        _ view: String, _ feature: String, _ part: DocumentPart, _ columns: inout ServiceColumns
    ) {
        guard let known = viewOutlines[view] else {
            columns.isIncomplete = true
            if hasNamelessViews { return }
            let rest = feature == "*" ? viewNames().map { "\($0).*" } : allFeatureNames()
            refuse(
                part,
                viewNames().isEmpty
                    ? "a view; there are none" : "a view: \(shortList(viewNames()))",
                suggestion: nearest("\(view).\(feature)", rest))
            return
        }
        if !columns.views.contains(where: { $0.name == view }) {
            columns.views.append((view, part))
        }
        guard let outline = known else {
            columns.isIncomplete = true
            return
        }
        if feature == "*" {
            for field in outline.features { add(.view(view: view, feature: field), part, &columns) }
        } else if let field = outline.features.first(where: { $0.name == feature }) {
            add(.view(view: view, feature: field), part, &columns)
        } else {
            columns.isIncomplete = true
            let names = outline.features.map(\.name)
            refuse(
                part, "a feature of the view \"\(view)\": \(shortList(names))",
                suggestion: Spelling.nearest(to: feature, among: names).map { "\"\(view).\($0)\"" })
        }
    }

    private mutating func pending(_ part: DocumentPart, _ columns: inout ServiceColumns) {
        guard let members = members(part, DefinitionKeys.onDemand, "an on-demand feature") else {
            return
        }
        let name = name(of: members, "a feature's name")
        guard let expression = members["expr"] else {
            refuseMissing("expr", in: part, "an expression over inputs and view features")
            return
        }
        guard let name, let place = members["name"] else { return }
        if columns.inputs.contains(where: { $0.name == name }) {
            refuse(place, "a feature's name that no input has")
        } else if take(name, place, &columns) {
            columns.features.append((nil, PendingExpression(name: name, part: expression)))
        }
    }

    private mutating func add(
        _ feature: ServiceDefinition.Feature, _ part: DocumentPart,
        _ columns: inout ServiceColumns
    ) {
        if take(feature.field.name, part, &columns) { columns.features.append((feature, nil)) }
    }

    /// Notes a column's name; false after an error.
    private mutating func take(
        _ name: String, _ part: DocumentPart, _ columns: inout ServiceColumns
    ) -> Bool {
        if let other = columns.places[name] {
            refuse(part, "each column once; \(other) gives \"\(name)\" already")
            return false
        }
        columns.places[name] = part.path
        return true
    }

    /// Checks the expressions, each over inputs, view features and the on-demand features before
    /// it.
    private mutating func onDemand(_ columns: inout ServiceColumns) {
        if columns.isIncomplete { return }
        var scope = columns.inputs
        for case (.view(let view, let feature)?, _) in columns.features {
            scope.append(ServiceDefinition.Feature.view(view: view, feature: feature).field)
        }
        for index in columns.features.indices {
            guard let pending = columns.features[index].expression else { continue }
            // Features after one in error would only repeat its error.
            guard let expression = expression(pending.part, scope, "an expression") else {
                return
            }
            let feature = ServiceDefinition.Feature.onDemand(
                name: pending.name, expression: expression)
            columns.features[index].feature = feature
            scope.append(feature.field)
        }
    }

    /// A request names each key field once, whichever views and inputs use it.
    private mutating func checkEntities(_ columns: ServiceColumns, _ members: DocumentMembers) {
        var fields: [String: (type: ValueType, view: String)] = [:]
        for (view, place) in columns.views {
            for field in viewOutlines[view]??.entity ?? [] {
                if let other = fields[field.name], other.type != field.type {
                    refuse(
                        place,
                        "a view whose key \"\(field.name)\" is \(other.type.rawValue), as in "
                            + "\"\(other.view)\", not \(field.type.rawValue)")
                } else {
                    fields[field.name] = (field.type, view)
                }
            }
        }
        guard let part = members["inputs"] else { return }
        for input in columns.inputs {
            guard let other = fields[input.name], other.type != input.type else { continue }
            refuse(
                part.member(input.name, .string(input.typeText)),
                "\"\(other.type.rawValue)\", as the key of the view \"\(other.view)\" has it")
        }
    }

    // MARK: Names

    private func viewNames() -> [String] { viewOutlines.keys.sorted() }

    private func allFeatureNames() -> [String] {
        viewNames().flatMap { view in
            (viewOutlines[view]??.features ?? []).map { "\(view).\($0.name)" }
        }
    }

    private func nearest(_ text: String, _ names: [String]) -> String? {
        Spelling.nearest(to: text, among: names).map { "\"\($0)\"" }
    }
}
