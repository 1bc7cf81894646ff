/// A set of definitions that fit together: every stream, view and feature that one names is in it
/// or in what was applied before.
public struct Definitions: Sendable, Equatable {
    public var streams: [StreamDefinition]
    public var views: [ViewDefinition]
    public var services: [ServiceDefinition]

    public init(
        streams: [StreamDefinition] = [], views: [ViewDefinition] = [],
        services: [ServiceDefinition] = []
    ) {
        self.streams = streams
        self.views = views
        self.services = services
    }
}
