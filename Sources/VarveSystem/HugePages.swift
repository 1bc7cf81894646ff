internal import CHardware

/// Moves the process's heaps into huge pages. Lookups scattered over hundreds of megabytes spend a
/// sixth of their time on finding pages of 4 KiB; the kernel's own khugepaged takes minutes, and
/// leaves heaps alone that nobody told it of, as glibc tells it of one only.
public struct HugePages: Sendable {
    /// Bytes of a huge page.
    public static let size: UInt64 = 2 << 20
    /// Smaller mappings are stacks, or not worth it.
    private static let smallest = 8 * size

    /// Nothing is moved yet.
    public init() {}

    /// Whether the machine's owner wants none.
    public var areForbidden: Bool {
        let setting = KernelFile.text("/sys/kernel/mm/transparent_hugepage/enabled")
        return setting.map { $0.contains("[never]") } ?? true
    }

    /// Bytes of the process that are in memory.
    public var residentBytes: Int {
        let pages = KernelFile.text("/proc/self/statm")?.split(separator: " ").dropFirst().first
        return pages.flatMap { Int($0) }.map { $0 * 4096 } ?? 0
    }

    /// The addresses of all huge pages that the heaps have room for.
    public var addresses: [UInt64] {
        Self.heaps(KernelFile.text("/proc/self/maps") ?? "").flatMap { heap in
            stride(from: heap.lowerBound, to: heap.upperBound, by: Int(Self.size))
        }
    }

    /// Has a huge page's memory be one; what it holds stays. Where less than three fourths of it
    /// are in memory it stays as it is: the rest would be taken, too.
    public func collapse(_ address: UInt64) { _ = chw_collapse(address, Int(Self.size)) }

    /// Large private mappings without a file that may be written, cut to whole huge pages.
    /// - Parameter maps: a text as that of `/proc/PID/maps`, see proc(5).
    static func heaps(_ maps: String) -> [Range<UInt64>] {
        maps.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count >= 5, fields[1] == "rw-p", fields[4] == "0",
                fields.count == 5 || fields[5] == "[heap]"
            else { return nil }
            let bounds = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard bounds.count == 2, bounds[0] < bounds[1] else { return nil }
            let first = (bounds[0] + size - 1) / size * size
            let end = bounds[1] / size * size
            return first < end && end - first >= smallest ? first..<end : nil
        }
    }
}
