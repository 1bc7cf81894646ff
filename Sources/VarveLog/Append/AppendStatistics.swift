public import VarveSystem

/// What the appender has done since the log was opened. Written by its thread, read by any.
public final class AppendStatistics: Sendable {
    /// The numbers at one moment.
    public struct Numbers: Sendable {
        /// Seconds of each write and sync of a group.
        public internal(set) var syncSeconds = Histogram(Histogram.seconds)
        /// Frames in each group.
        public internal(set) var groupFrames = Histogram(Histogram.numbers)
        /// Bytes of frames.
        public internal(set) var bytes = 0
    }

    private let state = Monitor(Numbers())

    /// The numbers now.
    public var numbers: Numbers { state.withLock { $0 } }

    func add(frames: Int, bytes: Int, took time: Duration) {
        state.withLock { state in
            state.syncSeconds.add(time.inSeconds)
            state.groupFrames.add(Double(frames))
            state.bytes += bytes
        }
    }
}
