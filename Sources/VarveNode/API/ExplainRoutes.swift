import VarveBytes
import VarveFeatures
import VarveFormats
import VarveProjections
import VarveProtocols
import VarveSystem

extension NodeAPI {
    /// Facts that an explanation lists of either kind, unless asked for another number.
    private static let explainedFacts = 20
    /// The most that it lists.
    private static let explainedFactsMax = 10_000

    /// The facts behind single values.
    static func explainRoutes(_ node: Node) -> [Route] {
        [
            Route(
                "POST", "/v1/views/*/explain",
                "The facts behind a value for {feature, keys, at?, known?, limit?}"
            ) { call in try Self.explain(node, call.values[0], try call.json()) }
        ]
    }

    private static func explain(_ node: Node, _ name: String, _ body: JSON) throws -> HTTPResponse
    {
        let reader = node.online.reader
        let view = try node.view(name, reader)
        let definition = reader.definitions.views[view]
        guard let wanted = body["feature"]?.stringValue,
            let feature = definition.features.firstIndex(where: { $0.name == wanted })
        else {
            throw NodeError.badRequest(
                "feature is \(body["feature"]?.text ?? "missing"), expected one of "
                    + definition.features.map(\.name).joined(separator: ", "))
        }
        let known = body["known"]?.stringValue ?? "as-corrected"
        guard ["as-known", "as-corrected"].contains(known) else {
            throw NodeError.badRequest(
                "known is \"\(known)\", expected as-known or as-corrected")
        }
        let limit = body["limit"]?.integerValue ?? Int64(explainedFacts)
        guard limit >= 0, limit <= Int64(explainedFactsMax) else {
            throw NodeError.badRequest("limit is \(limit), expected 0 to \(explainedFactsMax)")
        }
        let keys = try Node.values(
            definition.entity, try members(body, "keys"), what: "key", allowNull: false)
        let time = try time(body) ?? node.clock.now()
        guard let key = EntityKey(keys.map(\.value)) else {
            throw NodeError.badRequest("a field of the key is null, which matches nothing")
        }
        let explanation = reader.explain(
            view: view, feature: feature, key, at: time, knownBefore: known == "as-known",
            limit: Int(limit))
        try reader.check()
        guard let explanation else {
            throw NodeError.notFound("view \(name) has no fact of this entity")
        }
        return .json(
            .object([
                .init("feature", .string("\(name).\(wanted)")),
                .init("value", explanation.value.value.json),
                .init("status", .string(explanation.value.status.name)),
                .init("time", .string(time.description)), .init("known", .string(known)),
                .init("position", position(reader.position, node)),
                .init(
                    "window",
                    [
                        "from": explanation.from.map { .string($0.description) } ?? .null,
                        "to": .string(explanation.to.description),
                    ]),
                .init("fact_count", .integer(Int64(explanation.factCount))),
                .init("facts", .array(explanation.facts.map(json))),
                .init("miss_count", .integer(Int64(explanation.missCount))),
                .init("near_misses", .array(explanation.nearMisses.map(json))),
            ]))
    }

    private static func json(_ fact: Explanation.Fact) -> JSON {
        var members: [JSON.Member] = [
            .init("position", .integer(fact.position)),
            .init("event_time", .string(fact.eventTime.description)),
            .init("known_time", .string(fact.knownTime.description)),
            .init("value", fact.value.json),
        ]
        if fact.verdict != .counted { members.append(.init("why", .string(why(fact.verdict)))) }
        return .object(members)
    }

    private static func why(_ verdict: Explanation.Verdict) -> String {
        switch verdict {
        case .counted: "counted"
        case .notYetHappened: "not before the window's end"
        case .beforeWindow: "before the window"
        case .notAmongNewest: "newer facts fill the window"
        case .notYetInLog: "not yet in the store at this position"
        case .notYetKnown: "not known before the time asked for"
        case .replaced(let position): "replaced by position \(position)"
        case .filtered: "filtered by the feature's where"
        case .null: "its value is null"
        }
    }
}
