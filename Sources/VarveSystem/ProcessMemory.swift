internal import CHardware

/// How the process holds on to memory that it has freed.
public enum ProcessMemory {
    /// Keeps freed blocks of up to 32 MiB for the next one who asks. Otherwise each batch of a
    /// megabyte is mapped anew, and the kernel zeroes its pages again: a fifth of the time that a
    /// node under load took. At most 64 MiB at the top of each heap stay unused.
    public static func keepFreedBlocks() {
        chw_keep_freed_blocks(32 << 20, 64 << 20)
    }

    /// Gives memory that was freed back to the system, after work that took much of it on many
    /// threads: each leaves pages behind in an arena of its own, which other work may never touch.
    public static func giveBack() { chw_give_freed_pages_back() }
}
