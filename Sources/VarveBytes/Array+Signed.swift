extension [UInt64] {
    /// The same bits as signed numbers.
    public var signed: [Int64] {
        let words = self.span
        return [Int64](count: words.count) { signed in
            for index in words.indices { signed[index] = Int64(bitPattern: words[index]) }
        }
    }
}
