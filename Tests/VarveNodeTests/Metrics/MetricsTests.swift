import Testing
import VarveFormats
import VarveLog
import VarveProtocols
import VarveSystem

@testable import VarveNode

@Suite struct MetricsTests {
    @Test func `a histogram's buckets are cumulative and end with all values`() {
        var histogram = Histogram([1, 10])
        for value in [0.5, 1, 5, 50] { histogram.add(value) }
        var text = MetricsText()
        text.family("h", "histogram", "Sizes.")
        text.histogram("h", [("a", "x\"y\\z\n")], histogram)
        let label = #"a="x\"y\\z\n""#
        #expect(
            text.text == """
                # HELP h Sizes.
                # TYPE h histogram
                h_bucket{\(label),le="1"} 2
                h_bucket{\(label),le="10"} 3
                h_bucket{\(label),le="+Inf"} 4
                h_sum{\(label)} 56.5
                h_count{\(label)} 4

                """)
    }

    @Test func `what Kafka clients do is counted`() throws {
        let broker = try TestBroker()
        let metrics = NodeMetrics()
        broker.server.report(to: metrics)
        let client = try broker.client()
        _ = try client.create("t")
        #expect(try client.produce(batch(["a", "b"]), to: "t").error == .none)
        #expect(try client.produce(batch(["a"]), to: "none").error == .unknownTopicOrPartition)
        _ = try client.fetch(RawKafkaClient.fetch("t", from: 0))
        let commit = OffsetCommitRequest(
            group: "g", generation: -1, member: "", instanceID: nil, retentionMilliseconds: -1,
            topics: [
                .init(
                    name: "t",
                    partitions: [
                        .init(
                            index: 0, offset: 1, leaderEpoch: -1, timestamp: -1, metadata: nil)
                    ])
            ])
        _ = try client.ask(.offsetCommit, commit, OffsetCommitResponse.self)
        let join = JoinGroupRequest(
            group: "g", sessionTimeoutMilliseconds: 10_000, rebalanceTimeoutMilliseconds: 10_000,
            member: "", instanceID: "one", protocolType: "consumer",
            protocols: [.init(name: "range", metadata: [])])
        let joined = try client.ask(.joinGroup, join, JoinGroupResponse.self)
        let sync = SyncGroupRequest(
            group: "g", generation: joined.generation, member: joined.member, instanceID: "one",
            assignments: [])
        #expect(try client.ask(.syncGroup, sync, SyncGroupResponse.self).error == .none)
        let described = try client.ask(
            .describeConfigs,
            DescribeConfigsRequest(
                resources: [.init(type: 2, name: "none", settings: nil)],
                includesSynonyms: false, includesDocumentation: false),
            DescribeConfigsResponse.self)
        #expect(described.results[0].error == .unknownTopicOrPartition)
        let lines = metrics.text(broker.log).split(separator: "\n").map(String.init)
        for line in [
            #"varve_kafka_requests_total{api="produce",error="NONE"} 1"#,
            #"varve_kafka_requests_total{api="produce",error="UNKNOWN_TOPIC_OR_PARTITION"} 1"#,
            #"varve_kafka_requests_total{api="fetch",error="NONE"} 1"#,
            #"varve_kafka_requests_total{api="describeConfigs",error="UNKNOWN_TOPIC_OR_PARTITION"} 1"#,
            #"varve_kafka_request_duration_seconds_count{api="produce"} 2"#,
            #"varve_kafka_group_lag{group="g",topic="t",partition="0"} 1"#,
            #"varve_connections{port="kafka"} 1"#,
            "varve_log_commit_position \(broker.log.commitPosition.value)",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        // All that wait for others, or for the disk, have durations, too.
        for api in ["offsetCommit", "joinGroup", "syncGroup"] {
            let count = "varve_kafka_request_duration_seconds_count{api=\"\(api)\"} 1"
            #expect(lines.contains(count), "\(count)")
        }
        #expect(
            lines.contains { $0.hasPrefix("varve_log_sync_duration_seconds_bucket{le=\"10\"}") })
        let series = lines.filter { !$0.hasPrefix("#") }.map {
            $0.prefix { $0 != " " }
        }
        #expect(Set(series).count == series.count, "no series twice")
    }
}
