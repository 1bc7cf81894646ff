import Testing
import VarveBytes
import VarveFormats

struct JSONTests {
    @Test(
        "a document reads back from its text",
        arguments: [
            "null", "true", "[]", "{}", "-0.0", "0", "-9223372036854775808", "9223372036854775807",
            "1.0", "0.1", "1e-07", "1.7976931348623157e+308", "5e-324", #""""#,
            #"{"a":[1,{"b":"é\n"}],"c":null}"#,
        ])
    func roundTrip(_ text: String) throws {
        let value = try JSON(parsing: text)
        #expect(value.text == text)
        #expect(try JSON(parsing: value.pretty) == value)
    }

    @Test("integers stay exact and other numbers are rounded once")
    func numbers() throws {
        #expect(try JSON(parsing: "9007199254740993") == .integer(9_007_199_254_740_993))
        #expect(try JSON(parsing: "9223372036854775808") == .number(9_223_372_036_854_775_808))
        #expect(try JSON(parsing: "0.1e1") == .number(1))
        #expect(try JSON(parsing: "123456789012345678901234567890") == .number(1.2345678901234568e29))
        #expect(try JSON(parsing: "2.2250738585072014e-308") == .number(0x1p-1022))
        #expect(try JSON(parsing: "0.000000000000000000000000000001") == .number(1e-30))
    }

    @Test("escapes become their characters")
    func escapes() throws {
        #expect(try JSON(parsing: #""\u00e9\uD83D\uDE00\/\b\f\t""#) == .string("é😀/\u{8}\u{C}\t"))
    }

    @Test(
        "what is not JSON is refused with its place",
        arguments: [
            "", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "01", "1.", ".5", "1e", "+1", "nul", "\"\u{1}\"",
            #""\x""#, #""\uD800""#, #""\uDC00 ""#, "[1] 2", "{\"a\":1,\"a\":2}", "1e999", "NaN",
            "[\"a", "'a'",
        ])
    func refusals(_ text: String) {
        #expect(throws: JSONError.self) { try JSON(parsing: text) }
    }

    @Test("an error names line and column")
    func place() {
        #expect(throws: JSONError.self) { try JSON(parsing: "{\n  \"a\": tru\n}") }
        do {
            _ = try JSON(parsing: "{\n  \"a\": tru\n}")
        } catch {
            #expect(error.line == 2)
            #expect(error.column == 11)
        }
    }

    @Test("nesting has a limit")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(throws: Never.self) { try JSON(parsing: nested(128)) }
        #expect(throws: JSONError.self) { try JSON(parsing: nested(129)) }
    }

    @Test("bytes that are not UTF-8 are refused")
    func encoding() {
        #expect(throws: JSONError.self) {
            try JSON(parsing: ([0x22, 0xFF, 0x22] as [UInt8]).raw)
        }
    }

    @Test("a scanner finds fields without a tree")
    func scanner() throws {
        let bytes = Array(#"{"a": 1, "b": {"x": [1, "}"]}, "c\u0041": "t", "d": 1.5}"#.utf8)
        var scanner = JSONScanner(bytes.raw)
        try scanner.beginObject()
        var found: [String] = []
        while let name = try scanner.nextName() {
            let value = try scanner.scalar()
            found.append("\(try scanner.text(name))=\(value)")
        }
        try scanner.end()
        #expect(found.count == 4)
        #expect(found[0] == "a=integer(1)")
        #expect(found[1] == "b=compound")
        #expect(found[3] == "d=number(1.5)")
        #expect(found[2].hasPrefix("cA=string"))
    }
}
