import VarveBytes

/// What a member of protocol type "consumer" says about itself in JoinGroup:
///
///     version i16, topic string*, user data nullable bytes, ...
///
/// Brokers pass it on unread; looking into it tells which topics a group is using.
public enum Subscription {
    /// The topics of a subscription; nil when the bytes are none.
    public static func topics(in bytes: [UInt8]) -> [String]? {
        var reader = ByteReader(bytes.raw)
        do throws(ByteError) {
            _ = try reader.bigEndian(Int16.self)
            return try reader.kafkaArray { reader throws(ByteError) in
                try reader.kafkaString()
            }
        } catch {
            return nil
        }
    }
}
