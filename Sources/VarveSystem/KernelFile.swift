/// Files that the kernel makes up as they are read, whose size it does not tell.
enum KernelFile {
    /// The whole text of one; nil when it cannot be read.
    static func text(_ path: String) -> String? {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        var whole: [UInt8] = []
        do {
            let file = try PosixFileSystem().open(path, .read)
            while true {
                let count = try file.read(
                    bytes.count, at: Int64(whole.count), into: &bytes, start: 0)
                if count == 0 { break }
                whole += bytes[..<count]
            }
        } catch {
            return nil
        }
        return String(decoding: whole, as: UTF8.self)
    }
}
