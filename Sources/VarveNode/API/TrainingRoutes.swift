import VarveFormats
import VarveLog
import VarveProjections
import VarveProtocols
import VarveTraining

extension NodeAPI {
    /// Training sets: the table in the body of the answer, the manifest's id in a header.
    static func trainingRoutes(_ node: Node) -> [Route] {
        [
            Route(
                "POST", "/v1/training-sets",
                "Builds a set for the spine in the body (CSV, Parquet or Arrow), or ?spine_stream="
                    + " with label=, label_delay=: service=, mode=, basis=, time=, split=, gap=,"
                    + " threads=, memory=, format=csv|arrow|arrows|parquet; job=true answers at once"
            ) { call in
                let format = try Self.format(call)
                let mode = call.request.query("mode") ?? TrainingMode.asKnown.rawValue
                guard let mode = TrainingMode(rawValue: mode) else {
                    throw NodeError.badRequest(
                        "mode is \"\(mode)\", expected "
                            + TrainingMode.allCases.map(\.rawValue).joined(separator: " or "))
                }
                let request = Node.TrainingSetRequest(
                    service: try call.required("service"), spine: try Self.spine(call), mode: mode,
                    basis: try call.request.query("basis").map { try position($0, node) },
                    timeColumn: call.request.query("time") ?? "time",
                    split: try call.request.query("split").map {
                        try TrainingSplit(cutoffs: $0, gap: call.request.query("gap"))
                    }, resources: try Self.resources(call))
                if try call.flag("job") {
                    let job = try node.jobs.start(
                        service: request.service,
                        try node.trainingWork(service: request.service)
                    ) { progress in
                        let set = try node.createTrainingSet(request, progress: progress)
                        return TrainingAnswer(set, format, node.answers)
                    }
                    return .json(try node.jobs.status(job), status: .accepted)
                }
                let set = try node.createTrainingSet(request, progress: Self.watcher(call.peer))
                return TrainingAnswer(set, format, node.answers).response
            },
            Route("GET", "/v1/jobs", "Training sets that are built in the background") { _ in
                .json(["jobs": .array(node.jobs.all())])
            },
            Route("GET", "/v1/jobs/*", "How far a training set has come") { call in
                .json(try node.jobs.status(call.values[0]))
            },
            Route("DELETE", "/v1/jobs/*", "Stops building a training set: nothing of it is kept") {
                .json(try node.jobs.cancel($0.values[0]))
            },
            Route(
                "GET", "/v1/jobs/*/set", "The set that was built, once, in the format that was asked for"
            ) { call in
                let format = call.request.query("format") == nil ? nil : try Self.format(call)
                return try node.jobs.take(
                    call.values[0], format, keeps: call.request.method == "HEAD"
                ).response
            },
            Route("GET", "/v1/training-sets", "Manifests of all training sets") { _ in
                .json(["training_sets": .array(try node.registry.registry.allManifests())])
            },
            Route("GET", "/v1/training-sets/*", "A training set's manifest") { call in
                .json(try node.registry.registry.manifest(call.values[0]))
            },
            Route("GET", "/v1/training-sets/*/report", "A training set as a page to look at") { call in
                let manifest = try node.registry.registry.manifest(call.values[0])
                return HTTPResponse(
                    status: .ok, text: TrainingReport(manifest).html,
                    contentType: "text/html; charset=utf-8")
            },
            Route(
                "POST", "/v1/training-sets/*/verify",
                "Builds a set again and compares every column with its manifest"
            ) { call in
                let set = try node.reproduceTrainingSet(
                    call.values[0], try Self.resources(call), progress: Self.watcher(call.peer))
                return .json([
                    "id": .string(set.manifest.id), "identical": .bool(true),
                    "rows": .integer(Int64(set.manifest.rowCount)),
                    "columns": .integer(Int64(set.manifest.columns.count)),
                ])
            },
            Route(
                "GET", "/v1/training-sets/*/diff/*",
                "How two sets differ, by column, and whether definitions, data or code did it"
            ) { call in
                .json(try node.diffTrainingSets(call.values[0], call.values[1]).json)
            },
            Route(
                "POST", "/v1/training-sets/*/reproduce",
                "Builds a set again from its manifest: the same bytes, or an error"
            ) { call in
                let format = try Self.format(call)
                let set = try node.reproduceTrainingSet(
                    call.values[0], try Self.resources(call), progress: Self.watcher(call.peer))
                return TrainingAnswer(set, format, node.answers).response
            },
        ]
    }

    /// Gives a build up when whoever waits for it has gone.
    private static func watcher(_ peer: HTTPPeer) -> TrainingSet.Watcher {
        { _ in if peer.hasGone { throw TrainingError.cancelled } }
    }

    private static func spine(_ call: Call) throws -> Node.SpineInput {
        let (label, delay) = (call.request.query("label"), call.request.query("label_delay"))
        guard let stream = call.request.query("spine_stream") else {
            guard label == nil, delay == nil else {
                throw NodeError.badRequest(
                    "label and label_delay are for spine_stream=; a file has its labels as columns")
            }
            return .file(call.request.body)
        }
        guard let label else {
            guard delay == nil else {
                throw NodeError.badRequest("label_delay needs label=, an expression")
            }
            return .stream(stream, label: nil)
        }
        return .stream(stream, label: try SpineLabel(expression: label, delay: delay))
    }

    private static func resources(_ call: Call) throws -> Node.BuildResources {
        func positive(_ name: String, _ range: ClosedRange<Int64>) throws -> Int? {
            guard let value = try call.integer(name) else { return nil }
            guard range.contains(value) else {
                throw NodeError.badRequest(
                    "\(name) is \(value), expected \(range.lowerBound) to \(range.upperBound)")
            }
            return Int(value)
        }
        return Node.BuildResources(
            threads: try positive("threads", 1...256),
            memoryBytes: try positive("memory", 1...(1 << 50)))
    }

    private static func format(_ call: Call) throws -> TrainingAnswer.Format {
        let name = call.request.query("format") ?? TrainingAnswer.Format.csv.rawValue
        guard let format = TrainingAnswer.Format(rawValue: name) else {
            throw NodeError.badRequest(
                "format is \"\(name)\", expected csv, arrow, arrows or parquet")
        }
        return format
    }
}
