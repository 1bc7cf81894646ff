import VarveBytes
import VarveFormats
import VarveSystem

/// Reads committed records; any number of threads may share it. It never waits for the appender
/// beyond a look into the index.
public struct LogReader: Sendable {
    let state: LogState

    init(_ state: LogState) { self.state = state }

    /// The log's name.
    public var id: LogID { state.log }

    /// Every record below it is durable; nothing at or above it is seen.
    public var commitPosition: Position { Position(state.commit.withLock { $0 }) }

    /// The first position that is still there; behind it, too, retention may have removed some.
    public var startPosition: Position {
        Position(state.withIndex { $0.segments.first { !$0.isRetired }?.base ?? 0 })
    }

    /// The head over everything that is committed. Waits until the last group is hashed: not for
    /// completions and observers of the appender.
    public func head() -> LogHead { LogHead(id, state.summaries().segments) }

    /// Why the log stopped appending; nil while it goes on.
    public var failure: AppendError? { state.failure }

    /// All streams, in order of their numbers.
    public func streams() -> [StreamInfo] {
        state.withIndex { index in
            index.streams.enumerated().map { StreamInfo($1, StreamID(UInt32($0))) }
        }
    }

    /// One stream by name.
    public func stream(_ name: StreamName) -> StreamInfo? {
        state.withIndex { index in
            index.ids[name].map { StreamInfo(index.streams[Int($0.value)], $0) }
        }
    }

    /// One stream by number.
    public func stream(_ id: StreamID) -> StreamInfo? {
        state.withIndex { index in
            let number = Int(id.value)
            return number < index.streams.count ? StreamInfo(index.streams[number], id) : nil
        }
    }
}

extension StreamInfo {
    init(_ stream: LogIndex.Stream, _ id: StreamID) {
        self.init(
            id: id, name: stream.name, startOffset: stream.startOffset,
            highWatermark: stream.highWatermark)
    }
}
