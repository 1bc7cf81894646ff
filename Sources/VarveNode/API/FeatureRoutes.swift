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
                "A service's features for {keys, inputs, at?, min_position?}, or for {rows: [{keys,"
                    + " inputs}], at?, min_position?, as_of?} column by column"
            ) { call in
                let body = try call.json()
                if let position = try Self.minimumPosition(body, node) {
                    try node.settle(position, in: [node.online])
                }
                if let rows = try Self.rows(body) {
                    return try Self.readService(node, call.values[0], body, rows)
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
            Route(
                "POST", "/v1/views/*/read",
                "A view's features for {keys, at?, min_position?, as_of?}, or for {rows: [{keys}], at?,"
                    + " min_position?, as_of?} column by column"
            ) { call in
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
        let service = try node.service(name, node.online.reader)
        return .json(
            .object([
                .init("service", .string(name)),
                .init("keys", members(service.plan.keyFields)),
                .init("inputs", members(service.plan.service.inputs)),
                .init("columns", members(service.plan.columns)),
                .init("definitions", service.versions.json),
            ]))
    }

    private static func readView(_ node: Node, _ name: String, _ body: JSON) throws
        -> HTTPResponse
    {
        let time = try Self.time(body) ?? node.clock.now()
        let reader = try Self.reader(body, node)
        let index = try node.view(name, reader)
        let view = reader.definitions.views[index]
        if let rows = try rows(body) {
            let found = try rows.map { row in
                let keys = try Node.values(
                    view.entity, try members(row, "keys"), what: "key", allowNull: true)
                return reader.read(view: index, EntityKey(keys.map(\.value)), at: time)
            }
            try reader.check()
            return .json(
                json(
                    names: view.features.map(\.name), rows: found, time: time,
                    position: reader.position, node))
        }
        let given = try members(body, "keys")
        let keys = try Node.values(view.entity, given, what: "key", allowNull: true)
        let values = reader.read(view: index, EntityKey(keys.map(\.value)), at: time)
        try reader.check()
        return .json(
            json(
                names: view.features.map(\.name), values: values, time: time,
                position: reader.position, node))
    }

    /// A service's features for many rows, all at one position.
    private static func readService(
        _ node: Node, _ name: String, _ body: JSON, _ rows: [JSON]
    ) throws -> HTTPResponse {
        let time = try Self.time(body) ?? node.clock.now()
        let reader = try Self.reader(body, node)
        let service = try node.service(name, reader)
        let found = try rows.map { row in
            let keys = try Node.values(
                service.plan.keyFields, try members(row, "keys"), what: "key", allowNull: true)
            let inputs = try Node.values(
                service.plan.service.inputs, try members(row, "inputs"), what: "input",
                allowNull: false)
            return reader.row(
                service, keys: keys.map(\.value), inputs: inputs.map(\.value), at: time)
        }
        try reader.check()
        return .json(
            json(
                names: service.plan.columns.map(\.name), rows: found, time: time,
                position: reader.position, node))
    }

    /// Rows of one request.
    private static let rowLimit = 10_000

    /// The rows that a request asks for; nil when it asks for one entity.
    private static func rows(_ body: JSON) throws -> [JSON]? {
        guard let json = body["rows"] else { return nil }
        guard let rows = json.arrayValue, rows.count <= rowLimit,
            rows.allSatisfy({ $0.objectValue != nil })
        else {
            throw NodeError.badRequest(
                "rows is \(json.text.prefix(80)), expected an array of at most \(rowLimit) objects"
                    + " {\"keys\": {...}}")
        }
        guard body["keys"] == nil, body["inputs"] == nil else {
            throw NodeError.badRequest("rows stands beside keys or inputs, expected one of them")
        }
        return rows
    }

    /// The same as for one entity, but for each feature an array with an element for each row.
    private static func json(
        names: [String], rows: [[FeatureValue]], time: Timestamp, position: Position, _ node: Node
    ) -> JSON {
        func columns(_ element: (FeatureValue) -> JSON) -> JSON {
            .object(
                names.enumerated().map { index, name in
                    .init(name, .array(rows.map { element($0[index]) }))
                })
        }
        return .object([
            .init("rows", .integer(Int64(rows.count))),
            .init("features", columns(\.value.json)),
            .init("statuses", columns { .string($0.status.name) }),
            .init("time", .string(time.description)),
            .init("position", Self.position(position, node)),
            .init("lag", .integer(node.log.commitPosition.value - position.value)),
            .init("lag_ms", .integer(node.lagMilliseconds)),
        ])
    }

    /// `{"features": {name: value}, "statuses": {...}, "time", "position", "lag", "lag_ms"}`
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
            .init("lag_ms", .integer(node.lagMilliseconds)),
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

    /// What a request reads from: the newest state, or, with `as_of`, that of an earlier position.
    private static func reader(_ body: JSON, _ node: Node) throws -> OnlineReader {
        guard let position = try self.position(body, "as_of", node) else {
            return node.online.reader
        }
        try node.settle(position, in: [node.online])
        return node.online.reader.asOf(position)
    }

    /// The position that a request wants to be read at, or later; nil when it is missing.
    static func minimumPosition(_ body: JSON, _ node: Node) throws -> Position? {
        try position(body, "min_position", node)
    }

    private static func position(
        _ body: JSON, _ name: String, _ node: Node
    ) throws -> Position? {
        switch body[name] {
        case nil, .null?: return nil
        case .string(let text)?: return try position(text, node)
        case .integer(let number)?: return try position("\(number)", node)
        case let other?:
            throw NodeError.badRequest(
                "\(name) is \(other.text), expected a text such as"
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
