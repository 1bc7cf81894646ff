/// A set of definitions that fit together: every stream, view and feature that one names is in it
/// or in what was applied before.
public struct Definitions: Sendable, Equatable {
    /// In the order of the document; names are unique among them, as among views and services.
    public var streams: [StreamDefinition]
    /// In the order of the document.
    public var views: [ViewDefinition]
    /// In the order of the document.
    public var services: [ServiceDefinition]

    /// Definitions that were checked together; nothing is checked here.
    public init(
        streams: [StreamDefinition] = [], views: [ViewDefinition] = [],
        services: [ServiceDefinition] = []
    ) {
        self.streams = streams
        self.views = views
        self.services = services
    }
}

extension Definitions {
    /// The stream that a view's facts arrive on, declared or, for a written view, implied.
    public func stream(of view: ViewDefinition) -> StreamDefinition {
        switch view.source {
        case .written: return StreamDefinition(writing: view)
        case .derived(let source):
            guard let stream = streams.first(where: { $0.name == source.stream }) else {
                preconditionFailure("view \(view.name) has no stream \(source.stream)")
            }
            return stream
        }
    }
}
