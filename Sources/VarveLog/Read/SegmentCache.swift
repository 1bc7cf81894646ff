import VarveBytes
import VarveSystem

/// Open files and footers of sealed segments, the recently used ones. Protected by its monitor.
final class SegmentCache: Sendable {
    private struct Held {
        let file: any File
        var footer: SealedFooter?
        var lastUse: UInt64
    }

    private struct State {
        var held: [Int: Held] = [:]
        var uses: UInt64 = 0
    }

    private let state = Monitor(State())
    private let files: any FileSystem
    private let log: LogID
    private let fileLimit: Int
    private let footerLimit: Int

    /// - Parameters:
    ///   - fileLimit: files kept open.
    ///   - footerLimit: bytes of footers kept.
    init(log: LogID, files: any FileSystem, fileLimit: Int, footerLimit: Int) {
        self.log = log
        self.files = files
        self.fileLimit = fileLimit
        self.footerLimit = footerLimit
    }

    /// The file of a segment.
    func file(_ segment: Segment) throws(ReadError) -> any File {
        if let file = segment.file { return file }
        let found: (any File)? = state.withLock { state in
            state.uses += 1
            state.held[segment.number]?.lastUse = state.uses
            return state.held[segment.number]?.file
        }
        if let found { return found }
        do {
            let file = try files.open(segment.path, .read)
            hold(segment.number, file, nil)
            return file
        } catch {
            throw .system("\(error)")
        }
    }

    /// The footer of a sealed segment.
    func footer(_ segment: Segment) throws(ReadError) -> (file: any File, footer: SealedFooter) {
        let file = try file(segment)
        let found: SealedFooter? = state.withLock { $0.held[segment.number]?.footer }
        if let found { return (file, found) }
        guard let trailer = segment.trailer else {
            throw .system("\(segment.path) has no footer")
        }
        do {
            if var footer = try SealedFooter(file, log: log, base: segment.base),
                try footer.load(from: file)
            {
                hold(segment.number, file, footer)
                return (file, footer)
            }
        } catch {
            throw .system("\(error)")
        }
        // A damaged footer takes nothing away: all of it follows from the frames.
        let scan = try SegmentScan(file, log: log, base: segment.base, end: trailer.footerOffset)
        var footer = SealedFooter(trailer, log: log)
        footer.rebuild(from: scan.entries)
        hold(segment.number, file, footer)
        return (file, footer)
    }

    private func hold(_ number: Int, _ file: any File, _ footer: SealedFooter?) {
        state.withLock { state in
            state.uses += 1
            state.held[number] = Held(file: file, footer: footer, lastUse: state.uses)
            var memory = state.held.values.reduce(0) { $0 + ($1.footer?.memory ?? 0) }
            while state.held.count > 1, state.held.count > fileLimit || memory > footerLimit,
                let oldest = state.held.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                memory -= oldest.value.footer?.memory ?? 0
                state.held[oldest.key] = nil
            }
        }
    }

    /// Lets go of a segment: it was removed or rewritten.
    func drop(_ number: Int) { state.withLock { $0.held[number] = nil } }
}
