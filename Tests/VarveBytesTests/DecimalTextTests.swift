import Testing
import VarveBytes

@Suite struct DecimalTextTests {
    private func text(_ value: Double) -> String {
        var bytes: [UInt8] = [7]
        bytes.append(decimal: value)
        return String(decoding: bytes.dropFirst(), as: UTF8.self)
    }

    @Test func `a double is written as its description has it`() {
        var values: [Double] = [
            0, -0.0, 1, -1, 0.1, 0.25, 12.5, 100, 1e10, 99_999_999_999, 1e11, 1e15, 1e16, 1e17,
            123456789.12, 0.001, 0.0009, 0.0001, 1e-5, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1.0 / 3,
            2.675, 1.005, 0.0123, 9999999999.9999, 0.3, 0.1 + 0.2, 4503599627370497.5,
        ]
        var state: UInt64 = 11
        for _ in 0..<20_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let random = Double(bitPattern: state)
            if random.isFinite { values.append(random) }
            let number = Double(state >> 24)
            values += [number / 100, number / 1000, number / 10_000, number / 1e6]
            let near = Double(state >> 44) / 100
            values += [near, near.nextUp, near.nextDown, -near]
        }
        for value in values { #expect(text(value) == value.description) }
    }

    @Test func `an integer is written as its description has it`() {
        for value in [0, 1, -1, 9, 10, 11, 99, 100, -100, .max, .min, 1_000_000] as [Int64] {
            var bytes: [UInt8] = []
            bytes.append(decimal: value)
            #expect(String(decoding: bytes, as: UTF8.self) == value.description)
        }
    }
}
