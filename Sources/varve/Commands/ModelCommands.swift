import VarveFormats

/// The registry.
let modelCommands = [
    Command(
        "model register", "Registers an ONNX file as a model's next version",
        arguments: ["NAME", "FILE.onnx"],
        options: [
            .init("service", "NAME", "the service whose columns are the model's inputs, in order"),
            .init("training-set", "ID", "the set it was fitted on: the baseline for monitoring"),
            .init("output", "NAME", "the output that is the score (default: the last float one)"),
            .init("output-column", "N", "its column (default: the last)"),
        ],
        example: "varve model register late fixtures/flights/late.onnx --service arrival_delay"
    ) { invocation in
        let path = invocation.positional[1]
        let body = try readInput(path)
        let service = try invocation.required("service")
        return try Session.with(invocation) { session in
            let json = try session.json(
                "POST", "/v1/models/\(invocation.positional[0].asSegment)/versions",
                query: [
                    ("service", service), ("training_set", invocation.value("training-set")),
                    ("output", invocation.value("output")),
                    ("output_column", invocation.value("output-column")), ("origin", path),
                ], body: body)
            show(
                invocation.wantsJSON
                    ? json.pretty
                    : "\(json.text("model")):\(json.text("version")) artifact"
                        + " \(json.text("artifact").prefix(12)), score"
                        + " \(json.text("output"))[\(json.text("output_column"))]")
            return ExitCode.success
        }
    },
    Command(
        "model alias", "Makes an alias mean a version", arguments: ["NAME@ALIAS", "VERSION"],
        example: "varve model alias late@champion 1"
    ) { invocation in
        let parts = invocation.positional[0].split(separator: "@", maxSplits: 1).map(String.init)
        guard parts.count == 2 else {
            throw CommandError.usage(
                "\(invocation.positional[0]) has no alias, expected NAME@ALIAS")
        }
        return try Session.with(invocation) { session in
            let json = try session.json(
                "PUT", "/v1/models/\(parts[0].asSegment)/aliases/\(parts[1].asSegment)",
                query: [("version", invocation.positional[1])])
            show(
                invocation.wantsJSON
                    ? json.text : "\(parts[0])@\(parts[1]) is version \(json.text("version"))")
            return ExitCode.success
        }
    },
    Command(
        "model list", "Lists models, versions and aliases", example: "varve model list"
    ) { invocation in
        try Session.with(invocation) { session in
            let json = try session.json("GET", "/v1/models")
            if invocation.wantsJSON {
                show(json.pretty)
                return ExitCode.success
            }
            var table = TextTable(
                ["model", "version", "aliases", "service", "training set", "artifact"], right: [1])
            for model in json["models"]?.arrayValue ?? [] {
                for version in model["versions"]?.arrayValue ?? [] {
                    let aliases = (model["aliases"]?.objectValue ?? [])
                        .filter { $0.value == version["version"] }.map(\.name)
                    table.add([
                        model.text("name"), version.text("version"),
                        aliases.joined(separator: ", "), version.text("service"),
                        version.text("training_set"),
                        String(version.text("artifact").prefix(12)),
                    ])
                }
            }
            show(table.text)
            return ExitCode.success
        }
    },
]
