import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveProtocols
import VarveSystem

extension NodeAPI {
    /// Online reads of views and services.
    static func featureRoutes(_ node: Node) -> [Route] {
        [
            Route(
                "POST", "/v1/services/*/read",
                "A service's features for {keys, inputs, at?, min_position?}"
            ) { call in
                let body = try call.json()
                if let position = try Self.minimumPosition(body, node) {
                    try node.settle(position, in: [node.online])
                }
                let time = try Self.time(body) ?? node.clock.now()
                let served = try node.serve(
                    call.values[0],
                    Node.PredictionRequest(
                        model: "", keys: try Self.members(body, "keys"),
                        inputs: try Self.members(body, "inputs")),
                    time)
                return .json(
                    Self.json(
                        names: served.row.map(\.field.name), values: served.row.map(\.value),
                        time: time, position: served.position, node))
            },
            Route("GET", "/v1/services/*", "What a service needs and gives: names and types") { call in
                try Self.describe(node, call.values[0])
            },
            Route("POST", "/v1/views/*/read", "A view's features for {keys, at?, min_position?}") {
                call in
                let body = try call.json()
                if let position = try Self.minimumPosition(body, node) {
                    try node.settle(position, in: [node.online])
                }
                return try Self.readView(node, call.values[0], body)
            },
            Route("POST", "/v1/views/*/write", "Pushes NDJSON values into a written view") { call in
                let stream = "varve.features.\(call.values[0])"
                guard node.gate.isDeclared(stream) else {
                    throw NodeError.notFound("there is no written view \(call.values[0])")
                }
                let (end, count) = try node.append(ndjson: call.request.body, to: stream)
                return .json(
                    .object([
                        .init("appended", .integer(Int64(count))),
                        .init("position", position(end, node)),
                    ]))
            },
        ]
    }

    private static func describe(_ node: Node, _ name: String) throws -> HTTPResponse {
        func members(_ fields: [Field]) -> JSON {
            .object(fields.map { .init($0.name, .string($0.typeText)) })
        }
        return try node.online.read { state in
            let service = try node.service(name, state)
            return .json(
                .object([
                    .init("service", .string(name)),
                    .init("keys", members(service.plan.keyFields)),
                    .init("inputs", members(service.plan.service.inputs)),
                    .init("columns", members(service.plan.columns)),
                    .init("definitions", service.versions.json),
                ]))
        }
    }

    private static func readView(_ node: Node, _ name: String, _ body: JSON) throws
        -> HTTPResponse
    {
        let time = try Self.time(body) ?? node.clock.now()
        let given = try members(body, "keys")
        let (names, values, position) = try node.online.read { state in
            guard let index = state.fold.index(ofView: name) else {
                throw NodeError.notFound(
                    "there is no view \(name); the views are "
                        + state.fold.definitions.views.map(\.name).joined(separator: ", "))
            }
            let view = state.fold.definitions.views[index]
            let keys = try Node.values(view.entity, given, what: "key", allowNull: true)
            return (
                view.features.map(\.name),
                state.fold.views[index].read(
                    EntityKey(keys.map(\.value)), Visibility(cutoff: time)),
                state.position
            )
        }
        return .json(
            json(names: names, values: values, time: time, position: position, node))
    }

    /// `{"features": {name: value}, "statuses": {...}, "time", "position", "lag"}`
    private static func json(
        names: [String], values: [FeatureValue], time: Timestamp, position: Position, _ node: Node
    ) -> JSON {
        .object([
            .init("features", .object(zip(names, values).map { .init($0, $1.value.json) })),
            .init(
                "statuses", .object(zip(names, values).map { .init($0, .string($1.status.name)) })),
            .init("time", .string(time.description)),
            .init("position", Self.position(position, node)),
            .init("lag", .integer(node.log.commitPosition.value - position.value)),
        ])
    }

    /// The members of an object in a request's body; none when it is missing.
    static func members(_ body: JSON, _ name: String) throws -> [String: JSON] {
        guard let json = body[name], json != .null else { return [:] }
        guard let members = json.objectValue else {
            throw NodeError.badRequest("\(name) is \(json.text), expected an object")
        }
        return Dictionary(members.map { ($0.name, $0.value) }) { $1 }
    }

    /// The position that a request wants to be read at, or later; nil when it is missing.
    static func minimumPosition(_ body: JSON, _ node: Node) throws -> Position? {
        switch body["min_position"] {
        case nil, .null?: return nil
        case .string(let text)?: return try position(text, node)
        case .integer(let number)?: return try position("\(number)", node)
        case let other?:
            throw NodeError.badRequest(
                "min_position is \(other.text), expected a text such as"
                    + " \"\(node.log.id.text(of: Position(123)))\"")
        }
    }

    /// T in a request's body; nil when it is missing.
    static func time(_ body: JSON) throws -> Timestamp? {
        guard let json = body["at"], json != .null else { return nil }
        guard let time = json.stringValue.flatMap(Timestamp.init(parsing:)) else {
            throw NodeError.badRequest(
                "at is \(json.text), expected a time with a zone such as 2013-03-10T07:30:00Z")
        }
        return time
    }
}
