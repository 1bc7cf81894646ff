import VarveBytes
import VarveFormats
import VarveLog
import VarveSystem

extension Simulation {
    /// Has a group of requests appended, and checks every answer.
    mutating func appendGroup(_ core: inout LogCore) throws {
        let count = 1 + (random.chance(50) ? 0 : random.below(8))
        let answers = Answers(count)
        var intents: [Workload.Intent] = []
        var requests: [LogRequest] = []
        var sent: [Int: Int] = [:]
        for number in 0..<count {
            let (intent, request) = try request(number, answers, &sent)
            intents.append(intent)
            requests.append(request)
        }
        let failure = Result { () throws(AppendError) in try core.process(requests) }
        let results = try answers.all()
        var blocked: Set<Int> = []
        for (intent, result) in zip(intents, results) {
            try settle(intent, result, &blocked)
        }
        let hasStopped = results.contains {
            if case .failure(.stopped) = $0 { true } else { false }
        }
        if case .success = failure {
            try require(!hasStopped, "a batch was refused for good, but the log goes on")
            try require(
                core.commitPosition.value == model.end,
                "the commit position is \(core.commitPosition.value), expected \(model.end)")
        }
        try failure.get()
    }

    /// Makes up one request and what its answer must be.
    private mutating func request(
        _ number: Int, _ answers: Answers, _ sent: inout [Int: Int]
    ) throws -> (Workload.Intent, LogRequest) {
        if model.streams.count < 2 || random.chance(6) {
            let names = Workload.streamNames(&random)
            return (.streams(names), .streams(names, answers.streams(number)))
        }
        let stream = UInt32(1 + random.below(model.streams.count - 1))
        let producer = workload.producer(for: stream, &random)
        // As Kafka's producers do: at most five in flight, as many as the log remembers.
        let isBusy = sent[producer, default: 0] >= Workload.inFlight
        switch isBusy ? 6 : random.below(100) {
        case 0..<3:
            let (bytes, _) = try batch()
            return (.refuse, .batch(bytes, StreamID(9999), [], answers.batch(number)))
        case 3..<6:
            var (bytes, _) = try batch()
            bytes[21 + random.below(bytes.count - 21)] ^= 1 << UInt8(random.below(8))
            return (.refuse, .batch(bytes, StreamID(stream), [], answers.batch(number)))
        case 6..<40:
            let (bytes, count) = try batch()
            let flags: FrameFlags = random.chance(10) ? .quarantined : []
            let id = model.submit(
                LogModel.Batch(
                    bytes: bytes, stream: stream, count: count,
                    isQuarantined: flags == .quarantined))
            return (
                .place(batch: id, producer: nil),
                .batch(bytes, StreamID(stream), flags, answers.batch(number))
            )
        default:
            let (intent, bytes) = try idempotent(producer, &sent)
            return (intent, .batch(bytes, StreamID(stream), [], answers.batch(number)))
        }
    }

    private mutating func batch(
        producerID: Int64 = -1, epoch: Int16 = -1, sequence: Int32 = -1
    ) throws -> (bytes: [UInt8], count: Int) {
        let system = system
        return try Workload.batch(
            &random, largest: largestValue,
            decoy: {
                let disk = system.disk
                let names = (try? disk.list(Self.logDirectory)) ?? []
                guard let name = names.last(where: { $0.hasSuffix(".varve") }) else { return [] }
                return (try? disk.bytes("\(Self.logDirectory)/\(name)")) ?? []
            }, producerID: producerID, epoch: epoch, sequence: sequence)
    }

    /// What an idempotent producer sends: what it got no good answer for first; now and then
    /// something it sent before, or something wrong.
    private mutating func idempotent(_ index: Int, _ sent: inout [Int: Int]) throws
        -> (Workload.Intent, [UInt8])
    {
        var producer = workload.producers[index]
        defer { workload.producers[index] = producer }
        let turn = sent[index] ?? 0
        if turn == 0, producer.unanswered.isEmpty, !producer.acknowledged.isEmpty {
            switch random.below(20) {
            case 0:
                let id = random.pick(producer.acknowledged)
                return (.duplicate(batch: id), model.batches[id].bytes)
            case 1:
                let (bytes, _) = try batch(
                    producerID: producer.id, epoch: producer.epoch,
                    sequence: producer.nextSequence + 7)
                return (.refuse, bytes)
            case 2:
                let (bytes, _) = try batch(
                    producerID: producer.id, epoch: producer.epoch - 1, sequence: 0)
                return (.refuse, bytes)
            case 3:
                producer.epoch += 1
                producer.nextSequence = 0
                producer.acknowledged = []
            default: break
            }
        }
        sent[index] = turn + 1
        if turn < producer.unanswered.count {
            let id = producer.unanswered[turn]
            let isThere = model.batches[id].base != nil
            return (
                isThere ? .duplicate(batch: id) : .place(batch: id, producer: index),
                model.batches[id].bytes
            )
        }
        let (bytes, count) = try batch(
            producerID: producer.id, epoch: producer.epoch, sequence: producer.nextSequence)
        let id = model.submit(
            LogModel.Batch(
                bytes: bytes, stream: producer.stream, count: count, isQuarantined: false))
        producer.nextSequence += Int32(count)
        producer.unanswered.append(id)
        return (.place(batch: id, producer: index), bytes)
    }

    private mutating func settle(
        _ intent: Workload.Intent, _ result: Result<Appended?, AppendError>,
        _ blocked: inout Set<Int>
    ) throws(Violation) {
        switch (intent, result) {
        case (.place(let id, let producer), .success(let placed?)):
            let stream = Int(model.batches[id].stream)
            try require(
                placed.basePosition.value == model.end
                    && placed.baseOffset == model.highWatermark(stream)
                    && placed.count == model.batches[id].count && !placed.isDuplicate,
                "a batch went to \(placed), expected position \(model.end), offset"
                    + " \(model.highWatermark(stream))")
            try require(
                placed.ingestTime.microseconds >= lastIngestTime, "the ingest time went back")
            lastIngestTime = placed.ingestTime.microseconds
            model.establish(.batch(id))
            if let producer { workload.acknowledge(id, of: producer) }
        case (.place(let id, let producer), .failure(let error)):
            switch error {
            case .stopped: model.doubt(.batch(id))
            case .outOfSpace:
                try require(mayLackSpace, "no space, although there is some")
            case .outOfOrderSequence:
                try require(
                    producer.map { blocked.contains($0) } ?? false,
                    "batch \(id) was refused: \(error); its producer is"
                        + " \(producer.map { "\(workload.producers[$0])" } ?? "not idempotent")")
            default: throw Violation("the batch was refused: \(error)")
            }
            if let producer { blocked.insert(producer) }
        case (.duplicate(let id), .success(let placed?)):
            try require(
                placed.isDuplicate && placed.basePosition.value == model.batches[id].base,
                "a retry went to \(placed), expected \(model.batches[id].base ?? -1)")
            for index in workload.producers.indices
            where workload.producers[index].unanswered.contains(id) {
                workload.acknowledge(id, of: index)
            }
        case (.streams(let names), .success):
            let missing = model.missing(names)
            if !missing.isEmpty { model.establish(.streams(missing)) }
        case (.streams(let names), .failure(.stopped)):
            let missing = model.missing(names)
            if !missing.isEmpty { model.doubt(.streams(missing)) }
        case (.streams, .failure(.outOfSpace)):
            try require(mayLackSpace, "no space, although there is some")
        case (_, .failure(.stopped)): break
        case (.refuse, .failure): break
        case (.refuse, .success): throw Violation("a wrong batch was appended")
        default: throw Violation("\(intent) was answered with \(result)")
        }
    }

    /// Reads a range of positions of some streams, a piece of a stream, or looks a time up, and
    /// compares with the model.
    mutating func readSomething(_ reader: LogReader) throws {
        switch random.below(10) {
        case 0..<4: try readPositions(reader)
        case 4..<8: try readStream(reader)
        default: try prove(reader)
        }
    }

    /// Has retention remove what some rules let go.
    mutating func retain(_ core: LogCore) throws {
        var rules: [StreamName: RetentionRule] = [:]
        for name in model.streams where random.chance(80) {
            rules[name] =
                random.chance(50)
                ? RetentionRule(bytes: Int64(random.below(3000)))
                : RetentionRule(age: .microseconds(random.below(20_000)))
        }
        let holds =
            random.chance(20)
            ? [RetentionHold(name: "x", position: Position(Int64(random.below(Int(model.end) + 1))))]
            : []
        let plan = try core.reader.planRetention(rules: rules, holds: holds, now: clock.now())
        let held = holds.first?.position.value ?? .max
        try require(
            plan.segments.allSatisfy { $0.upperBound <= held }, "a segment that was held is removed")
        model.beginRemoval(plan.segments)
        statistics.removals += plan.segments.count
        let removed = Result { () throws(LogError) in try core.remove(plan) }
        switch removed {
        case .success(let plan): model.endRemoval(plan.segments)
        case .failure(.system):
            if system.downBy == nil { try model.check(core.reader, mayAdopt: false) }
        case .failure(let error): throw Violation("a removal failed: \(error)")
        }
    }

    /// Proves a record under the present head, and that earlier heads are a part of it; notes the
    /// head.
    private mutating func prove(_ reader: LogReader) throws {
        let head = reader.head()
        try require(
            head.position.value == model.end,
            "the head is at position \(head.position.value), expected \(model.end)")
        let position = Int64(random.below(max(1, Int(model.end))))
        if model.end > 0, !model.isGone(position) {
            let proof = try reader.prove(Position(position))
            let evidence = try proof.check(headHash: head.root)
            let frame = model.frames[model.index(of: position)]
            try require(
                evidence.positions == frame.base..<frame.end
                    && evidence.stream.value == frame.stream && evidence.baseOffset == frame.offset,
                "the proof of position \(position) shows \(evidence.positions)")
            if case .batch(let id) = frame.content {
                try require(
                    LogModel.areEqual(evidence.batch.raw, model.batches[id].bytes),
                    "the proof of position \(position) shows another batch")
            }
        }
        if !heads.isEmpty {
            let old = random.pick(heads)
            let proof = try reader.proveConsistency(since: old)
            try proof.check(oldHash: old.root, newHash: head.root)
        }
        heads.append(head)
    }

    private mutating func readPositions(_ reader: LogReader) throws {
        let start = Int64(random.below(Int(model.end) + 1))
        let end = start + Int64(random.below(Int(model.end - start) + 2))
        let wanted: Set<StreamID>? =
            random.chance(40)
            ? nil
            : Set((0..<3).map { _ in StreamID(UInt32(random.below(model.streams.count))) })
        let first = model.index(of: start)
        let expected = model.frames[first...].prefix { $0.base < end && start < end }.filter {
            !$0.isGone && wanted?.contains(StreamID($0.stream)) ?? true
        }
        var seen = 0
        let expectations = model
        try reader.read(from: Position(start), upTo: Position(end), streams: wanted) { frame in
            try require(seen < expected.count, "more frames than there are in \(start)..<\(end)")
            try expectations.check(frame, equals: expected[seen])
            seen += 1
            return true
        }
        try require(
            seen == expected.count,
            "\(seen) frames in \(start)..<\(end), expected \(expected.count)")
    }

    private mutating func readStream(_ reader: LogReader) throws {
        let stream = random.below(model.streams.count)
        let end = model.highWatermark(stream)
        let first = model.startOffset(stream)
        let offset = first + Int64(random.below(Int(end - first) + 1))
        let limit = random.below(4000)
        let frames = model.frames.filter {
            Int($0.stream) == stream && $0.offset + Int64($0.count) > offset
        }
        var output: [UInt8] = []
        try reader.readStream(
            StreamID(UInt32(stream)), from: offset, maxBytes: limit, into: &output)
        var at = 0
        for frame in frames where at < output.count {
            let header = try RecordBatchHeader(
                reading: output.raw.extracting(at..<output.count))
            try require(
                header.baseOffset == frame.offset && Int(header.recordCount) == frame.count,
                "a fetch gives offset \(header.baseOffset), expected \(frame.offset)")
            if case .batch(let id) = frame.content {
                try require(
                    LogModel.areEqual(
                        output.raw.extracting(at..<(at + header.totalSize)),
                        model.batches[id].bytes),
                    "a fetch gives another batch than was appended at offset \(frame.offset)")
            }
            at += header.totalSize
        }
        try require(at == output.count, "a fetch gives more than there is")
        try require(
            !output.isEmpty || frames.isEmpty, "a fetch from offset \(offset) of \(end) is empty")
    }
}
