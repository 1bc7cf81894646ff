import VarveSystem

/// A value that the first who asks for it makes; who asks meanwhile waits.
final class Once<Value: Sendable>: Sendable {
    private enum State: Sendable {
        case open, making
        case made(Value)
    }

    private let state = Monitor(State.open)
    private let make: @Sendable () -> Value

    init(_ make: @escaping @Sendable () -> Value) { self.make = make }

    var value: Value {
        let known = state.wait(
            until: { if case .making = $0 { false } else { true } }
        ) { state -> Value? in
            if case .made(let value) = state { return value }
            state = .making
            return nil
        }
        if let known { return known }
        let value = make()
        state.withLock { $0 = .made(value) }
        state.wakeAll()
        return value
    }
}
