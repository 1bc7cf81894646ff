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
    /// Some columns of a Parquet file, of which nothing else is read.
    /// - Parameter group: the only row group that is read; nil reads all.
    func parquet(
        _ columns: Set<String>, _ layout: ParquetLayout, group: Int? = nil
    ) throws -> Table {
        let selection = try ParquetSelection(columns, layout, group: group)
        var bytes = [UInt8](count: selection.byteCount) { bytes in
            // The ranges fill the rest.
            for index in 0..<min(selection.firstOffset, bytes.count) { bytes[index] = 0 }
        }
        var next = selection.firstOffset
        for range in selection.ranges {
            let length = Int(range.upperBound - range.lowerBound)
            let count = try read(length, at: range.lowerBound, into: &bytes, start: next)
            guard count == length else {
                throw SystemError(
                    operation: "read", subject: path, code: SystemError.inputOutputCode)
            }
            next += length
        }
        return try selection.decode(bytes.raw)
    }

    /// Where the columns of a Parquet file are.
    func parquetLayout() throws -> ParquetLayout {
        let tail = try parquetTail()
        return try ParquetLayout(tail: tail.raw, fileSize: try size())
    }

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
