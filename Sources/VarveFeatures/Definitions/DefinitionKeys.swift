/// The members that each kind of object may have, in the order of the canonical form.
enum DefinitionKeys {
    static let document = ["$schema", "streams", "views", "services"]
    static let stream = [
        "name", "fields", "event_time", "known_at", "known_after", "key", "id", "expectations",
        "policy", "retention",
    ]
    static let retention = ["age", "bytes"]
    static let eventTime = ["field", "unit"]
    static let expectation = ["name", "expr"]
    static let fieldExpectation = ["name", "field", "not_null", "min", "max", "in"]
    static let view = [
        "name", "entity", "source", "where", "features", "values", "max_age", "at_cutoff",
    ]
    static let aggregations = Aggregation.allCases.map(\.rawValue)
    static let feature = ["name"] + aggregations + ["k", "q", "by", "where", "window", "lag", "hop"]
    static let service = ["name", "inputs", "features"]
    static let onDemand = ["name", "expr"]

    /// What people write when they mean a key, where spelling does not tell.
    static let synonyms = [
        "filter": "where", "condition": "where", "ttl": "max_age", "expression": "expr",
        "expressions": "expr", "formula": "expr", "keys": "key", "primary_key": "key",
        "schema": "fields", "columns": "fields", "entities": "entity", "stream": "source",
        "from": "source", "average": "mean", "avg": "mean", "std": "stddev", "var": "variance",
        "minimum": "min", "maximum": "max", "total": "sum", "offset": "lag", "slide": "hop",
        "step": "hop", "timestamp": "event_time", "rules": "expectations", "nullable": "not_null",
        "period": "window", "length": "window", "range": "min", "required": "not_null",
        "request": "inputs", "parameters": "inputs", "group_by": "by", "category": "by",
        "percentile": "quantile", "median": "quantile", "count_distinct": "distinct",
        "unique": "distinct", "first_n": "first_k", "last_n": "last_k",
    ]
}
