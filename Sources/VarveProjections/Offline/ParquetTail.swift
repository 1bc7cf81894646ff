import VarveBytes
import VarveFormats
import VarveSystem

extension FileSystem {
    /// Reads the end of a Parquet file only: its columns, its rows and its metadata.
    func parquetFooter(_ path: String) throws -> ParquetFile.Footer {
        let tail = try open(path, .read).parquetTail()
        return try ParquetFile.footer(tail.raw, isTail: true)
    }
}

extension File {
    /// The bytes at the end of a Parquet file that hold its footer, and perhaps more.
    func parquetTail() throws -> [UInt8] {
        let size = try size()
        var length = min(size, 16 << 10)
        while true {
            var tail = [UInt8](repeating: 0, count: Int(length))
            let count = try read(tail.count, at: size - length, into: &tail, start: 0)
            tail.removeLast(tail.count - count)
            let needed = ParquetFile.footerBytes(tail.raw).map { min(Int64($0), size) } ?? size
            if needed <= length { return tail }
            length = needed
        }
    }
}
