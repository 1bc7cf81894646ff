/// What ends facts again, earlier in knowledge than the record that ended them first.
///
/// A fact keeps the first record that amends or retracts it. For readers who do not look at known
/// times that is all; nor does a later record say more to others, unless it asserts a known time
/// before that of the record in front of it. Those are kept here, once for each id: such a history
/// costs as much as it has records, however often one id is amended.
public struct LaterEnds: Sendable {
    struct End: Sendable, Equatable {
        let position: Int64
        let knownTime: Int64
    }

    /// By the position of a fact the list of its id.
    private var owners: [Int64: Int] = [:]
    /// In order of position.
    private(set) var lists: [[End]] = []

    var isEmpty: Bool { lists.isEmpty }

    /// Memory, in bytes, as well as it can be told.
    var byteCount: Int {
        owners.capacity * 24 + lists.reduce(0) { $0 + 16 * $1.capacity + 40 }
    }

    /// Begins the list of an id; answers its number.
    mutating func begin() -> Int {
        lists.append([])
        return lists.count - 1
    }

    mutating func own(_ fact: Int64, _ list: Int) { owners[fact] = list }

    mutating func add(_ end: End, to list: Int) { lists[list].append(end) }

    /// Whether a record ended a fact that lies behind it and before a position, and was known.
    func isEnded(
        _ fact: Int64, before position: Int64, isKnown: (_ knownTime: Int64) -> Bool
    ) -> Bool {
        guard let number = owners[fact] else { return false }
        let list = lists[number]
        var (low, high) = (0, list.count)
        while low < high {
            let middle = (low + high) / 2
            if list[middle].position > fact { high = middle } else { low = middle + 1 }
        }
        while low < list.count, list[low].position < position {
            if isKnown(list[low].knownTime) { return true }
            low += 1
        }
        return false
    }

    /// What a reader of known times needs besides facts; nil when there is nothing.
    func reference(_ visibility: Visibility) -> Reference? {
        visibility.knownBeforeCutoff && !isEmpty ? Reference(self) : nil
    }

    /// The same behind one reference, which costs nothing to hand around while it is nil.
    public final class Reference: Sendable {
        let ends: LaterEnds

        init(_ ends: LaterEnds) { self.ends = ends }
    }
}
