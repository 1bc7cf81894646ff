import VarveBytes

extension JSON {
    /// Reads a whole document. Names that appear twice in an object are refused: readers differ
    /// on which one counts.
    public init(parsing bytes: RawSpan) throws(JSONError) {
        var scanner = JSONScanner(bytes)
        self = try scanner.value(depth: 0)
        try scanner.end()
    }

    /// Reads a whole document.
    public init(parsing text: String) throws(JSONError) {
        let bytes = Array(text.utf8)
        try self.init(parsing: bytes.raw)
    }
}

extension JSONScanner {
    fileprivate mutating func value(depth: Int) throws(JSONError) -> JSON {
        let next = peek()
        let isObject = next == UInt8(ascii: "{")
        guard isObject || next == UInt8(ascii: "[") else {
            switch try scalar() {
            case .null, .compound: return .null
            case .bool(let value): return .bool(value)
            case .integer(let value): return .integer(value)
            case .number(let value): return .number(value)
            case .string(let name): return .string(try text(name))
            }
        }
        if depth >= JSON.depthLimit { throw error("nested more than \(JSON.depthLimit) deep") }
        return isObject ? try object(depth: depth) : try array(depth: depth)
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSON {
        try expect(UInt8(ascii: "["))
        var elements: [JSON] = []
        if accept(UInt8(ascii: "]")) { return .array(elements) }
        repeat {
            elements.append(try value(depth: depth + 1))
        } while accept(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
        return .array(elements)
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSON {
        try expect(UInt8(ascii: "{"))
        var members: [JSON.Member] = []
        var names: Set<String> = []
        if accept(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            let name = try text(try string())
            guard names.insert(name).inserted else {
                throw error("member \"\(name)\" appears twice")
            }
            try expect(UInt8(ascii: ":"))
            members.append(JSON.Member(name, try value(depth: depth + 1)))
        } while accept(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
        return .object(members)
    }
}
