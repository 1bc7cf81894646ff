import VarveSystem

extension Socket {
    /// All that the other side writes until it closes.
    func rest() throws -> [UInt8] {
        var found: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case .bytes(let count) = try read(into: &buffer, from: 0) {
            found += buffer.prefix(count)
        }
        return found
    }

    /// The same as text.
    func restAsText() throws -> String { String(decoding: try rest(), as: UTF8.self) }
}
