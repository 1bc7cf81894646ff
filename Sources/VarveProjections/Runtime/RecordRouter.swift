import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog

/// Reads the records of frames and says which views each goes to: the half of the fold that needs
/// no state. What it keeps between frames is memory to be used again, and what it could not read.
struct RecordRouter: Sendable {
    /// By stream name: how its records are read, and the views that take them in.
    private var routes: [String: Route] = [:]
    /// Records that their stream's definition could not read, by stream.
    var unreadable: [String: FeatureFold.Unreadable] = [:]
    private var slots: [Value] = []
    private var scratch: [UInt8] = []

    private struct Route {
        let decoder: RecordDecoder
        var views: [Int] = []
        /// The slots that any of the views reads.
        var slots: Set<Int> = []
        let idSlot: Int?
    }

    /// What a record is to a view.
    enum Event {
        /// A fact, whose fields are in the slots.
        case fact(eventTime: Timestamp, knownTime: Timestamp, id: Value?)
        /// The end of the facts of an id.
        case retraction(Value, knownTime: Timestamp)
    }

    init() {}

    /// - Parameter plans: those of the views of the definitions, in their order.
    init(_ definitions: Definitions, _ plans: [ViewPlan]) {
        for (number, plan) in plans.enumerated() {
            let stream = definitions.stream(of: definitions.views[number])
            var route =
                routes[stream.name]
                ?? Route(
                    decoder: Self.decoder(definitions.views[number], stream),
                    idSlot: stream.id.flatMap { stream.index(of: $0) })
            route.views.append(number)
            route.slots.formUnion(plan.slots)
            routes[stream.name] = route
        }
        for (name, route) in routes {
            routes[name] = Route(
                decoder: route.decoder.reading(route.slots), views: route.views,
                slots: route.slots, idSlot: route.idSlot)
        }
    }

    private static func decoder(
        _ view: ViewDefinition, _ stream: StreamDefinition
    ) -> RecordDecoder {
        // A written view's newer version may have more features than the one folded here.
        var isWritten = false
        if case .written = view.source { isWritten = true }
        return RecordDecoder(stream, ignoresUnknownFields: isWritten)
    }

    var streamNames: [String] { routes.keys.sorted() }

    func reads(_ stream: String) -> Bool { routes[stream] != nil }

    /// Reads the records of one frame.
    /// - Parameters:
    ///   - positions: records elsewhere are passed over; nil: none is.
    ///   - deliver: called for each record and each view that takes it in, with the record's
    ///     position and fields.
    mutating func route(
        _ frame: borrowing FrameView, stream: String, within positions: Range<Position>? = nil,
        _ deliver: (_ view: Int, _ position: Int64, borrowing [Value], Event) -> Void
    ) throws {
        guard let route = routes[stream], !frame.isQuarantined else { return }
        // Taken out and put back, so that the closure may change what is left.
        var (slots, scratch) = ([Value](), [UInt8]())
        swap(&slots, &self.slots)
        swap(&scratch, &self.scratch)
        defer {
            swap(&slots, &self.slots)
            swap(&scratch, &self.scratch)
        }
        try frame.forEachRecord(scratch: &scratch) { record in
            if let positions, !positions.contains(record.position) { return }
            let position = record.position.value
            guard let value = record.view.value else {
                if let id = Self.retractedID(record, route) {
                    for view in route.views {
                        deliver(
                            view, position, [], .retraction(id, knownTime: record.ingestTime))
                    }
                }
                return
            }
            do {
                try route.decoder.decode(value, into: &slots)
                let eventTime = try route.decoder.eventTime(
                    slots, timestamp: record.view.timestamp)
                let knownTime = route.decoder.knownTime(
                    slots, eventTime: eventTime, ingestTime: record.ingestTime)
                let id = route.decoder.id(slots)
                if record.view.hasHeader(Self.retractHeader) {
                    guard let id else { return }
                    for view in route.views {
                        deliver(view, position, slots, .retraction(id, knownTime: knownTime))
                    }
                    return
                }
                for view in route.views {
                    deliver(
                        view, position, slots,
                        .fact(eventTime: eventTime, knownTime: knownTime, id: id))
                }
            } catch {
                note(error, position, stream)
            }
        }
    }

    /// Marks a record as the retraction of the fact that its id names.
    private static let retractHeader = Array("varve-retract".utf8)

    private mutating func note(_ error: any Error, _ position: Int64, _ stream: String) {
        var found =
            unreadable[stream]
            ?? FeatureFold.Unreadable(
                count: 0, position: Position(position), reason: "\(error)")
        found.count += 1
        unreadable[stream] = found
    }

    /// The id that a record without a value retracts: its key, as the type of the id field.
    private static func retractedID(_ record: borrowing LogRecord, _ route: Route) -> Value? {
        guard let slot = route.idSlot, let text = record.view.key?.text() else { return nil }
        return Value(text: text, as: route.decoder.stream.fields[slot].type)
    }
}
