import VarveBytes
import VarveFormats

/// The fields of proof documents.
struct ProofCoding {
    let json: JSON

    static func document(_ bytes: RawSpan) throws(ProofError) -> JSON {
        do {
            return try JSON(parsing: bytes)
        } catch {
            throw .malformed("\(error)")
        }
    }

    static func json(_ path: [Digest]) -> JSON { .array(path.map { .string($0.description) }) }

    static func json(_ summary: SegmentSummary) -> JSON {
        [
            "base": .integer(summary.base), "end": .integer(summary.end),
            "frames": .integer(summary.frames), "root": .string(summary.root.description),
        ]
    }

    func expect(_ name: String, _ value: String) throws(ProofError) {
        guard json[name]?.stringValue == value else {
            throw .malformed("\"\(name)\" is not \"\(value)\"")
        }
        guard json["version"]?.integerValue == 1 else { throw .malformed("\"version\" is not 1") }
    }

    func integer(_ name: String) throws(ProofError) -> Int64 {
        guard let value = json[name]?.integerValue, value >= 0 else {
            throw .malformed("\"\(name)\" is no whole number from 0")
        }
        return value
    }

    func text(_ name: String) throws(ProofError) -> String {
        guard let value = json[name]?.stringValue else {
            throw .malformed("\"\(name)\" is no text")
        }
        return value
    }

    func path(_ name: String) throws(ProofError) -> [Digest] {
        guard let values = json[name]?.arrayValue, values.count <= 128 else {
            throw .malformed("\"\(name)\" is no list of at most 128 hashes")
        }
        var path: [Digest] = []
        for value in values {
            guard let hash = value.stringValue.flatMap({ Digest(hex: $0) }) else {
                throw .malformed("\"\(name)\" holds something else than SHA-256 hashes")
            }
            path.append(hash)
        }
        return path
    }

    func summary(_ name: String) throws(ProofError) -> SegmentSummary {
        guard let value = json[name] else { throw .malformed("\"\(name)\" is missing") }
        let coding = ProofCoding(json: value)
        guard let root = Digest(hex: try coding.text("root")) else {
            throw .malformed("\"\(name).root\" is no SHA-256 hash")
        }
        return SegmentSummary(
            base: try coding.integer("base"), end: try coding.integer("end"),
            frames: try coding.integer("frames"), root: root)
    }
}
