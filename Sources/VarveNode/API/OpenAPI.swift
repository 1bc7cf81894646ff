import VarveFormats

/// The HTTP interface as an OpenAPI 3 document, made from the routes that answer it.
///
/// Source: OpenAPI Specification 3.0.3.
enum OpenAPI {
    static func document(_ routes: [Route]) -> JSON {
        var paths: [JSON.Member] = []
        for route in routes {
            let path = path(route)
            let operation = JSON.Member(route.method.lowercased(), operation(route))
            if let index = paths.firstIndex(where: { $0.name == path.text }),
                case .object(let operations) = paths[index].value
            {
                paths[index].value = .object(operations + [operation])
            } else {
                paths.append(.init(path.text, .object([operation])))
            }
        }
        return .object([
            .init("openapi", "3.0.3"),
            .init(
                "info",
                [
                    "title": "Varve",
                    "version": "1",
                    "description": "One log for events, features, models and predictions.",
                ]),
            .init("paths", .object(paths)),
            .init(
                "components",
                [
                    "schemas": [
                        "Error": [
                            "type": "object", "required": ["error"],
                            "properties": [
                                "error": ["type": "string"],
                                "errors": ["type": "array", "items": ["type": "string"]],
                            ],
                        ]
                    ]
                ]),
        ])
    }

    /// What each `*` stands for, by the segment before it.
    private static let names = [
        "services": "service", "views": "view", "streams": "stream", "models": "model",
        "aliases": "alias", "predictions": "prediction", "proofs": "position",
        "monitoring": "model", "outcomes": "model", "training-sets": "training_set",
    ]

    private static func path(_ route: Route) -> (text: String, parameters: [String]) {
        var (text, parameters) = ("", [String]())
        for (index, segment) in route.pattern.enumerated() {
            guard segment == "*" else {
                text += "/\(segment)"
                continue
            }
            var name = index > 0 ? names[route.pattern[index - 1]] ?? "name" : "name"
            if parameters.contains(name) { name += "\(index)" }
            parameters.append(name)
            text += "/{\(name)}"
        }
        return (text.isEmpty ? "/" : text, parameters)
    }

    private static func operation(_ route: Route) -> JSON {
        let anything: JSON = ["schema": [:]]
        var members: [JSON.Member] = [
            .init("summary", .string(route.summary)),
            .init(
                "parameters",
                .array(
                    path(route).parameters.map { name in
                        [
                            "name": .string(name), "in": "path", "required": true,
                            "schema": ["type": "string", "minLength": 1],
                        ]
                    })),
        ]
        if route.method == "POST" {
            members.append(
                .init(
                    "requestBody",
                    [
                        "content": [
                            "application/json": ["schema": ["type": "object"]],
                            "application/octet-stream": [
                                "schema": ["type": "string", "format": "binary"]
                            ],
                        ]
                    ]))
        }
        members.append(
            .init(
                "responses",
                [
                    "2XX": [
                        "description": "Done",
                        "content": [
                            "application/json": anything, "text/plain": anything,
                            "text/csv": anything, "application/vnd.apache.arrow.file": anything,
                        ],
                    ],
                    "default": [
                        "description": "What went wrong, where, and what was expected",
                        "content": [
                            "application/json": [
                                "schema": ["$ref": "#/components/schemas/Error"]
                            ]
                        ],
                    ],
                ]))
        return .object(members)
    }
}
