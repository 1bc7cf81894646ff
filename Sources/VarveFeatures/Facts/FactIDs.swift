import VarveBytes

/// Where the facts are that ids name, for streams that declare an `id`.
public struct FactIDs: Sendable {
    /// Where a fact is.
    public struct Place: Sendable, Equatable {
        public let shard: Int
        let entity: Int
        let eventTime: Int64
        let position: Int64

        public init(shard: Int, entity: Int, eventTime: Int64, position: Int64) {
            self.shard = shard
            self.entity = entity
            self.eventTime = eventTime
            self.position = position
        }
    }

    /// The newest fact of each id.
    private var newest: [Value: Place] = [:]
    /// The facts before it, oldest first, of ids that were amended.
    private var older: [Value: [Place]] = [:]

    public init() {}

    /// Memory, in bytes, as well as it can be told.
    public var byteCount: Int { newest.capacity * 80 + older.capacity * 128 }

    /// Notes where a new fact of an id is.
    public mutating func add(_ id: Value, _ place: Place) {
        if let before = newest.updateValue(place, forKey: id) {
            older[id, default: []].append(before)
        }
    }

    /// The facts that an id ever named, newest first, until `body` answers false.
    ///
    /// A record ends every earlier fact of its id, so whatever ended a fact ended all before it as
    /// early: who ends facts may stop at the first that was ended already.
    public func forEachBackwards(_ id: Value, _ body: (Place) -> Bool) {
        guard let newest = newest[id], body(newest), !older.isEmpty else { return }
        for place in (older[id] ?? []).reversed() where !body(place) { return }
    }

    /// Every fact that an id ever named, oldest first.
    func forEach(_ id: Value, _ body: (Place) -> Void) {
        guard let newest = newest[id] else { return }
        if !older.isEmpty { for place in older[id] ?? [] { body(place) } }
        body(newest)
    }

    func write(to writer: inout ByteWriter, entity: (_ shard: Int, _ number: Int) -> UInt32) {
        // Ids have no order of their own: that of their first facts is the same everywhere.
        let ids = newest.map { id, place in (id: id, first: older[id]?.first ?? place) }
            .sorted { $0.first.position < $1.first.position }
        writer.integer(UInt32(ids.count))
        for (id, _) in ids {
            writer.value(id)
            writer.integer(UInt32(1 + (older[id]?.count ?? 0)))
            forEach(id) { place in
                writer.integer(entity(place.shard, place.entity))
                writer.integer(place.eventTime)
                writer.integer(place.position)
            }
        }
    }

    init(
        reading reader: inout ByteReader, place: (Int) -> (shard: Int, number: Int)?
    ) throws(ByteError) {
        for _ in 0..<(try reader.integer(UInt32.self)) {
            let id = try reader.value()
            for _ in 0..<(try reader.integer(UInt32.self)) {
                let entity = try reader.integer(UInt32.self)
                guard let found = place(Int(entity)) else {
                    throw .lengthOutOfRange(
                        at: reader.offset, value: Int64(entity), limit: Int.max)
                }
                add(
                    id,
                    Place(
                        shard: found.shard, entity: found.number,
                        eventTime: try reader.integer(), position: try reader.integer()))
            }
        }
    }
}
