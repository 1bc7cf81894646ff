import Testing
import VarveBytes
import VarveFeatures
import VarveFormats
import VarveTestSupport

@Suite struct ForesightTests {
    private static let document = """
        {"streams": [{"name": "s", "event_time": "t", "key": ["k"],
           "fields": {"k": "string", "x": "float64?", "t": "timestamp"}}],
         "views": [{"name": "v", "entity": {"k": "string"}, "source": "s", "features": [
           {"name": "n", "count": "*", "window": "10s"},
           {"name": "mean", "mean": "x", "window": "lifetime"}]}]}
        """

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `what is fetched beforehand changes no answer and no byte`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let definitions = try Definitions(reading: JSON(parsing: Self.document))
        let plan = ViewPlan(definitions.views[0], stream: definitions.streams[0])
        var state = ViewState(plan, shardBits: 2)
        let names = (0..<40).map { "key \($0)" }
        let keys = names.compactMap { EntityKey([.string($0)]) }
        let visibility = Visibility(cutoff: Timestamp(microseconds: 30_000_000))
        func bytes() -> [UInt8] { state.snapshot }
        // From no entity at all to more than fit the first table.
        for position in 0..<120 {
            let (before, rows) = (bytes(), keys.map { state.read($0, visibility) })
            for step in Foresight.allCases {
                // Of every shard, also those that the hash does not lead to.
                for shard in state.shards {
                    for key in keys { shard.foresee(key.hash, step) }
                    shard.foresee(generator.next(), step)
                }
            }
            #expect(bytes() == before)
            for (key, row) in zip(keys, rows) {
                let found = state.read(key, visibility)
                #expect(zip(found, row).allSatisfy { $0.isIdentical(to: $1) })
            }
            let time = Timestamp(microseconds: Int64(generator.below(40)) * 1_000_000)
            state.apply(
                [
                    .string(generator.pick(names)), .float64(Double(generator.below(9))),
                    .timestamp(time),
                ],
                eventTime: time, position: Int64(position), knownTime: time, id: nil)
        }
    }
}
