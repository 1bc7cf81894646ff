/// What recovery knows about the place, at position q, where the frames of a segment end.
struct RecoveryEvidence: Equatable {
    /// A later segment exists.
    var hasNext: Bool
    /// q is where the later segment begins.
    var reachesNext: Bool
    /// Only zeros follow.
    var restIsZero: Bool
    /// A valid header of the frame that belongs here, but not its body.
    var hasHeader: Bool
    /// Valid frames follow somewhere; those of an older epoch than the last good frame's do not
    /// count: they are left from an earlier life of the bytes.
    var hasLaterFrame: Bool
    /// One of them promises a commit position above q: what stood at q had been acknowledged.
    var promisesMore: Bool
}

/// What recovery concludes, a case for each row of this table (`-`: either; first match counts):
///
///     hasNext  reachesNext  restIsZero  hasHeader  hasLater  promises  case              action
///     no       yes          -           -          -         -         contradiction     refuse
///     -        -            yes         yes        -         -         contradiction     refuse
///     -        -            yes         -          yes       -         contradiction     refuse
///     -        -            -           -          no        yes       contradiction     refuse
///     yes      yes          -           -          -         -         complete          go on
///     yes      no           -           -          -         -         recordsMissing    refuse
///     no       no           yes         no         no        no        cleanEnd          go on
///     no       no           no          yes        yes       yes       damagedBody       refuse
///     no       no           no          no         yes       yes       damagedHeader     refuse
///     no       no           no          -          yes       no        unsyncedGroup     cut
///     no       no           no          yes        no        no        unpromisedBody    cut
///     no       no           no          no         no        no        tornTail          cut
///
/// Why a cut is safe: nothing at or above q was promised. The last group before a crash may have
/// been acknowledged without a promise after it; a disk that then loses it looks like a torn tail,
/// which is why the report of a cut names the positions. Ticks keep that window short.
public enum RecoveryDecision: String, Sendable, CaseIterable {
    /// The frames go to the end; nothing follows.
    case cleanEnd
    /// The frames go to where the next segment begins; what follows is no frame.
    case complete
    /// A write that did not finish.
    case tornTail
    /// A group whose frames reached the disk out of order, and not all of them.
    case unsyncedGroup
    /// A frame whose header was written and whose body was not, or was damaged since.
    case unpromisedBody
    /// Acknowledged records whose body is damaged.
    case damagedBody
    /// Acknowledged records whose header is damaged.
    case damagedHeader
    /// The next segment begins elsewhere than these frames end.
    case recordsMissing
    /// Evidence that cannot be; the code that gathered it is wrong.
    case contradiction

    /// What follows from a decision.
    public enum Action: Sendable {
        /// Nothing is wrong.
        case goOn
        /// The bytes from q on are kept aside, then cut off.
        case cut
        /// The log is not opened, and nothing is changed.
        case refuse
    }

    init(_ evidence: RecoveryEvidence) {
        let isContradiction =
            (!evidence.hasNext && evidence.reachesNext)
            || (evidence.restIsZero && (evidence.hasHeader || evidence.hasLaterFrame))
            || (!evidence.hasLaterFrame && evidence.promisesMore)
        if isContradiction {
            self = .contradiction
        } else if evidence.hasNext {
            self = evidence.reachesNext ? .complete : .recordsMissing
        } else if evidence.restIsZero {
            self = .cleanEnd
        } else if evidence.promisesMore {
            self = evidence.hasHeader ? .damagedBody : .damagedHeader
        } else if evidence.hasLaterFrame {
            self = .unsyncedGroup
        } else {
            self = evidence.hasHeader ? .unpromisedBody : .tornTail
        }
    }

    /// What follows.
    public var action: Action {
        switch self {
        case .cleanEnd, .complete: .goOn
        case .tornTail, .unsyncedGroup, .unpromisedBody: .cut
        case .damagedBody, .damagedHeader, .recordsMissing, .contradiction: .refuse
        }
    }
}
