/// Why committed records cannot be read.
public enum ReadError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The disk or the file system said no.
    case system(String)
    /// A frame does not match its checksum.
    case damaged(path: String, offset: Int64, position: Int64)
    /// The stream has offsets from `StreamInfo.startOffset` up to `end`.
    case offsetOutOfRange(Int64, end: Int64)
    /// Retention removed the record at a position.
    case removed(Position)
    /// No such stream.
    case unknownStream(StreamID)

    /// What cannot be read, and why.
    public var description: String {
        switch self {
        case .system(let reason): reason
        case .damaged(let path, let offset, let position):
            "\(path) is damaged at byte \(offset), position \(position): the frame there does not"
                + " match its checksum; \"varve log verify\" tells what else is"
        case .offsetOutOfRange(let offset, let end):
            "offset \(offset) is out of range: the stream's first one left is above it, or it is"
                + " above the next one, \(end)"
        case .removed(let position): "the record at position \(position.value) was removed by retention"
        case .unknownStream(let id): "stream \(id.value) does not exist"
        }
    }
}
