import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveTestSupport

extension TemporaryLog {
    /// Puts a document in force as a node does.
    @discardableResult
    func apply(_ document: String) throws -> CatalogPlan {
        let plan = try CatalogPlan(
            try JSON(parsing: document), try CatalogProjection(log).catalog)
        let records = plan.records(time: Timestamp(microseconds: 5_000_000))
        if !records.isEmpty { try append(records, to: "varve.catalog") }
        return plan
    }

    /// The catalog over everything committed.
    func catalog() throws -> Catalog { try CatalogProjection(log).catalog }
}

/// Small documents.
enum Sample {
    /// A stream `s` of a key and a number.
    static func stream(_ more: String = "") -> String {
        #"{"name": "s", "fields": {"key": "string", "x": "float64?"\#(more)}, "key": ["key"]}"#
    }

    /// A view `v` over `s`.
    static func view(_ features: String) -> String {
        #"{"name": "v", "entity": {"key": "string"}, "source": "s", "features": [\#(features)]}"#
    }

    static func feature(_ name: String, _ body: String) -> String {
        #"{"name": "\#(name)", \#(body), "window": "lifetime"}"#
    }

    static let count = feature("n", #""count": "*""#)
    static let sum = feature("total", #""sum": "x""#)

    static func service(_ name: String, _ features: String...) -> String {
        let list = features.map { "\"\($0)\"" }.joined(separator: ", ")
        return #"{"name": "\#(name)", "features": [\#(list)]}"#
    }

    static func document(
        streams: [String] = [], views: [String] = [], services: [String] = []
    ) -> String {
        """
        {"streams": [\(streams.joined(separator: ", "))], \
        "views": [\(views.joined(separator: ", "))], \
        "services": [\(services.joined(separator: ", "))]}
        """
    }
}

extension FeatureFold {
    /// Its snapshot.
    var bytes: [UInt8] {
        onePiece { write(to: &$0) }
    }
}

extension Log {
    /// Puts a swap of the online store on record as a node does.
    func makeLive(_ generation: Generation) throws {
        let record = generation.record(of: "online", time: Timestamp(microseconds: 0))
        _ = try append(try RecordBatch.encode([record]), to: .catalog)
    }
}
