internal import CHardware
internal import Glibc

/// How the process holds on to memory that it has freed.
public enum ProcessMemory {
    /// Keeps freed blocks of up to 32 MiB for the next one who asks. Otherwise each batch of a
    /// megabyte is mapped anew, and the kernel zeroes its pages again: a fifth of the time that a
    /// node under load took. At most 64 MiB at the top of each heap stay unused.
    public static func keepFreedBlocks() {
        chw_keep_freed_blocks(32 << 20, 64 << 20)
    }

    /// Backs the heap with huge pages, for a command that takes much memory and ends: lookups
    /// scattered over it find their pages, and the kernel need not be asked for each 4 KiB. What
    /// is freed stays with the process. Does nothing where address space counts before it is used:
    /// under a limit (ulimit -v), or where the kernel promises no more memory than there is.
    public static func useHugePages() {
        if KernelFile.text("/proc/sys/vm/overcommit_memory")?.hasPrefix("2") == true { return }
        chw_use_huge_pages(available / 4)
    }

    /// Gives memory that was freed back to the system, after work that took much of it on many
    /// threads: each leaves pages behind in an arena of its own, which other work may never touch.
    public static func giveBack() { chw_give_freed_pages_back() }

    /// Memory that the process may have, bytes: the machine's, or less where its control group has
    /// a limit.
    public static var available: Int {
        let machine = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
        let groups = KernelFile.text("/proc/self/cgroup") ?? ""
        return limits(groups) { KernelFile.text("/sys/fs/cgroup\($0)/memory.max") }
            .reduce(machine, min)
    }

    /// The limits of a process's control group and those above it.
    /// - Parameters:
    ///   - groups: a text as that of `/proc/PID/cgroup`, see cgroups(7).
    ///   - read: a group's `memory.max`; nil when there is none.
    static func limits(_ groups: String, _ read: (String) -> String?) -> [Int] {
        let line = groups.split(separator: "\n").first { $0.hasPrefix("0::/") }
        var group = line.map { String($0.dropFirst(3)) } ?? "/"
        var limits: [Int] = []
        while true {
            if group.hasSuffix("/") { group.removeLast() }
            if let text = read(group), let limit = Int(text.prefix { $0.isNumber }) {
                limits.append(limit)
            }
            guard let slash = group.lastIndex(of: "/") else { return limits }
            group = String(group[..<slash])
        }
    }
}
