import VarveBytes
import VarveFormats
import VarveSystem

extension LogReader {
    /// What the index knows of a stream's frames from an offset on.
    private struct StreamView {
        /// Sealed segments, from the one that holds the offset on.
        var sealed: [Segment] = []
        /// Frames of segments that are not sealed, in order.
        var frames: [(segment: Segment, entry: FrameEntry)] = []
    }

    /// Appends whole batches of a stream to `output`, from the one that holds `offset` on: at
    /// least one, then as many as fit `maxBytes`. Nothing when the offset is the high watermark.
    /// A redacted batch is given without its records.
    public func readStream(
        _ stream: StreamID, from offset: Int64, maxBytes: Int, into output: inout [UInt8]
    ) throws(ReadError) {
        let start = output.count
        let view = try view(of: stream, from: offset, maxBytes: maxBytes)
        var scratch: [UInt8] = []
        for segment in view.sealed {
            let (_, footer) = try state.cache.footer(segment)
            guard let row = footer.row(of: stream.value) else { continue }
            // The last checkpoint at or before the offset; later segments begin after it.
            var number = 0
            while number + 1 < footer.checkpointCount(row),
                footer.checkpoint(row, number + 1).baseOffset <= offset
            { number += 1 }
            while number < footer.checkpointCount(row) {
                let entries = try entries(footer, row, number, segment)
                    .filter { $0.endOffset > offset }
                if try fetch(entries, segment, start, maxBytes, &scratch, &output) { return }
                number += 1
            }
        }
        for (segment, entry) in view.frames {
            if try fetch([entry], segment, start, maxBytes, &scratch, &output) { return }
        }
    }

    private func entries(
        _ footer: SealedFooter, _ row: SealedFooter.StreamRow, _ checkpoint: Int,
        _ segment: Segment
    ) throws(ReadError) -> [FrameEntry] {
        do {
            return try footer.entries(row, checkpoint: checkpoint)
        } catch {
            throw .system("\(segment.path): the footer is not as it should be: \(error)")
        }
    }

    /// Appends frames' bodies while they fit; answers whether there is no more room.
    private func fetch(
        _ entries: [FrameEntry], _ segment: Segment, _ start: Int, _ maxBytes: Int,
        _ scratch: inout [UInt8], _ output: inout [UInt8]
    ) throws(ReadError) -> Bool {
        var fitting: [FrameEntry] = []
        var size = output.count - start
        for entry in entries {
            size += Int(entry.bodyLength)
            if size > maxBytes, size > Int(entry.bodyLength) { break }
            fitting.append(entry)
        }
        do {
            _ = try read(fitting[...], of: segment, into: &scratch) { frame in
                if frame.isRedacted {
                    output += Redaction.emptyBatch(frame)
                } else {
                    output.append(copying: frame.body)
                }
                return true
            }
        } catch let error as ReadError {
            throw error
        } catch {
            throw .system("\(error)")
        }
        return fitting.count < entries.count
    }

    private func view(of stream: StreamID, from offset: Int64, maxBytes: Int)
        throws(ReadError) -> StreamView
    {
        let result: Result<StreamView, ReadError> = state.withIndex { index in
            let number = Int(stream.value)
            guard number < index.streams.count else { return .failure(.unknownStream(stream)) }
            let known = index.streams[number]
            guard offset >= known.startOffset, offset <= known.highWatermark else {
                return .failure(.offsetOutOfRange(offset, end: known.highWatermark))
            }
            var view = StreamView()
            let first = max(0, known.sealed.partitioningIndex { $0.firstOffset > offset } - 1)
            for place in known.sealed[min(first, known.sealed.count)...] {
                guard let at = index.index(of: place.segment) else { continue }
                view.sealed.append(index.segments[at])
            }
            let next = known.frames.partitioningIndex {
                (index.entry($0)?.endOffset ?? 0) > offset
            }
            var bytes = 0
            for place in known.frames[next...] {
                guard let at = index.index(of: place.segment) else { continue }
                var segment = index.segments[at]
                let entry = segment.entries[place.entry]
                segment.entries = []
                bytes += Int(entry.bodyLength)
                if !view.frames.isEmpty, bytes > maxBytes { break }
                view.frames.append((segment, entry))
            }
            return .success(view)
        }
        return try result.get()
    }

    /// The offset of the first batch with a timestamp at or after this one, in milliseconds, and
    /// that batch's largest timestamp; nil when there is none. Timestamps are the producers': they
    /// need not ascend.
    public func firstOffset(atOrAfter time: Int64, in stream: StreamID) throws(ReadError) -> (
        offset: Int64, timestamp: Int64
    )? {
        let start = state.withIndex { index in
            Int(stream.value) < index.streams.count
                ? index.streams[Int(stream.value)].startOffset : nil
        }
        guard let start else { throw .unknownStream(stream) }
        let view = try view(of: stream, from: start, maxBytes: .max)
        for segment in view.sealed {
            let (_, footer) = try state.cache.footer(segment)
            guard let row = footer.row(of: stream.value), row.largestTimestamp >= time else {
                continue
            }
            // The frame is before the first checkpoint that has seen such a timestamp.
            var number = 0
            while number + 1 < footer.checkpointCount(row),
                footer.checkpoint(row, number + 1).largestBefore < time
            { number += 1 }
            for entry in try entries(footer, row, number, segment)
            where entry.kind == .batch && entry.maxTimestamp >= time {
                return (entry.baseOffset, entry.maxTimestamp)
            }
        }
        for (_, entry) in view.frames where entry.kind == .batch && entry.maxTimestamp >= time {
            return (entry.baseOffset, entry.maxTimestamp)
        }
        return nil
    }
}
