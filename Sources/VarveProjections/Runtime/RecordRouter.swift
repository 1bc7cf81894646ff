import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog

/// Reads the records of frames and makes them ready for the views that take them in: the half of
/// the fold that needs no state, and that threads do at once for different frames.
struct RecordRouter: Sendable {
    /// By stream name: how its records are read, and the views that take them in.
    private var routes: [String: Route] = [:]

    private struct Route {
        var reader: RecordReader
        var views: [(number: Int, plan: ViewPlan)] = []
        /// The slots that expressions of the views look at.
        var expressionSlots: [Int] = []
        var values: [Value] = []
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
            let computed = numbers.reduce(into: Set<Int>()) {
                $0.formUnion(plans[$1].expressionSlots)
            }
            routes[name] = Route(
                reader: RecordReader(stream, slots: slots),
                views: numbers.map { ($0, plans[$0]) }, expressionSlots: computed.sorted())
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
    ///   - body: the frame's.
    ///   - positions: records elsewhere are passed over; nil: none is.
    ///   - facts: one element for each view; receives what is for it, behind what it holds.
    mutating func prepare(
        _ frame: FrameHead, _ body: RawSpan, stream: String,
        within positions: Range<Position>? = nil, into facts: inout [PreparedFacts]
    ) {
        // Taken out, so that what it keeps is changed in place.
        guard var route = routes.removeValue(forKey: stream) else { return }
        defer { routes[stream] = route }
        let (views, slots, decoder) = (route.views, route.expressionSlots, route.reader.decoder)
        var values: [Value] = []
        swap(&values, &route.values)
        route.reader.readCells(frame, body, within: positions) { record, cells, event in
            let position = record.position.value
            switch event {
            case .fact(let eventTime, let knownTime, let id):
                guard let value = record.view.value else { return }
                if !slots.isEmpty { decoder.fill(&values, slots, cells, value) }
                for (number, plan) in views {
                    if let id {
                        facts[number].name(id, position: position, knownTime: knownTime)
                    }
                    facts[number].add(
                        plan, cells, of: value, values: values, eventTime: eventTime,
                        position: position, knownTime: knownTime)
                }
            case .retraction(let id, let knownTime):
                for (number, _) in views {
                    facts[number].name(id, position: position, knownTime: knownTime)
                }
            }
        }
        swap(&values, &route.values)
    }
}
