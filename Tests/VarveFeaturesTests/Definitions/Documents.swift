import Testing
import VarveFeatures
import VarveFormats

/// Definition documents that tests share.
enum Documents {
    /// The example of DESIGN.md section 6, with the view that it refers to.
    static let design = """
        { "streams": [ { "name": "departures",
            "fields": { "time": "timestamp", "origin": "string", "carrier": "string",
                        "dep_delay": "float64?" },
            "event_time": "time", "known_at": "time", "key": ["origin"] } ],
          "views": [ { "name": "airport_traffic", "entity": { "origin": "string" },
            "source": "departures", "where": "dep_delay is not null",
            "features": [
              { "name": "departures_1h",  "count": "*", "window": "1h" },
              { "name": "mean_delay_6h",  "mean": "dep_delay", "window": "6h" },
              { "name": "late_share_24h", "mean": "if(dep_delay > 15, 1.0, 0.0)",
                "window": "24h" } ] },
            { "name": "weather", "entity": { "origin": "string" },
              "values": { "visibility": "float64" } } ],
          "services": [ { "name": "arrival_delay", "inputs": { "distance": "float64" },
            "features": [ "airport_traffic.*", "weather.visibility",
              { "name": "log_distance", "expr": "log(distance + 1)" } ] } ] }
        """

    /// Every key there is, in forms that canonical documents spell otherwise.
    static let full = """
        { "$schema": "varve.schema.json",
          "streams": [
            { "name": "flights.v1-eu",
              "fields": { "id": "string", "ts": "int64", "seen": "timestamp?",
                "origin": "string?", "seats": "int64", "price": "float64?", "late": "bool",
                "in": "string?", "at": "timestamp" },
              "event_time": { "field": "ts", "unit": "ms" }, "known_after": "120m",
              "key": ["origin"], "id": "id", "policy": "quarantine",
              "expectations": [
                { "name": "price is sane", "expr": "price<1e6 AND (price>=0)" },
                { "field": "seats", "min": 1, "max": 853 },
                { "field": "in", "in": ["a", "it's"], "not_null": true },
                { "field": "at", "min": "2013-01-01T00:00:00+01:00", "name": "not too old" },
                { "field": "late", "in": [true] } ] },
            { "name": "clicks", "fields": { "user": "int64" }, "known_at": null },
            { "name": "views",
              "fields": { "user": "int64", "t": "timestamp", "seen": "timestamp?" },
              "event_time": { "field": "t" }, "known_at": "seen" } ],
          "views": [
            { "name": "airport", "entity": { "origin": "string" }, "source": "flights.v1-eu",
              "where": "not late", "max_age": "48h", "at_cutoff": "include",
              "features": [
                { "name": "n", "count": "*", "window": "60m", "lag": "24h", "hop": "60s" },
                { "name": "priced", "count": "price", "window": "lifetime", "where": "seats>100" },
                { "name": "total", "sum": "seats", "window": "last 10 facts" },
                { "name": "first_at", "first": "at", "window": "last 3" },
                { "name": "cheapest", "min": "price", "window": "2w", "lag": "0s" },
                { "name": "spread", "stddev": "price/2", "window": "1500ms" },
                { "name": "late_share", "mean": "if(late, 1, 0)", "window": "7d" },
                { "name": "latest_in", "latest": "`in`", "window": "lifetime" },
                { "name": "idle", "time_since_last": "*", "window": "lifetime" } ] },
            { "name": "user", "entity": { "user": "int64" },
              "values": { "age": "int64?", "country": "string" }, "max_age": null } ],
          "services": [
            { "name": "delay", "inputs": { "distance": "float64", "memo": "string?" },
              "features": [ "user.age", "memo",
                { "name": "ratio", "expr": "airport.total/distance" },
                "airport.*", { "name": "log_ratio", "expr": "log(ratio)" }, "distance" ] },
            { "name": "all", "features": [ "airport.*", "user.*" ] } ] }
        """

    static func read(
        _ text: String, over inForce: Definitions = Definitions()
    ) throws -> Definitions {
        try Definitions(reading: JSON(parsing: text), over: inForce)
    }
}
