/// Actions that are due at some instant. Owned by one event loop's thread.
struct TimerQueue {
    /// Names a timer; never given twice.
    struct ID: Hashable { fileprivate let number: UInt64 }

    private struct Entry {
        let deadline: ContinuousClock.Instant
        let id: ID
    }

    /// A binary heap, earliest first. Cancelled timers stay in it until they are due.
    private var heap: [Entry] = []
    private var actions: [ID: () -> Void] = [:]
    private var nextNumber: UInt64 = 0

    /// The instant at which `takeDue` should be called next; nil when nothing is planned.
    var next: ContinuousClock.Instant? { heap.first?.deadline }

    mutating func add(
        at deadline: ContinuousClock.Instant, _ action: @escaping () -> Void
    ) -> ID {
        let id = ID(number: nextNumber)
        nextNumber += 1
        actions[id] = action
        heap.append(Entry(deadline: deadline, id: id))
        var child = heap.count - 1
        while child > 0, heap[child].deadline < heap[(child - 1) / 2].deadline {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
        return id
    }

    /// Forgets a timer; nothing happens when it was taken before.
    mutating func cancel(_ id: ID) { actions[id] = nil }

    /// The actions due at an instant, in order, which the caller is to run.
    mutating func takeDue(at now: ContinuousClock.Instant) -> [() -> Void] {
        var due: [() -> Void] = []
        while let first = heap.first, first.deadline <= now {
            removeFirst()
            if let action = actions.removeValue(forKey: first.id) { due.append(action) }
        }
        return due
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].deadline < heap[least].deadline {
                least = child
            }
            if least == parent { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
