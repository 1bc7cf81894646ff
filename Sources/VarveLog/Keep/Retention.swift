public import VarveBytes
import VarveFormats
import VarveSystem

/// How long records of a stream are kept. Without a rule a stream is kept for good.
public struct RetentionRule: Sendable, Equatable {
    /// Records ingested longer ago may go.
    public var age: Duration?
    /// Records before the newest ones of this many bytes may go.
    public var bytes: Int64?

    /// A rule; either limit is enough for a record to go.
    public init(age: Duration? = nil, bytes: Int64? = nil) {
        self.age = age
        self.bytes = bytes
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

/// Which segments retention would remove, and why it stops there. Whole segments go, from the
/// beginning, each only when every stream in it allows it and nobody holds it.
public struct RetentionPlan: Sendable, Equatable {
    /// Segments that go.
    public internal(set) var segments = 0
    /// Bytes of their record batches.
    public internal(set) var bytes: Int64 = 0
    /// The first position that stays.
    public internal(set) var start: Position
    /// Why the next segment stays.
    public internal(set) var reason: String
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
        let segments = state.withIndex { $0.segments }
        let streams = state.withIndex { $0.streams.map(\.name) }
        let kept = try sizes(segments)
        var gone: [UInt32: Int64] = [:]
        var plan = RetentionPlan(
            start: startPosition, reason: "the open segment is never removed")
        for (index, segment) in segments.enumerated() {
            guard let trailer = segment.trailer, index + 1 < segments.count else { break }
            let end = trailer.summary.end
            if let hold = holds.filter({ $0.position.value < end }).min(by: {
                $0.position < $1.position
            }) {
                plan.reason =
                    "\(hold.name) needs the log from position \(hold.position.value) on; the"
                    + " segment goes to \(end)"
                return plan
            }
            let (_, footer) = try state.cache.footer(segment)
            for row in footer.rows {
                gone[row.stream, default: 0] += row.bytes
                let name = streams[Int(row.stream)]
                let left = kept[row.stream, default: 0] - gone[row.stream, default: 0]
                if let reason = Self.refusal(
                    rules[name], left: left, last: trailer.lastIngestTime, now: now)
                {
                    plan.reason = "stream \(name.name)/\(name.partition) \(reason)"
                    return plan
                }
            }
            plan.segments += 1
            plan.bytes += trailer.bodyBytes
            plan.start = Position(end)
        }
        return plan
    }

    /// Bytes of each stream's batches in all segments.
    private func sizes(_ segments: [Segment]) throws(ReadError) -> [UInt32: Int64] {
        var sizes: [UInt32: Int64] = [:]
        for segment in segments {
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
        _ rule: RetentionRule?, left: Int64, last: Int64, now: Timestamp
    ) -> String? {
        guard let rule, rule.age != nil || rule.bytes != nil else { return "is kept for good" }
        if let age = rule.age, now.microseconds - last > age.microseconds { return nil }
        if let bytes = rule.bytes, left >= bytes { return nil }
        return "keeps \(rule.age.map { "records for \($0)" } ?? "")"
            + "\(rule.bytes.map { "its newest \($0) bytes, \(left) would be left" } ?? "")"
    }

    /// Removes the segments of a plan: first it is noted what they were, so that the tree over all
    /// segments and the offsets go on; then readers are told; then the files go. A crash in
    /// between is brought to its end by the next opening.
    /// - Throws: `LogError.system`; nothing is removed when the note cannot be made durable.
    func remove(_ plan: RetentionPlan, _ directory: String, _ files: any FileSystem)
        throws(LogError)
    {
        let segments = state.withIndex { $0.segments }
            .filter { $0.isSealed && $0.base < plan.start.value }
        guard let last = segments.last else { return }
        let (summaries, _) = state.summaries()
        var retired = RetiredSegments()
        retired.summaries = Array(summaries.prefix(last.number + 1))
        retired.startOffsets = state.withIndex { $0.streams.map(\.startOffset) }
        for segment in segments {
            let rows: [SealedFooter.StreamRow]
            do {
                rows = try state.cache.footer(segment).footer.rows
            } catch {
                throw .system("\(error)")
            }
            for row in rows { retired.startOffsets[Int(row.stream)] = row.endOffset }
        }
        try Recovery.system { () throws(SystemError) in
            try files.replace(RetiredSegments.name, in: directory, with: retired.encoded())
        }
        state.removeSegments(before: last.number + 1, startOffsets: retired.startOffsets)
        try Recovery.system { () throws(SystemError) in
            for segment in segments { try files.remove(segment.path) }
            try files.syncDirectory(directory)
        }
    }
}
