import VarveFeatures
import VarveLog

/// Reads the records of frames and says which views each goes to: the half of the fold that needs
/// no state.
struct RecordRouter: Sendable {
    /// By stream name: how its records are read, and the views that take them in.
    private var routes: [String: Route] = [:]

    private struct Route {
        var reader: RecordReader
        var views: [Int] = []
    }

    init() {}

    /// - Parameter plans: those of the views of the definitions, in their order.
    init(_ definitions: Definitions, _ plans: [ViewPlan]) {
        var views: [String: [Int]] = [:]
        for number in plans.indices {
            views[definitions.views[number].streamName, default: []].append(number)
        }
        for (name, numbers) in views {
            let stream = definitions.stream(of: definitions.views[numbers[0]])
            let slots = numbers.reduce(into: Set<Int>()) { $0.formUnion(plans[$1].slots) }
            routes[name] = Route(reader: RecordReader(stream, slots: slots), views: numbers)
        }
    }

    var streamNames: [String] { routes.keys.sorted() }

    func reads(_ stream: String) -> Bool { routes[stream] != nil }

    /// Records that their stream's definition could not read, by stream.
    var unreadable: [String: RecordReader.Unreadable] {
        get { routes.compactMapValues(\.reader.unreadable) }
        set { for name in routes.keys { routes[name]?.reader.unreadable = newValue[name] } }
    }

    /// Reads the records of one frame.
    /// - Parameters:
    ///   - positions: records elsewhere are passed over; nil: none is.
    ///   - deliver: called for each record and each view that takes it in, with the record's
    ///     position and fields.
    mutating func route(
        _ frame: borrowing FrameView, stream: String, within positions: Range<Position>? = nil,
        _ deliver: (_ view: Int, _ position: Int64, borrowing [Value], RecordReader.Event) -> Void
    ) {
        guard let views = routes[stream]?.views else { return }
        routes[stream]?.reader.read(frame, within: positions) { record, slots, event in
            for view in views { deliver(view, record.position.value, slots, event) }
        }
    }
}
