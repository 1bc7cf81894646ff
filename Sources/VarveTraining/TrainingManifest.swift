public import VarveBytes
public import VarveFeatures
public import VarveFormats
public import VarveLog
public import VarveProjections

/// Where a spine comes from, so that it can be had again.
public enum SpineSource: Sendable, Equatable {
    /// The bytes of a CSV, Parquet or Arrow file kept in `varve.artifacts` under its digest.
    case artifact(Digest)
    /// The records of a stream below the basis, read by one version of its definition.
    case stream(String, version: Int, label: SpineLabel?)
}

/// The record of `varve.trainingsets` that says how a training set was made and what is in it.
public struct TrainingManifest: Sendable {
    /// Version of the code that computes features: another one may give other bytes.
    public static let codeVersion = 1

    /// Names the set: the same request over the same data has the same id.
    public let id: String
    public let service: String
    public let versions: ServiceVersions
    public let mode: TrainingMode
    public let basis: Position
    public let rowCount: Int
    public let spine: SpineSource
    public let spineDigest: Digest
    public let timeColumn: String
    public let columns: [Column]
    /// Streams whose known times are asserted rather than the log's: cells of their views rest on
    /// the asserter's word.
    public let assertedStreams: [String]
    /// Records below the basis that their stream's definition cannot read, and that no cell rests
    /// on therefore, by stream name.
    public let unreadable: [String: Int]
    /// Which rows are for what; nil when they are not told apart.
    public let split: TrainingSplit?
    /// How many rows are for what; empty without a split.
    public let splitRows: [(name: String, count: Int)]
    /// Tells the whole set: SHA-256 over names, types and digests of all columns of the table, the
    /// spine's included.
    public let digest: Digest
    public let codeVersion: Int

    /// One column of the service.
    public struct Column: Sendable, Equatable {
        public let field: Field
        public let digest: Digest
        /// Cells by status, in order of the status.
        public let statuses: [(status: FeatureStatus, count: Int)]
        /// Cells that as-corrected and as-known answer differently.
        public let leaks: Int
        /// Cells that a plain join on the newest values of each key would fill differently.
        public let latestDiffers: Int
        /// The baseline for monitoring; nil for columns that are not numbers.
        public let profile: Profile?

        init(
            field: Field, _ summary: CellSummary, digest: Digest, leaks: Int, latestDiffers: Int
        ) {
            self.field = field
            self.digest = digest
            self.leaks = leaks
            self.latestDiffers = latestDiffers
            statuses = summary.statuses
            profile = summary.profile
        }

        public static func == (left: Column, right: Column) -> Bool { left.json == right.json }
    }

    /// What a column's cells are like.
    struct CellSummary: Sendable {
        let statuses: [(status: FeatureStatus, count: Int)]
        let profile: Profile?

        /// - Parameter numbering: of the cells that are present, if it is known.
        init(_ cells: FeatureCells, _ numbering: ColumnNumbering?) {
            let counts = cells.countsByStatus
            statuses = FeatureStatus.allCases.compactMap { status in
                let count = counts[Int(status.rawValue)]
                return count == 0 ? nil : (status, count)
            }
            profile =
                [.bool, .int64, .float64].contains(cells.type)
                ? cells.profile(numbering) : nil
        }
    }

    init(
        request: TrainingSet.Request, spine: Spine, source: SpineSource, spineDigests: [Digest],
        columns: [Column],
        assertedStreams: [String], unreadable: [String: Int],
        splitRows: [(name: String, count: Int)], table: Table
    ) {
        service = request.service
        versions = request.versions
        mode = request.mode
        basis = request.basis
        rowCount = spine.rowCount
        self.spine = source
        spineDigest = spine.digest
        timeColumn = spine.timeColumn
        self.columns = columns
        self.assertedStreams = assertedStreams
        self.unreadable = unreadable
        split = request.split
        self.splitRows = splitRows
        let known =
            columns.map { ($0.field.name, $0.digest) }
            + zip(spine.table.columns.map(\.name), spineDigests)
        digest = Self.digest(of: table, known)
        codeVersion = Self.codeVersion
        var identity = [
            service, versions.digest.description, mode.rawValue, "\(basis.value)",
            spine.digest.description, timeColumn, "\(Self.codeVersion)",
        ]
        if let split { identity.append(split.json(rows: []).text) }
        id = "ts-" + SHA256.digest(identity.joined(separator: "\n")).description.prefix(12)
    }

    /// - Parameter columns: digests that are known, by column name; the first counts.
    private static func digest(
        of table: Table, _ columns: [(name: String, digest: Digest)]
    ) -> Digest {
        let known = Dictionary(
            columns.map { ($0.name, $0.digest) }, uniquingKeysWith: { first, _ in first })
        let lines = table.columns.map { column in
            JSON.array([
                .string(column.name), .string(column.type.rawValue),
                .string((known[column.name] ?? column.digest).description),
            ]).text
        }
        return SHA256.digest(lines.joined(separator: "\n"))
    }

    /// The record's value.
    public var json: JSON {
        .object([
            .init("kind", "training_set"), .init("id", .string(id)),
            .init("service", .string(service)), .init("definitions", versions.json),
            .init("mode", .string(mode.rawValue)), .init("basis", .integer(basis.value)),
            .init("rows", .integer(Int64(rowCount))),
            .init("spine", spineJSON), .init("spine_digest", .string(spineDigest.description)),
            .init("time_column", .string(timeColumn)),
            .init("code_version", .integer(Int64(codeVersion))),
            .init("digest", .string(digest.description)),
            .init("asserted_streams", .array(assertedStreams.map { .string($0) })),
            .init(
                "unreadable",
                .object(
                    unreadable.sorted { $0.key < $1.key }.map {
                        .init($0.key, .integer(Int64($0.value)))
                    })),
            .init("split", split?.json(rows: splitRows) ?? .null),
            .init("columns", .array(columns.map(\.json))),
        ])
    }

    private var spineJSON: JSON {
        switch spine {
        case .artifact(let digest): .object([.init("artifact", .string(digest.description))])
        case .stream(let name, let version, let label):
            .object([
                .init("stream", .string(name)), .init("version", .integer(Int64(version))),
                .init("label", label?.json ?? .null),
            ])
        }
    }
}

extension TrainingManifest.Column {
    /// The column in a manifest.
    public var json: JSON {
        .object([
            .init("name", .string(field.name)), .init("type", .string(field.type.rawValue)),
            .init("digest", .string(digest.description)),
            .init(
                "statuses",
                .object(statuses.map { .init($0.status.name, .integer(Int64($0.count))) })),
            .init("leaks", .integer(Int64(leaks))),
            .init("latest_differs", .integer(Int64(latestDiffers))),
            .init("profile", profile?.json ?? .null),
        ])
    }
}

/// What is needed of a manifest to make its set again.
public struct TrainingRecipe: Sendable, Equatable {
    public let id: String
    public let service: String
    public let versions: ServiceVersions
    public let mode: TrainingMode
    public let basis: Position
    public let spine: SpineSource
    public let spineDigest: String
    public let timeColumn: String
    public let codeVersion: Int
    public let split: TrainingSplit?
    /// By column name.
    public let digests: [(column: String, digest: String)]

    /// Reads a manifest's JSON.
    public init(_ json: JSON) throws(TrainingError) {
        let id = json["id"]?.stringValue ?? "?"
        func need<Wanted>(_ name: String, _ value: Wanted?) throws(TrainingError) -> Wanted {
            guard let value else {
                throw .badManifest(
                    id: id, reason: "its `\(name)` is \(json[name]?.text ?? "missing")")
            }
            return value
        }
        self.id = id
        service = try need("service", json["service"]?.stringValue)
        versions = try need("definitions", json["definitions"].flatMap(ServiceVersions.init))
        mode = try need("mode", json["mode"]?.stringValue.flatMap(TrainingMode.init))
        basis = Position(try need("basis", json["basis"]?.integerValue))
        timeColumn = try need("time_column", json["time_column"]?.stringValue)
        codeVersion = Int(try need("code_version", json["code_version"]?.integerValue))
        if let stream = json["spine"]?["stream"]?.stringValue {
            let version = json["spine"]?["version"]?.integerValue
            var label: SpineLabel?
            if let json = json["spine"]?["label"] { label = try SpineLabel(json) }
            spine = .stream(stream, version: Int(try need("spine", version)), label: label)
        } else {
            spine = .artifact(
                try need(
                    "spine", json["spine"]?["artifact"]?.stringValue.flatMap(Digest.init(hex:))))
        }
        spineDigest = try need("spine_digest", json["spine_digest"]?.stringValue)
        if let json = json["split"], json != .null {
            split = try TrainingSplit(json)
        } else {
            split = nil
        }
        digests = (json["columns"]?.arrayValue ?? []).map {
            ($0["name"]?.stringValue ?? "", $0["digest"]?.stringValue ?? "")
        }
    }

    public static func == (left: TrainingRecipe, right: TrainingRecipe) -> Bool {
        left.id == right.id && left.digests.elementsEqual(right.digests, by: ==)
    }

    /// Why a set that was made again is not the one of this recipe; nil when it is.
    public func difference(from set: TrainingSet) -> String? {
        if set.manifest.spineDigest.description != spineDigest {
            return "the spine has digest \(set.manifest.spineDigest), the manifest says "
                + spineDigest
        }
        for column in set.manifest.columns {
            guard let expected = digests.first(where: { $0.column == column.field.name }) else {
                return "it has a column \(column.field.name) that the manifest does not name"
            }
            if expected.digest != column.digest.description {
                return "column \(column.field.name) has digest \(column.digest), the manifest says "
                    + expected.digest
            }
        }
        return set.manifest.columns.count == digests.count
            ? nil : "it has \(set.manifest.columns.count) columns, the manifest \(digests.count)"
    }
}

extension FeatureCells {
    /// The distribution of cells that are numbers.
    fileprivate func profile(_ numbering: ColumnNumbering?) -> Profile {
        if let numbering {
            let counts = numbering.counts
            let distinct = numbering.words.map { word in
                type == .float64
                    ? Double(bitPattern: word) : Double(Int64(bitPattern: word))
            }
            let present = counts.reduce(0, +)
            return Profile(baseline: distinct, counts: counts, nulls: count - present)
        }
        let numbers = numbers
        return Profile(baseline: numbers, nulls: count - numbers.count)
    }
}
