import Testing
import VarveBytes
import VarveModels

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A model of fixtures/onnx with its rows and onnxruntime's answers.
struct Fixture {
    let model: [UInt8]
    /// Row-major.
    var inputs: [Float] = []
    var rowCount = 0
    /// The columns of each output by the output's name, as texts, one per row.
    var outputs: [String: [[Substring]]] = [:]

    init(_ name: String) throws {
        let folder = Self.folder()
        model = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name).onnx")))
        let text = try String(contentsOfFile: "\(folder)/\(name).csv", encoding: .utf8)
        var lines = text.split(separator: "\n")
        let header = lines.removeFirst().split(separator: ",").map { $0.split(separator: ":") }
        rowCount = lines.count
        for line in lines {
            let cells = line.split(separator: ",", omittingEmptySubsequences: false)
            var row: [String: [Substring]] = [:]
            for (column, cell) in zip(header, cells) {
                if column[0] == "in" {
                    inputs.append(try #require(Float(cell)))
                } else {
                    row[String(column[1]), default: []].append(cell)
                }
            }
            for (output, values) in row { outputs[output, default: []].append(values) }
        }
    }

    /// The names of all models in fixtures/onnx.
    static func names() -> [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder())) ?? []
        return files.filter { $0.hasSuffix(".onnx") }.map { String($0.dropLast(5)) }.sorted()
    }

    static func folder() -> String {
        var url = URL(fileURLWithPath: #filePath)
        while url.path != "/" {
            url.deleteLastPathComponent()
            let manifest = url.appendingPathComponent("Package.swift").path
            if FileManager.default.fileExists(atPath: manifest) { break }
        }
        return url.appendingPathComponent("fixtures/onnx").path
    }
}

/// A small seeded generator (Steele, Lea and Flood, 2014); a failing test prints its seed.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
