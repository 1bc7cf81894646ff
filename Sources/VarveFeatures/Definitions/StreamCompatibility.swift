extension StreamDefinition {
    /// Why this definition cannot replace an older one of the same stream; empty when it can.
    ///
    /// Fields that may be null may be added at the end: records without them keep their meaning,
    /// and so do expressions over the older fields. Everything else would give records that are
    /// already in the log another meaning.
    public func incompatibilities(replacing old: StreamDefinition) -> [String] {
        var reasons = fieldChanges(old)
        func compare<Part: Equatable>(_ part: KeyPath<StreamDefinition, Part>, _ name: String) {
            if self[keyPath: part] != old[keyPath: part] { reasons.append("\(name) as in force") }
        }
        compare(\.eventTime, "\"event_time\"")
        compare(\.knownTime, "\"known_at\" or \"known_after\"")
        compare(\.key, "\"key\"")
        compare(\.id, "\"id\"")
        compare(\.expectations, "\"expectations\"")
        compare(\.policy, "\"policy\"")
        let advice = "; only fields that may be null can be added: make a stream of another name"
        return reasons.map { $0 + advice }
    }

    private func fieldChanges(_ old: StreamDefinition) -> [String] {
        var reasons: [String] = []
        for field in old.fields {
            guard let index = index(of: field.name) else {
                reasons.append("the field \"\(field.name)\", which is in force")
                continue
            }
            if fields[index] != field {
                reasons.append(
                    "\"\(field.name)\" of type \(field.typeText) as in force, "
                        + "not \(fields[index].typeText)")
            }
        }
        if !reasons.isEmpty { return reasons }
        if Array(fields.map(\.name).prefix(old.fields.count)) != old.fields.map(\.name) {
            reasons.append("the fields in force first and in their order, then added ones")
        }
        for field in fields where old.index(of: field.name) == nil && !field.isNullable {
            reasons.append(
                "the added field \"\(field.name)\" to be \(field.typeText)?, "
                    + "as records in the log do not have it")
        }
        return reasons
    }
}
