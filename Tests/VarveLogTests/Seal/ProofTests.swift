import Testing
import VarveBytes
import VarveFormats
import VarveSystem
import VarveTestSupport

@testable import VarveLog

@Suite struct ProofTests {
    @Test func `every record is proven with the head hash alone`() throws {
        let log = TestLog()
        try log.session { core in
            try log.fill(&core, batches: 40)
            let head = core.reader.head()
            #expect(head.position == core.commitPosition)
            let records = try log.contents(core.reader)
            var scratch: [UInt8] = []
            for (position, record) in records.enumerated() {
                let proof = try core.reader.prove(Position(Int64(position)))
                // The other side has the text and the hash.
                let text = Array(proof.json.text.utf8)
                let read = try InclusionProof(parsing: text.raw)
                #expect(read == proof)
                let evidence = try read.check(headHash: head.root)
                var values: [String] = []
                try RecordBatch.forEachRecord(evidence.batch.raw, scratch: &scratch) {
                    values.append($0.value?.text() ?? "")
                }
                let value = values[position - Int(evidence.positions.lowerBound)]
                #expect(record.hasSuffix(value))
            }
            #expect(throws: ReadError.self) { try core.reader.prove(head.position) }
        }
    }

    @Test func `a proof that was changed anywhere does not hold`() throws {
        let log = TestLog()
        let (proof, root) = try log.session { core in
            try log.fill(&core, batches: 40)
            return (try core.reader.prove(Position(20)), core.reader.head().root)
        }
        let text = Array(proof.json.text.utf8)
        for cut in 0..<text.count {
            #expect(throws: ProofError.self) {
                try InclusionProof(parsing: text.raw.extracting(0..<cut))
            }
        }
        var random = SplitMix64(seed: 5)
        for _ in 0..<2000 {
            var changed = text
            changed[random.below(text.count)] ^= 1 << UInt8(random.below(8))
            guard let read = try? InclusionProof(parsing: changed.raw), read != proof else {
                continue
            }
            // What is proven is the same, or nothing is.
            if let evidence = try? read.check(headHash: root) {
                #expect(evidence == (try proof.check(headHash: root)))
            }
        }
        for bit in 0..<(proof.frame.count * 8) {
            var changed = proof
            changed.frame[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: ProofError.self) { try changed.check(headHash: root) }
        }
    }

    @Test func `a log that only grew proves it between any two heads`() throws {
        let log = TestLog()
        var heads: [LogHead] = []
        for round in 0..<8 {
            try log.session { core in
                try log.fill(&core, batches: 9, from: round * 9)
                heads.append(core.reader.head())
                for old in heads {
                    let proof = try core.reader.proveConsistency(since: old)
                    let text = Array(proof.json.text.utf8)
                    let read = try ConsistencyProof(parsing: text.raw)
                    #expect(read == proof)
                    try read.check(oldHash: old.root, newHash: heads[heads.count - 1].root)
                    #expect(throws: ProofError.self) {
                        try read.check(oldHash: MerkleTree.emptyRoot, newHash: proof.new.root)
                    }
                }
                // A head that this log never had.
                let last = heads[heads.count - 1]
                let forged = LogHead(
                    log: last.log, position: last.position, segments: last.segments,
                    frames: last.frames, root: MerkleTree.leaf(of: [1].raw))
                #expect(throws: ProofError.self) {
                    try core.reader.proveConsistency(since: forged)
                }
            }
        }
        #expect(try log.verify(against: heads).isSound)
    }

    @Test func `a head note is read as it is written, and nothing else is`() throws {
        let head = LogHead(
            log: LogID([UInt8](repeating: 9, count: 16)), position: Position(123), segments: 4,
            frames: 17, root: MerkleTree.emptyRoot)
        #expect(try LogHead(note: head.note) == head)
        #expect(
            head.note == """
                varve/09090909090909090909090909090909
                123
                47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
                segments 4 frames 17

                """)
        let text = head.note
        // All but the last line break is needed.
        for cut in 0..<(text.utf8.count - 3) {
            #expect(throws: ProofError.self) { try LogHead(note: String(text.prefix(cut))) }
        }
    }
}
