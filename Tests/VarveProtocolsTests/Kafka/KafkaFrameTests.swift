import Testing
import VarveBytes
import VarveProtocols

@Suite struct KafkaFrameTests {
    private let header = RequestHeader(
        apiKey: 3, version: 4, correlationID: 7, clientID: "rdkafka")
    private let request = MetadataRequest(
        topics: ["events"], allowsCreation: true, includesClusterRights: false,
        includesTopicRights: false)

    @Test func `a request is found in the stream and read`() throws {
        let bytes = KafkaFrame.request(header, request)
        let two = bytes + bytes + bytes.prefix(5)
        let first = try #require(try KafkaFrame.content(in: two.raw, from: 0))
        #expect(first == 4..<bytes.count)
        let second = try #require(try KafkaFrame.content(in: two.raw, from: first.upperBound))
        #expect(try KafkaFrame.content(in: two.raw, from: second.upperBound) == nil)
        let found = try KafkaRequest.read(two.raw.extracting(second))
        #expect(found.header == header)
        #expect(found.request == .metadata(request))
    }

    @Test func `a frame cut at any byte is not there yet`() throws {
        let bytes = KafkaFrame.request(header, request)
        for end in 0..<bytes.count {
            let cut = Array(bytes[..<end])
            #expect(try KafkaFrame.content(in: cut.raw, from: 0) == nil)
        }
    }

    @Test func `a size that no frame has is refused at once`() {
        for size in [Int32(-1), Int32.min, Int32(KafkaLimits.frameBytes + 1)] {
            var writer = ByteWriter()
            writer.bigEndian(size)
            #expect(throws: ByteError.self) {
                try KafkaFrame.content(in: writer.bytes.raw, from: 0)
            }
        }
        let text = Array("GET / HTTP/1.1\r\n".utf8)
        #expect(throws: ByteError.self) { try KafkaFrame.content(in: text.raw, from: 0) }
    }

    @Test func `an API or version that Varve does not speak is named`() {
        for (key, version) in [(Int16(33), Int16(0)), (0, 9), (1, 3), (18, 4), (-1, 0)] {
            let header = RequestHeader(
                apiKey: key, version: version, correlationID: 1, clientID: "c")
            var writer = ByteWriter()
            header.write(to: &writer)
            #expect(throws: KafkaRequestError.unsupported(header)) {
                try KafkaRequest.read(writer.bytes.raw)
            }
        }
    }

    @Test func `an array longer than its frame is refused without being allocated`() {
        var writer = ByteWriter()
        header.write(to: &writer)
        writer.bigEndian(Int32.max)
        #expect(throws: KafkaRequestError.self) { try KafkaRequest.read(writer.bytes.raw) }
    }

    @Test func `damaged requests of every API are refused or read, never trap`() {
        var random = SplitMix64(seed: 99)
        let samples: [[UInt8]] = KafkaAPI.allCases.flatMap { api in
            api.versions.map { version in
                var writer = ByteWriter()
                RequestHeader(
                    apiKey: api.rawValue, version: version, correlationID: 1, clientID: "c"
                ).write(to: &writer)
                return writer.bytes
            }
        }
        for sample in samples {
            for _ in 0..<500 {
                let tail = (0..<random.below(64)).map { _ in UInt8(random.below(4)) }
                let bytes = random.mutated(sample + tail)
                _ = try? KafkaRequest.read(bytes.raw)
            }
        }
    }
}
