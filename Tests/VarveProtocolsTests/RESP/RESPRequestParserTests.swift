import Testing
import VarveBytes
import VarveProtocols

@Suite struct RESPRequestParserTests {
    /// All requests of some bytes, which arrive in pieces that end at `cuts`.
    private static func requests(_ bytes: [UInt8], cuts: [Int] = []) throws -> [[String]] {
        var parser = RESPRequestParser()
        var found: [[String]] = []
        var start = 0
        for end in cuts + [bytes.count] {
            // As a connection does: bytes taken are dropped now and then, others move to the front.
            let window = Array(bytes[start..<end])
            var offset = 0
            loop: while true {
                let source: [UInt8]
                switch try parser.next(in: window.raw, from: offset) {
                case .incomplete: break loop
                case .request(let count):
                    source = window
                    offset += count
                case .inline(let count):
                    source = parser.inlineBytes
                    offset += count
                }
                found.append(parser.arguments.map { String(decoding: source[$0], as: UTF8.self) })
            }
            start += offset
        }
        return found
    }

    private static let pipeline =
        Array("*2\r\n$4\r\nHGET\r\n$2\r\na\r\r\nPING\r\n*0\r\n*-1\r\n\r\n".utf8)
        + Array("set 'a b' \"c\\x41\\n\\\"\" d\n*1\r\n$0\r\n\r\n".utf8)
    private static let expected = [
        ["HGET", "a\r"], ["PING"], [], [], [], ["set", "a b", "cA\n\"", "d"], [""],
    ]

    @Test func `a pipeline of arrays and inline commands is taken apart`() throws {
        #expect(try Self.requests(Self.pipeline) == Self.expected)
    }

    @Test func `bytes cut anywhere give the same requests`() throws {
        for first in 0...Self.pipeline.count {
            for second in first...Self.pipeline.count {
                #expect(try Self.requests(Self.pipeline, cuts: [first, second]) == Self.expected)
            }
        }
    }

    @Test(arguments: [
        ("*x\r\n", "invalid multibulk length"), ("*99999999\r\n", "invalid multibulk length"),
        ("*9999999999", "invalid multibulk length"), ("*\r\n", "invalid multibulk length"),
        ("*1\r\n+OK\r\n", "expected '$', got '+'"), ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$99999999\r\n", "invalid bulk length"), ("*1\r\n$\r\n", "invalid bulk length"),
        ("*1\r\n$2\r\nabc\r\n", "expected CRLF after an argument of 2 bytes"),
        ("*1\rx", "invalid multibulk length"), ("get \"a\r\n", "unbalanced quotes in request"),
        ("get 'a'b\r\n", "unbalanced quotes in request"), ("*-\r\n", "invalid multibulk length"),
    ])
    func `what is no request is refused`(_ text: String, _ reason: String) {
        let error = #expect(throws: RESPError.self) { try Self.requests(Array(text.utf8)) }
        #expect(error?.reason == reason)
    }

    @Test func `limits are kept`() {
        let line = Array(repeating: UInt8(ascii: "a"), count: RESPLimits.inlineBytes + 1)
        #expect(throws: RESPError.self) { try Self.requests(line) }
        var big = Array("*20\r\n".utf8)
        for _ in 0..<20 {
            big += Array("$\(RESPLimits.argumentBytes)\r\n".utf8)
            big += Array(repeating: 0, count: RESPLimits.argumentBytes) + Array("\r\n".utf8)
        }
        #expect(throws: RESPError.self) { try Self.requests(big) }
    }

    @Test func `mutated bytes never stop the program, and cutting them changes nothing`() {
        let text = Array("*2\r\n$4\r\nHGET\r\n$2\r\nab\r\nPING 'a'\r\n*1\r\n$4\r\nQUIT\r\n".utf8)
        for seed in 0..<3000 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            let bytes = generator.mutated(text)
            let whole = try? Self.requests(bytes)
            let cut = try? Self.requests(bytes, cuts: [generator.below(bytes.count + 1)])
            #expect(whole == cut, "seed \(seed)")
        }
    }

    @Test func `answers are written in both dialects`() {
        func text(_ version: RESPVersion) -> String {
            var writer = RESPWriter(version)
            writer.simple("OK")
            writer.error("ERR a\r\nb")
            writer.integer(-12)
            writer.map(1)
            writer.bulk("é")
            writer.null()
            writer.array(2)
            writer.bulk(Int64.min)
            writer.bulk([1, 2].raw)
            writer.bulk(Int64.max)
            writer.bulk(0 as Int64)
            return String(decoding: writer.bytes, as: UTF8.self)
        }
        let rest = "*2\r\n$20\r\n-9223372036854775808\r\n$2\r\n\u{1}\u{2}\r\n"
            + "$19\r\n9223372036854775807\r\n$1\r\n0\r\n"
        let head = "+OK\r\n-ERR a  b\r\n:-12\r\n"
        #expect(text(.two) == head + "*2\r\n$2\r\né\r\n$-1\r\n" + rest)
        #expect(text(.three) == head + "%1\r\n$2\r\né\r\n_\r\n" + rest)
    }
}
