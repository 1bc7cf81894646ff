import Testing
import VarveBytes
import VarveModels

/// Every model of fixtures/onnx against the answers of onnxruntime recorded beside it.
@Suite struct OnnxruntimeParityTests {
    @Test(arguments: Fixture.names())
    func `answers equal those of onnxruntime`(name: String) throws {
        let fixture = try Fixture(name)
        let model = try OnnxModel(decoding: fixture.model.raw)
        let outputs = try model.evaluate(fixture.inputs, count: fixture.rowCount)
        #expect(Set(outputs.map(\.name)) == Set(fixture.outputs.keys))
        for output in outputs {
            let rows = try #require(fixture.outputs[output.name])
            #expect(rows.first?.count == output.width)
            let expected = rows.flatMap { $0 }
            switch output.values {
            case .float32(let values): try expectClose(values, expected, output.name)
            case .int64(let values): #expect(values.map { "\($0)" } == expected.map(String.init))
            case .string(let values): #expect(values == expected.map(String.init))
            }
        }
    }

    /// Within 1e-6, relative for values above 1: onnxruntime sums in Float, Varve in Double.
    private func expectClose(_ values: [Float], _ expected: [Substring], _ name: String) throws {
        try #require(values.count == expected.count)
        var worst: Float = 0
        for (value, text) in zip(values, expected) {
            let answer = try #require(Float(text))
            if value == answer || (value.isNaN && answer.isNaN) { continue }
            let error = abs(value - answer) / max(1, abs(answer))
            worst = error.isNaN ? .infinity : max(worst, error)
        }
        #expect(worst <= 1e-6, "output \(name)")
    }
}
