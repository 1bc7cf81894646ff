import Glibc
import VarveBytes
import VarveFormats
import VarveLog
import VarveSystem

/// Measures the log against what the disk and memory allow, all in one run on one machine.
struct LogBench {
    let directory: String
    /// Bytes that each measurement moves.
    let volume: Int
    private let files = PosixFileSystem()
    private let clock = ContinuousClock()

    init(directory: String, megabytes: Int) {
        self.directory = directory
        volume = megabytes << 20
    }

    /// What a measurement took.
    private struct Cost {
        var seconds = 0.0
        /// Of all threads together.
        var cpuSeconds = 0.0
    }

    func run() throws {
        try files.createDirectory(directory)
        print("| what | MB/s | MB per CPU second | records/s | of raw |")
        print("| --- | --- | --- | --- | --- |")
        var raws: [Cost] = []
        for (records, bytes) in [(16, 1024), (1, 1024), (160, 100)] {
            // The disk's speed changes from second to second: each append has its own raw write.
            var pairs: [(raw: Cost, append: Cost)] = []
            for _ in 0..<3 {
                pairs.append((try rawWrite(group: 1 << 20), try append(records, bytes)))
            }
            raws += pairs.map(\.raw)
            pairs.sort {
                $0.raw.seconds / $0.append.seconds < $1.raw.seconds / $1.append.seconds
            }
            let middle = pairs[1]
            row(
                "append, \(bytes) B records, \(records) a batch", middle.append,
                records: volume / bytes, share: middle.raw.seconds / middle.append.seconds)
        }
        raws.sort { $0.seconds < $1.seconds }
        row("raw write + fdatasync, 1 MiB", raws[raws.count / 2])
        try read()
        try compressed()
        try manySegments()
    }

    /// Opens a log of a hundred sealed segments: their frames are not read.
    private func manySegments() throws {
        try remove("\(directory)/data/log")
        var options = LogOptions()
        options.segmentBytes = 1 << 20
        options.reserveBytes = 1 << 20
        let log = try Log.open(directory: "\(directory)/data", options: options)
        let name = StreamName(name: "bench", partition: 0)
        try log.createStreams([name])
        guard let stream = log.stream(name)?.id else { return }
        let batch = try batch(16, 1024)
        let count = (100 << 20) / batch.count
        for number in 0..<count {
            if number % 64 == 0 {
                _ = try log.append(batch, to: stream)
            } else {
                log.append(batch, to: stream) { _ in }
            }
        }
        try log.close()
        var again: Log?
        let spent = try cost { again = try Log.open(directory: "\(directory)/data") }
        row("opening 100 sealed segments of 1 MiB", spent, bytes: 100 << 20, records: count * 16)
        try again?.close()
        try remove("\(directory)/data/log")
    }

    private func row(
        _ what: String, _ cost: Cost, bytes: Int? = nil, records: Int? = nil, share: Double? = nil
    ) {
        let megabytes = Double(bytes ?? volume) / 1e6
        let share = share.map { "\(Int(($0 * 100).rounded())) %" } ?? ""
        let records = records.map { "\(Int(Double($0) / cost.seconds))" } ?? ""
        print(
            "| \(what) | \(Int(megabytes / cost.seconds)) | \(Int(megabytes / cost.cpuSeconds))"
                + " | \(records) | \(share) |")
    }

    private func cost(_ body: () throws -> Void) rethrows -> Cost {
        let before = Glibc.clock()
        let spent = try clock.measure(body)
        let used = Glibc.clock() - before
        return Cost(
            seconds: Double(spent.components.seconds)
                + Double(spent.components.attoseconds) / 1e18,
            cpuSeconds: Double(used) / 1e6)
    }

    private func remove(_ path: String) throws {
        for name in (try? files.list(path)) ?? [] { try files.remove("\(path)/\(name)") }
    }

    /// The same bytes in the same groups, into reserved space, and nothing else.
    private func rawWrite(group: Int) throws -> Cost {
        let path = "\(directory)/raw"
        let file = try files.open(path, .create)
        let bytes = (0..<group).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try file.allocate(0..<Int64(min(volume, 256 << 20)))
        try file.sync()
        let spent = try cost {
            var offset: Int64 = 0
            var end: Int64 = 256 << 20
            for _ in 0..<(volume / group) {
                if offset + Int64(group) > end {
                    try file.allocate(end..<(end + 256 << 20))
                    end += 256 << 20
                }
                try file.write(bytes.raw, at: offset)
                try file.sync()
                offset += Int64(group)
            }
        }
        try files.remove(path)
        return spent
    }

    private func batch(
        _ count: Int, _ bytes: Int, _ compression: Compression = .none
    ) throws -> [UInt8] {
        try RecordBatch.encode(
            (0..<count).map { number in
                Record(
                    key: Array("key-\(number)".utf8),
                    value: (0..<(bytes - 20)).map { UInt8(truncatingIfNeeded: $0 ^ number) },
                    timestamp: 1_700_000_000_000 + Int64(number))
            }, compression: compression)
    }

    /// Replays five million compressed records of 100 bytes, against the same batches through the
    /// checksum and the decompressor alone.
    private func compressed() throws {
        try remove("\(directory)/data/log")
        let log = try open()
        let name = StreamName(name: "bench", partition: 0)
        try log.createStreams([name])
        guard let stream = log.stream(name)?.id else { return }
        let perBatch = 1000
        // Lines of text such as clients send: they compress to a third or so.
        var random = SystemRandomNumberGenerator()
        let batch = try RecordBatch.encode(
            (0..<perBatch).map { number in
                let text = #"{"id": \#(number), "origin": "JFK", "delay": \#(random.next() % 9999), "#
                    + #""time": "2013-03-10T07:30:\#(10 + number % 50)Z", "carrier": "UA"}"#
                return Record(
                    key: Array("k\(number)".utf8), value: Array(text.utf8),
                    timestamp: 1_700_000_000_000 + Int64(number))
            }, compression: .lz4)
        let batches = 5000
        for number in 0..<batches {
            if number % 64 == 63 {
                _ = try log.append(batch, to: stream)
            } else {
                log.append(batch, to: stream) { _ in }
            }
        }
        var (records, bytes, sum): (Int, Int, Int64) = (0, 0, 0)
        var scratch: [UInt8] = []
        let replay = try cost {
            try log.read(from: Position(0), streams: [stream]) { frame in
                try RecordBatch.forEachRecord(frame.body, scratch: &scratch) { record in
                    records += 1
                    sum &+= record.timestamp
                    sum &+= Int64(record.value?.byteCount ?? 0)
                    sum &+= Int64(record.key?.byteCount ?? 0)
                }
                bytes += scratch.count
                return true
            }
        }
        let payload = Array(batch[RecordBatchHeader.size...])
        let limit = try cost {
            for _ in 0..<batches {
                sum &+= Int64(CRC32C.checksum(batch.raw))
                scratch.removeAll(keepingCapacity: true)
                try LZ4Frame.decompress(payload.raw, into: &scratch, limit: 1 << 26)
                sum &+= Int64(scratch.count)
            }
        }
        row(
            "read lz4 batches, to key, value and time", replay, bytes: bytes, records: records,
            share: limit.cpuSeconds / replay.cpuSeconds)
        row("the same batches, CRC and lz4 alone", limit, bytes: bytes, records: records)
        print(sum == 0 ? "nothing was read" : "")
        try log.close()
    }

    private func open() throws -> Log {
        var options = LogOptions()
        options.groupBytes = 1 << 20
        options.mailboxBytes = 8 << 20
        return try Log.open(directory: "\(directory)/data", options: options)
    }

    /// Appends batches as fast as the log takes them, in groups of at most 1 MiB.
    private func append(_ perBatch: Int, _ bytes: Int) throws -> Cost {
        try remove("\(directory)/data/log")
        let log = try open()
        let name = StreamName(name: "bench", partition: 0)
        try log.createStreams([name])
        guard let stream = log.stream(name)?.id else { return Cost() }
        let batch = try batch(perBatch, bytes)
        let count = volume / (perBatch * bytes)
        let spent = cost {
            let done = Monitor(0)
            for _ in 0..<count {
                log.append(batch, to: stream) { _ in
                    done.withLock { $0 += 1 }
                    done.wakeAll()
                }
            }
            done.wait(until: { $0 == count }) { _ in }
        }
        try log.close()
        return spent
    }

    /// Replays what the last append left, to key, value and time of every record.
    private func read() throws {
        var log = try open()
        var (records, bytes, sum): (Int64, Int64, Int64) = (0, 0, 0)
        var scratch: [UInt8] = []
        for decodes in [false, true] {
            records = 0
            bytes = 0
            let spent = try cost {
                try log.read(from: Position(0)) { frame in
                    records += Int64(frame.count)
                    bytes += Int64(frame.body.byteCount)
                    if decodes {
                        try RecordBatch.forEachRecord(frame.body, scratch: &scratch) { record in
                            sum &+= record.timestamp
                            sum &+= Int64(record.value?.byteCount ?? 0)
                            sum &+= Int64(record.key?.byteCount ?? 0)
                        }
                    }
                    return true
                }
            }
            row(
                decodes ? "read, to key, value and time" : "read frames, checked", spent,
                bytes: Int(bytes), records: Int(records))
        }
        let checksum = try cost {
            var block = [UInt8](repeating: 1, count: 4 << 20)
            let path = "\(directory)/data/log"
            for name in try files.list(path) where name.hasSuffix(".varve") {
                let file = try files.open("\(path)/\(name)", .read)
                var offset: Int64 = 0
                while case let count = try file.read(
                    block.count, at: offset, into: &block, start: 0),
                    count > 0
                {
                    sum &+= Int64(CRC32C.checksum(block.raw.extracting(0..<count)))
                    offset += Int64(count)
                }
            }
        }
        row("the same files, pread + CRC alone", checksum, bytes: Int(bytes))
        try log.close()
        row(
            "opening the log", try cost { log = try open() }, bytes: Int(bytes),
            records: Int(records))
        let verified = try cost {
            sum += try LogVerifier(directory: "\(directory)/data").verify().frames
        }
        row("verifying it", verified, bytes: Int(bytes), records: Int(records))
        print(sum == 0 ? "nothing was read" : "")
        try log.close()
        try remove("\(directory)/data/log")
    }
}
