import Testing
import VarveBytes
import VarveProtocols

/// Writes and reads a message in each version, cuts it at every byte, and damages it.
func checkMessage<Message: KafkaMessage>(
    _ message: Message, _ versions: ClosedRange<Int16>,
    _ location: SourceLocation = #_sourceLocation
) throws {
    for version in versions {
        var writer = ByteWriter()
        message.write(to: &writer, version: version)
        let bytes = writer.bytes
        var reader = ByteReader(bytes.raw)
        let found = try Message(reading: &reader, version: version)
        #expect(reader.remaining == 0, "version \(version)", sourceLocation: location)
        // A version may lack fields, but what it has comes back.
        var again = ByteWriter()
        found.write(to: &again, version: version)
        #expect(again.bytes == bytes, "version \(version)", sourceLocation: location)
        if version == versions.upperBound {
            #expect(found == message, sourceLocation: location)
        }
        for end in 0..<bytes.count {
            let cut = Array(bytes[..<end])
            #expect(throws: ByteError.self, sourceLocation: location) {
                var reader = ByteReader(cut.raw)
                _ = try Message(reading: &reader, version: version)
            }
        }
        var random = SplitMix64(seed: UInt64(version) + 1)
        for _ in 0..<500 {
            let damaged = random.mutated(bytes)
            var reader = ByteReader(damaged.raw)
            _ = try? Message(reading: &reader, version: version)
        }
    }
}
