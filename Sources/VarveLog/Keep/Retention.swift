public import VarveBytes
import VarveFormats
import VarveSystem

/// How long records of a stream are kept. Without a rule a stream is kept for good.
public struct RetentionRule: Sendable, Equatable {
    /// Records ingested longer ago may go.
    public var age: Duration?
    /// Records before the newest ones of this many bytes may go.
    public var bytes: Int64?
    /// Records below this offset may go.
    public var offset: Int64?
    /// Why nothing may go all the same; nil: the limits decide.
    public var need: String?

    /// A rule; any limit is enough for a record to go.
    public init(
        age: Duration? = nil, bytes: Int64? = nil, offset: Int64? = nil, need: String? = nil
    ) {
        self.age = age
        self.bytes = bytes
        self.offset = offset
        self.need = need
    }
}

/// Somebody who still needs the log from a position on: a projection, a backup.
public struct RetentionHold: Sendable, Equatable {
    /// Its name, for messages.
    public var name: String
    /// The first position it needs.
    public var position: Position

    /// A hold.
    public init(name: String, position: Position) {
        self.name = name
        self.position = position
    }
}

/// Which segments retention would remove, and why the others stay. Whole segments go, each only
/// when every stream in it allows it and nobody holds it. The last two stay: opening the log may
/// have to read on from the one before the open one.
public struct RetentionPlan: Sendable, Equatable {
    /// Why some segments stay.
    public struct Refusal: Sendable, Equatable {
        /// The rule or hold that keeps them.
        public var reason: String
        /// How many it keeps.
        public var segments: Int
    }

    /// The positions of the segments that go, ascending.
    public internal(set) var segments: [Range<Int64>] = []
    /// Bytes of their record batches.
    public internal(set) var bytes: Int64 = 0
    /// Why the others stay, the oldest segment's reason first.
    public internal(set) var refusals: [Refusal] = []

    mutating func refuse(_ reason: String) {
        if let known = refusals.firstIndex(where: { $0.reason == reason }) {
            refusals[known].segments += 1
        } else {
            refusals.append(Refusal(reason: reason, segments: 1))
        }
    }
}

extension LogReader {
    /// Plans what may go.
    /// - Parameters:
    ///   - rules: by stream; streams that are not named are kept.
    ///   - holds: who needs what.
    ///   - now: the present time, for ages.
    public func planRetention(
        rules: [StreamName: RetentionRule], holds: [RetentionHold], now: Timestamp
    ) throws(ReadError) -> RetentionPlan {
        let (segments, streams) = state.withIndex { ($0.segments, $0.streams.map(\.name)) }
        var newer = try sizes(segments)
        var plan = RetentionPlan()
        for segment in segments.dropLast(2) where !segment.isRetired {
            guard let trailer = segment.trailer, trailer.sections > 0 else { break }
            let rows = try state.cache.footer(segment).footer.rows
            for row in rows { newer[row.stream, default: 0] -= row.bytes }
            var reason = holds.filter { $0.position.value < trailer.summary.end }
                .min { $0.position < $1.position }
                .map { "\($0.name) needs the log from position \($0.position.value) on" }
            for row in rows where reason == nil {
                let name = streams[Int(row.stream)]
                reason = Self.refusal(
                    rules[name] ?? RetentionRule(), newer: newer[row.stream, default: 0],
                    end: row.endOffset, age: now.microseconds - trailer.lastIngestTime
                ).map { "stream \(name.name)/\(name.partition) \($0)" }
            }
            if let reason {
                plan.refuse(reason)
            } else {
                plan.segments.append(trailer.summary.base..<trailer.summary.end)
                plan.bytes += trailer.bodyBytes
            }
        }
        return plan
    }

    /// Bytes of each stream's batches that are there.
    private func sizes(_ segments: [Segment]) throws(ReadError) -> [UInt32: Int64] {
        var sizes: [UInt32: Int64] = [:]
        for segment in segments where !segment.isRetired {
            if segment.isSealed {
                for row in try state.cache.footer(segment).footer.rows {
                    sizes[row.stream, default: 0] += row.bytes
                }
            } else {
                for entry in segment.entries where entry.kind == .batch {
                    sizes[entry.stream, default: 0] += Int64(entry.bodyLength)
                }
            }
        }
        return sizes
    }

    /// Why a rule keeps a segment; nil when it lets it go.
    private static func refusal(
        _ rule: RetentionRule, newer: Int64, end: Int64, age: Int64
    ) -> String? {
        if let need = rule.need { return "is needed: \(need)" }
        if let limit = rule.age, age > limit.microseconds { return nil }
        if let bytes = rule.bytes, newer >= bytes { return nil }
        if let offset = rule.offset, end <= offset { return nil }
        let limits = [
            rule.age.map { "records for \($0)" }, rule.bytes.map { "its newest \($0) bytes" },
            rule.offset.map { "what is at offset \($0) and above" },
        ].compactMap { $0 }
        return limits.isEmpty ? "is kept for good" : "keeps " + limits.joined(separator: " and ")
    }

    /// Removes the records of a plan's segments, one after the other: the file is replaced, then
    /// readers are told. What was removed before an error or a crash stays removed.
    /// - Returns: the plan as it was carried out.
    func remove(_ plan: RetentionPlan, _ directory: String, _ files: any FileSystem)
        throws(LogError) -> RetentionPlan
    {
        var done = plan
        (done.segments, done.bytes) = ([], 0)
        for positions in plan.segments {
            let segment = state.withIndex { index in
                index.segments.first { $0.base == positions.lowerBound && $0.isSealed }
            }
            guard let segment, !segment.isRetired else { continue }
            guard let footer = try retire(segment, files) else {
                done.refuse("the footer of \(segment.path) is damaged, see \"varve log verify\"")
                continue
            }
            state.retire(segment.number, rows: footer.rows)
            done.segments.append(positions)
            done.bytes += footer.trailer.bodyBytes
        }
        try Recovery.system { () throws(SystemError) in try files.syncDirectory(directory) }
        return done
    }

    /// Replaces the file of a segment; answers the footer, which is all that is left, or nil when
    /// it is not whole.
    private func retire(_ segment: Segment, _ files: any FileSystem) throws(LogError)
        -> SealedFooter?
    {
        let file = try Recovery.system { () throws(SystemError) in
            try files.open(segment.path, .read)
        }
        let header = try SegmentHeader(readFrom: file)
        return try Recovery.system { () throws(SystemError) in
            guard var footer = try SealedFooter(file, log: id, base: segment.base),
                try footer.isWhole(in: file), try footer.load(from: file)
            else { return nil }
            try RetiredSegment.replace(segment.path, header, footer.trailer, file, files)
            return footer
        }
    }
}
