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

    /// The newest fact of each id, and when its newest record became known.
    private var newest: [Value: Newest] = [:]
    /// The facts before it, oldest first, of ids that were amended.
    private var older: [Value: [Place]] = [:]

    private struct Newest: Sendable {
        let place: Place
        var knownTime: Int64
    }

    /// Of ids that have any, see `LaterEnds`, the numbers of their lists.
    private var lists: [Value: Int] = [:]
    private var later = LaterEnds()

    public init() {}

    /// Memory, in bytes, as well as it can be told.
    public var byteCount: Int {
        newest.capacity * 88 + older.capacity * 128 + lists.capacity * 40 + later.byteCount
    }

    /// See `LaterEnds.reference`.
    public func later(_ visibility: Visibility) -> LaterEnds.Reference? {
        later.reference(visibility)
    }

    /// Notes where a new fact of an id is.
    public mutating func add(_ id: Value, _ place: Place, knownTime: Int64) {
        let fact = Newest(place: place, knownTime: knownTime)
        if let before = newest.updateValue(fact, forKey: id) {
            older[id, default: []].append(before.place)
        }
        if !lists.isEmpty, let list = lists[id] { later.own(place.position, list) }
    }

    /// Notes a record of an id, after it ended facts and before it becomes one.
    public mutating func end(_ id: Value, position: Int64, knownTime: Int64) {
        guard let before = newest[id]?.knownTime else { return }
        newest[id]?.knownTime = knownTime
        if knownTime >= before { return }
        later.add(.init(position: position, knownTime: knownTime), to: list(of: id))
    }

    private mutating func list(of id: Value) -> Int {
        if let known = lists[id] { return known }
        let list = later.begin()
        lists[id] = list
        var positions: [Int64] = []
        forEach(id) { positions.append($0.position) }
        for position in positions { later.own(position, list) }
        return list
    }

    /// The facts that an id ever named, newest first, until `body` answers false.
    ///
    /// A record ends every earlier fact of its id, so whatever ended a fact ended all before it as
    /// early: who ends facts may stop at the first that was ended already.
    public func forEachBackwards(_ id: Value, _ body: (Place) -> Bool) {
        guard let newest = newest[id]?.place, body(newest), !older.isEmpty else { return }
        for place in (older[id] ?? []).reversed() where !body(place) { return }
    }

    /// Every fact that an id ever named, oldest first.
    func forEach(_ id: Value, _ body: (Place) -> Void) {
        guard let newest = newest[id]?.place else { return }
        if !older.isEmpty { for place in older[id] ?? [] { body(place) } }
        body(newest)
    }

    func write<Failure>(
        to pieces: inout PieceWriter<Failure>, entity: (_ shard: Int, _ number: Int) -> UInt32
    ) throws(Failure) {
        // Ids have no order of their own: that of their first facts is the same everywhere.
        let ids = newest.map { id, fact in (id: id, first: older[id]?.first ?? fact.place) }
            .sorted { $0.first.position < $1.first.position }
        try pieces.item { $0.integer(UInt32(ids.count)) }
        for (id, _) in ids {
            try pieces.item { writer in
                writer.value(id)
                writer.integer(UInt32(1 + (older[id]?.count ?? 0)))
                forEach(id) { place in
                    writer.integer(entity(place.shard, place.entity))
                    writer.integer(place.eventTime)
                    writer.integer(place.position)
                }
                writer.integer(newest[id]?.knownTime ?? 0)
                let ends = lists[id].map { later.lists[$0] } ?? []
                writer.integer(UInt32(ends.count))
                for end in ends {
                    writer.integer(end.position)
                    writer.integer(end.knownTime)
                }
            }
        }
    }

    init(
        reading pieces: inout PieceReader, place: (Int) -> (shard: Int, number: Int)?
    ) throws {
        var ids = FactIDs()
        let count = try pieces.count()
        for _ in 0..<count {
            try pieces.item { reader throws(ByteError) in try ids.restore(&reader, place) }
        }
        self = ids
    }

    private mutating func restore(
        _ reader: inout ByteReader, _ place: (Int) -> (shard: Int, number: Int)?
    ) throws(ByteError) {
        let id = try reader.value()
        for _ in 0..<(try reader.integer(UInt32.self)) {
            let entity = try reader.integer(UInt32.self)
            guard let found = place(Int(entity)) else {
                throw .lengthOutOfRange(at: reader.offset, value: Int64(entity), limit: Int.max)
            }
            add(
                id,
                Place(
                    shard: found.shard, entity: found.number,
                    eventTime: try reader.integer(), position: try reader.integer()),
                knownTime: 0)
        }
        newest[id]?.knownTime = try reader.integer()
        for _ in 0..<(try reader.integer(UInt32.self)) {
            let end = LaterEnds.End(
                position: try reader.integer(), knownTime: try reader.integer())
            later.add(end, to: list(of: id))
        }
    }
}
