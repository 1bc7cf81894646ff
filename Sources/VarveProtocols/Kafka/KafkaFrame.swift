public import VarveBytes

/// How messages stand in the byte stream of a connection:
///
///      0  size      i32     bytes after this field
///      4  header, body
public enum KafkaFrame {
    /// Bytes of the size field.
    public static let prefixSize = 4

    /// Where the content of the frame that starts at `start` lies; nil while it is not all there.
    /// - Throws: `ByteError.lengthOutOfRange` when the size is negative or above `limit`: the
    ///   bytes are not Kafka's, and nothing after them can be made sense of.
    public static func content(
        in bytes: RawSpan, from start: Int, limit: Int = KafkaLimits.frameBytes
    ) throws(ByteError) -> Range<Int>? {
        let available = bytes.byteCount - start - prefixSize
        guard available >= 0 else { return nil }
        let size = Int(bytes.bigEndian(at: start, as: Int32.self))
        guard size >= 0, size <= limit else {
            throw .lengthOutOfRange(at: start, value: Int64(size), limit: limit)
        }
        return size <= available ? start + prefixSize..<start + prefixSize + size : nil
    }

    /// A whole request.
    public static func request(_ header: RequestHeader, _ body: some KafkaMessage) -> [UInt8] {
        frame { writer in
            header.write(to: &writer)
            body.write(to: &writer, version: header.version)
        }
    }

    /// A whole response.
    public static func response(
        correlationID: Int32, _ body: some KafkaMessage, version: Int16
    ) -> [UInt8] {
        frame { writer in
            writer.bigEndian(correlationID)
            body.write(to: &writer, version: version)
        }
    }

    private static func frame(_ content: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.bigEndian(Int32(0))
        content(&writer)
        writer.bytes.patchBigEndian(Int32(writer.count - prefixSize), at: 0)
        return writer.bytes
    }
}
