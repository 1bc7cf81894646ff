import Testing
import VarveFeatures
import VarveFormats

struct StreamCompatibilityTests {
    private static let base = """
        { "streams": [ { "name": "s", "fields": { "t": "timestamp", "k": "string", "x": "int64" },
          "event_time": "t", "key": ["k"] } ] }
        """

    private func errors(_ old: String, _ new: String) throws -> [String] {
        let text = Self.base.split(separator: old, omittingEmptySubsequences: false)
            .joined(separator: new)
        #expect(text != Self.base)
        do {
            _ = try Documents.read(text, over: try Documents.read(Self.base))
            return []
        } catch let error as DefinitionErrors {
            return error.errors.map(\.expectation)
        }
    }

    @Test("fields that may be null can be added at the end")
    func additions() throws {
        #expect(try errors(#""x": "int64""#, #""x": "int64", "y": "string?""#) == [])
        #expect(try errors("[ { \"name\"", "[ {  \"name\"") == [])
    }

    @Test(
        "anything else is refused with the reason",
        arguments: [
            (
                #""x": "int64""#, #""x": "int64", "y": "string""#,
                "the added field \"y\" to be string?, as records in the log do not have it"
            ),
            (#""x": "int64""#, #""x": "float64""#, "\"x\" of type int64 as in force, not float64"),
            (#""x": "int64""#, #""x": "int64?""#, "\"x\" of type int64 as in force, not int64?"),
            (#", "x": "int64""#, "", "the field \"x\", which is in force"),
            (
                #""k": "string", "x": "int64""#, #""x": "int64", "k": "string""#,
                "the fields in force first and in their order, then added ones"
            ),
            (
                #""x": "int64""#, #""y": "string?", "x": "int64""#,
                "the fields in force first and in their order, then added ones"
            ),
            (#""event_time": "t", "#, "", "\"event_time\" as in force"),
            (
                #""key": ["k"]"#, #""known_at": "t", "key": ["k"]"#,
                "\"known_at\" or \"known_after\" as in force"
            ),
            (#"["k"]"#, #"["k", "x"]"#, "\"key\" as in force"),
            (#""key""#, #""id": "x", "key""#, "\"id\" as in force"),
            (#""key""#, #""policy": "quarantine", "key""#, "\"policy\" as in force"),
            (
                #""key""#, #""expectations": [ { "field": "x", "min": 0 } ], "key""#,
                "\"expectations\" as in force"
            ),
        ])
    func refusals(_ old: String, _ new: String, _ reason: String) throws {
        let advice = "; only fields that may be null can be added: make a stream of another name"
        #expect(try errors(old, new) == [reason + advice])
    }
}
