import VarveBytes
import VarveFormats
import VarveSystem

/// A segment file as text, one line for each thing in it.
struct SegmentDump {
    private let path: String
    private let file: any File
    private let size: Int64

    init(_ path: String, _ files: any FileSystem) throws(LogError) {
        self.path = path
        (file, size) = try Recovery.system { () throws(SystemError) in
            let file = try files.open(path, .read)
            return (file, try file.size())
        }
    }

    func write(_ line: (String) -> Bool) throws(LogError) {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        guard line("segment \(name), \(size) bytes") else { return }
        let header = try SegmentHeader(readFrom: file)
        for text in Self.lines(header) where !line(text) { return }
        let footer = try Recovery.system { () throws(SystemError) in
            try SealedFooter(file, log: header.log, base: header.basePosition)
        }
        let end = footer?.trailer.footerOffset ?? size
        if header.isRetired {
            guard line("records removed by retention, up to \(end)") else { return }
        } else {
            guard try frames(header, end, line) else { return }
        }
        if let footer { try self.footer(footer, line) }
    }

    private static func lines(_ header: SegmentHeader) -> [String] {
        [
            "header at 0: format \(SegmentHeader.version), log \(header.log.bytes.hex), epoch"
                + " \(header.epoch), segment \(header.number), base position"
                + " \(header.basePosition), created \(time(header.creationTime))",
            "  previous root \(header.previousRoot)",
            "  history root  \(header.historyRoot)",
        ]
    }

    private static func time(_ microseconds: Int64) -> String {
        "\(Timestamp(microseconds: microseconds))"
    }

    private func frames(_ header: SegmentHeader, _ end: Int64, _ line: (String) -> Bool)
        throws(LogError) -> Bool
    {
        var window = FileWindow(
            file, size: end, log: header.log, base: header.basePosition, block: SegmentScan.block)
        var offset = Int64(SegmentHeader.size)
        while offset < end {
            if let (frame, bodyStart) = try window.frame(at: offset) {
                let body = window.bytes.raw.extracting(
                    bodyStart..<(bodyStart + Int(frame.bodyLength)))
                for text in Self.lines(frame, body, at: offset) where !line(text) { return false }
                offset += Int64(frame.frameSize)
                continue
            }
            let start = offset
            let rest = try window.survey(from: offset, notOlderThan: 0)
            if rest.isZero { return line("zeros from \(start) to \(end)") }
            repeat {
                offset += 8
                if offset < end, try window.frame(at: offset) != nil { break }
            } while offset < end
            guard line("no valid frame from \(start) to \(min(offset, end))") else { return false }
        }
        return true
    }

    private static func lines(_ header: FrameHeader, _ body: RawSpan, at offset: Int64) -> [String]
    {
        let common =
            "ingested \(time(header.ingestTime)), promises \(header.commitPromised), epoch"
            + " \(header.epoch)"
        switch header.kind {
        case .tick:
            return ["frame at \(offset): tick at position \(header.basePosition), \(common)"]
        case .redacted:
            return [
                "frame at \(offset): redacted, positions \(header.basePosition)..<"
                    + "\(header.endPosition), stream \(header.stream), offset \(header.baseOffset),"
                    + " \(common)",
                "  leaf hash \(body.extracting(0..<32).copied().hex)",
            ]
        case .batch:
            var lines = [
                "frame at \(offset): batch, positions \(header.basePosition)..<"
                    + "\(header.endPosition), stream \(header.stream), offset \(header.baseOffset),"
                    + " body \(header.bodyLength) bytes, crc \(header.bodyChecksum.paddedHex),"
                    + " flags \(header.flags), \(common)"
            ]
            if let batch = try? RecordBatchHeader(reading: body) {
                lines.append(
                    "  \(batch.recordCount) records, \(batch.compression.map { "\($0)" } ?? "?"),"
                        + " producer \(batch.producerID) epoch \(batch.producerEpoch) sequence"
                        + " \(batch.baseSequence), timestamps \(batch.baseTimestamp) to"
                        + " \(batch.maxTimestamp) ms")
            }
            return lines
        }
    }

    private func footer(_ footer: SealedFooter, _ line: (String) -> Bool) throws(LogError) {
        let trailer = footer.trailer
        guard line("footer at \(trailer.footerOffset), \(trailer.footerLength) bytes") else {
            return
        }
        for kind in SegmentFooter.Section.allCases {
            let bytes = try Recovery.system { () throws(SystemError) in
                try footer.section(kind, of: file)
            }
            let length = bytes.map { "\($0.count) bytes" } ?? "damaged"
            guard
                line("  section \(kind.rawValue) \(kind) at \(footer.offset(of: kind)): \(length)")
            else { return }
            guard let bytes else { continue }
            for text in Self.lines(kind, bytes) where !line("    " + text) { return }
        }
        let summary = trailer.summary
        for text in [
            "trailer: positions \(summary.base)..<\(summary.end), \(summary.frames) frames,"
                + " \(trailer.bodyBytes) body bytes, ingested \(Self.time(trailer.firstIngestTime))"
                + " to \(Self.time(trailer.lastIngestTime)), epoch \(trailer.epoch)",
            "  root \(summary.root)",
        ] where !line(text) { return }
    }

    private static func lines(_ kind: SegmentFooter.Section, _ bytes: [UInt8]) -> [String] {
        switch kind {
        case .streams:
            return SealedFooter.rows(bytes).map { row in
                "stream \(row.stream): offsets \(row.firstOffset)..<\(row.endOffset), \(row.frames)"
                    + " frames, \(row.bytes) bytes, timestamps \(row.leastTimestamp) to"
                    + " \(row.largestTimestamp) ms"
            }
        case .streamTable:
            guard let table = try? StreamTable(reading: bytes.raw) else { return ["unreadable"] }
            return table.names.indices.map { number in
                let name = table.names[number]
                return "stream \(number) \(name.name)/\(name.partition): next"
                    + " offset \(table.nextOffsets[number])"
            }
        case .producers:
            guard let table = try? ProducerTable(reading: bytes.raw) else { return ["unreadable"] }
            return table.producers.sorted {
                ($0.key.stream, $0.key.producer) < ($1.key.stream, $1.key.producer)
            }.map { key, producer in
                "producer \(key.producer) on stream \(key.stream): epoch \(producer.epoch),"
                    + " sequences "
                    + producer.batches.map { "\($0.firstSequence)-\($0.lastSequence)" }
                    .joined(separator: " ")
            }
        case .leaves:
            return stride(from: 0, to: bytes.count - 31, by: 32).map {
                Array(bytes[$0..<($0 + 32)]).hex
            }
        case .frames, .blocks, .postings, .checkpoints:
            return []
        }
    }
}
