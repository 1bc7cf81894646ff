import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections
import VarveProtocols
import VarveSystem

/// Answers the commands of one connection. Every read of one batch of requests is answered for one
/// moment and one position of the store.
struct RESPCommands: Sendable {
    let node: Node
    let client: Int64
    var writer = RESPWriter()
    private(set) var hasQuit = false
    var clientName = ""
    private let access: AccessControl
    /// Who proved a password on this connection.
    var user: String?
    /// Whether commands that read are answered.
    private(set) var isAdmitted = false
    /// What the batch of requests at hand reads from; renewed when the first of them reads.
    private var reading: RESPReading
    private var isStale = true

    init(_ node: Node, _ access: AccessControl, client: Int64) {
        self.node = node
        self.access = access
        self.client = client
        reading = RESPReading(node.online.reader, node.clock.now())
    }

    /// A new batch of requests has arrived.
    mutating func begin() {
        isStale = true
        admit()
        // A client that reads no more does not hold views that were swapped out.
        reading.follow(node.online.reader)
    }

    /// Looks up whether the client may read, as users come and go.
    private mutating func admit() {
        isAdmitted =
            !access.isProtected
            || user.map { access.principal(named: $0)?.mayConsume ?? false } ?? false
    }

    /// Takes a user and a password; writes the error when they are wrong.
    mutating func logIn(_ name: String, _ password: String) -> Bool {
        guard access.isProtected else {
            writer.error(
                "ERR AUTH <password> called without any password configured for the default user."
                    + " Are you sure your configuration is correct?")
            return false
        }
        guard let principal = access.principal(user: name, password: password) else {
            writer.error("WRONGPASS invalid username-password pair or user is disabled.")
            return false
        }
        guard principal.mayConsume else {
            writer.error("NOPERM user \(name) has no role that reads features")
            return false
        }
        user = name
        admit()
        return true
    }

    /// Runs one command and writes its answer.
    /// - Parameter arguments: its words as ranges of the bytes.
    mutating func run(_ arguments: Span<Range<Int>>, of bytes: RawSpan) {
        if arguments.isEmpty { return }
        let words = RESPWords(arguments, bytes)
        if !isAdmitted, !Self.open.contains(words.text(0).uppercased()) {
            writer.error("NOAUTH Authentication required.")
            return
        }
        // The busiest commands are known without making a text.
        if words.isWord(0, Self.hmget) { return hmget(words) }
        if words.isWord(0, Self.hget) { return hget(words) }
        let name = words.text(0).uppercased()
        switch name {
        case "HGETALL": hgetall(words)
        case "HKEYS": hkeys(words)
        case "HLEN": hlen(words)
        case "HEXISTS": hexists(words)
        case "EXISTS": exists(words)
        case "TYPE": type(words)
        case "VARVE.MGET": mget(words)
        case "VARVE.STATUS": status(words)
        case "VARVE.AT": at(words)
        case "PING": ping(words)
        case "ECHO":
            if isRight(words, 2) { writer.bulk(words[1]) }
        case "HELLO": hello(words)
        case "AUTH":
            if isRight(words, 3), logIn(words.text(1), words.text(2)) { writer.simple("OK") }
        case "SELECT": select(words)
        case "INFO": info()
        case "COMMAND": command(words)
        case "CLIENT": client(words)
        case "CONFIG": config(words)
        case "QUIT":
            writer.simple("OK")
            hasQuit = true
        case "RESET":
            clientName = ""
            user = nil
            admit()
            writer.version = .two
            writer.simple("RESET")
        default: writer.error(unknown(words))
        }
    }

    /// What strangers may say.
    private static let open: Set<String> = ["AUTH", "HELLO", "QUIT", "RESET"]
    private static let hmget = Array("HMGET".utf8)
    private static let hget = Array("HGET".utf8)

    private func unknown(_ words: borrowing RESPWords) -> String {
        if Self.writing.contains(words.text(0).uppercased()) {
            return "READONLY Varve's features are read-only here; write them through Kafka or HTTP"
        }
        var text = "ERR unknown command '\(words.text(0).prefix(128))', with args beginning with: "
        for index in 1..<max(1, min(words.count, 20)) where text.utf8.count < 300 {
            text += "'\(words.text(index).prefix(64))' "
        }
        return text
    }

    private static let writing: Set<String> = [
        "SET", "MSET", "HSET", "HMSET", "HDEL", "DEL", "UNLINK", "EXPIRE", "INCR", "INCRBY",
        "HINCRBY", "HINCRBYFLOAT", "HSETNX", "LPUSH", "RPUSH", "SADD", "ZADD", "FLUSHALL",
        "FLUSHDB", "SETEX", "SETNX", "XADD",
    ]

    /// Whether a command has as many words as it should; writes the error when it has not.
    mutating func isRight(
        _ words: borrowing RESPWords, _ count: Int, orMore: Bool = false
    ) -> Bool {
        if orMore ? words.count >= count : words.count == count { return true }
        writer.error(
            "ERR wrong number of arguments for '\(words.text(0).lowercased())' command")
        return false
    }

    // MARK: Features

    /// A command that waits for a position.
    struct Deferred: Sendable {
        let position: Position
        let arguments: [Range<Int>]
        let bytes: [UInt8]
    }

    /// The command at hand, when it has to wait.
    private var deferred: Deferred?

    /// Takes the command that has to wait, if the last one has to; its answer is not written.
    mutating func takeDeferred() -> Deferred? { deferred == nil ? nil : deferred.take() }

    private static let readingCommands: Set<String> = [
        "HMGET", "HGET", "HGETALL", "HKEYS", "HLEN", "HEXISTS", "EXISTS", "TYPE", "VARVE.MGET",
        "VARVE.STATUS",
    ]

    /// `VARVE.AT position command...`: a command that reads, once the store has every record below
    /// a position: what a client has written, it reads.
    private mutating func at(_ words: borrowing RESPWords) {
        guard isRight(words, 4, orMore: true) else { return }
        guard Self.readingCommands.contains(words.text(2).uppercased()) else {
            writer.error("ERR VARVE.AT takes a command that reads, such as HMGET")
            return
        }
        let position: Position
        do {
            position = try NodeAPI.position(words.text(1), node)
        } catch {
            writer.error("ERR \(error)")
            return
        }
        guard position <= node.log.commitPosition else {
            writer.error(
                "ERR position \(position.value) is beyond the log's end,"
                    + " \(node.log.commitPosition.value)")
            return
        }
        var (ranges, bytes): ([Range<Int>], [UInt8]) = ([], [])
        for index in 2..<words.count {
            let start = bytes.count
            bytes.append(copying: words[index])
            ranges.append(start..<bytes.count)
        }
        if node.online.position >= position {
            // What the batch at hand reads from may be older.
            isStale = true
            return run(ranges.span, of: bytes.raw)
        }
        deferred = Deferred(position: position, arguments: ranges, bytes: bytes)
    }

    /// Has a command answered when its position is reached.
    func wait(for deferred: Deferred, _ answer: @escaping @Sendable ([UInt8]) -> Void) {
        var later = self
        later.writer.bytes = []
        later.reading = RESPReading(node.online.reader, node.clock.now())
        let commands = later
        node.projector.notify(
            at: deferred.position, in: [node.online.name], timeout: Node.projectionTimeout
        ) { isThere in
            var commands = commands
            commands.begin()
            if isThere {
                commands.run(deferred.arguments.span, of: deferred.bytes.raw)
            } else {
                commands.writer.error(
                    "BEHIND the store is at position \(commands.node.online.position.value),"
                        + " not at \(deferred.position.value)")
            }
            answer(commands.writer.bytes)
        }
    }

    /// Runs a body with what this batch reads from.
    private mutating func reading(_ body: (inout RESPReading, inout RESPWriter) -> Void) {
        if isStale {
            reading.renew(node.online.reader, node.clock.now())
            isStale = false
        }
        body(&reading, &writer)
    }

    /// Notes what a command that will be run reads.
    mutating func expect(_ arguments: Span<Range<Int>>, of bytes: RawSpan) {
        let words = RESPWords(arguments, bytes)
        guard words.count > 1, words.isWord(0, Self.hmget) || words.isWord(0, Self.hget) else {
            return
        }
        reading.expect(words[1])
    }

    /// Has what the noted commands read fetched; see `Foresight`.
    mutating func foresee(_ step: Foresight) { reading.foresee(step) }

    private mutating func hmget(_ words: borrowing RESPWords) {
        guard isRight(words, 3, orMore: true) else { return }
        reading { reading, writer in
            reading.fields(words, from: 2)
            guard reading.read(words[1], &writer) else { return }
            writer.array(words.count - 2)
            reading.writeFields(&writer)
        }
    }

    private mutating func hget(_ words: borrowing RESPWords) {
        guard isRight(words, 3) else { return }
        reading { reading, writer in
            reading.fields(words, from: 2)
            guard reading.read(words[1], &writer) else { return }
            reading.writeFields(&writer)
        }
    }

    private mutating func hgetall(_ words: borrowing RESPWords) {
        guard isRight(words, 2) else { return }
        reading { reading, writer in
            reading.allFields()
            guard reading.read(words[1], &writer) else { return }
            reading.writeAll(&writer, statuses: false)
        }
    }

    /// `VARVE.STATUS key`: each feature with why it has the value it has.
    private mutating func status(_ words: borrowing RESPWords) {
        guard isRight(words, 2) else { return }
        reading { reading, writer in
            reading.allFields()
            guard reading.read(words[1], &writer) else { return }
            reading.writeAll(&writer, statuses: true)
        }
    }

    private mutating func hkeys(_ words: borrowing RESPWords) {
        guard isRight(words, 2) else { return }
        reading { reading, writer in
            guard let names = reading.names(words[1], &writer) else { return }
            writer.array(names.count)
            for name in names { writer.bulk(name.raw) }
        }
    }

    private mutating func hlen(_ words: borrowing RESPWords) {
        guard isRight(words, 2) else { return }
        reading { reading, writer in
            guard let names = reading.names(words[1], &writer) else { return }
            writer.integer(names.count)
        }
    }

    private mutating func hexists(_ words: borrowing RESPWords) {
        guard isRight(words, 3) else { return }
        reading { reading, writer in
            guard let names = reading.names(words[1], &writer) else { return }
            let field = words[2]
            writer.integer(names.contains { $0.raw.equals(field) } ? 1 : 0)
        }
    }

    private mutating func exists(_ words: borrowing RESPWords) {
        guard isRight(words, 2, orMore: true) else { return }
        reading { reading, writer in
            var count = 0
            for index in 1..<words.count where reading.exists(words[index]) { count += 1 }
            if reading.isWhole(&writer) { writer.integer(count) }
        }
    }

    private mutating func type(_ words: borrowing RESPWords) {
        guard isRight(words, 2) else { return }
        reading { reading, writer in
            let exists = reading.exists(words[1])
            if reading.isWhole(&writer) { writer.simple(exists ? "hash" : "none") }
        }
    }

    /// `VARVE.MGET count key... field...`: the same fields of several entities, as an array of
    /// arrays; an entity that cannot be read is an error in its place.
    private mutating func mget(_ words: borrowing RESPWords) {
        guard isRight(words, 4, orMore: true) else { return }
        guard let count = Int(words.text(1)), count > 0, count <= words.count - 3 else {
            writer.error("ERR expected VARVE.MGET count key [key ...] field [field ...]")
            return
        }
        reading { reading, writer in
            reading.fields(words, from: 2 + count)
            writer.array(count)
            for index in 0..<count where reading.read(words[2 + index], &writer) {
                writer.array(words.count - 2 - count)
                reading.writeFields(&writer)
            }
        }
    }
}

/// The words of one request, borrowed.
struct RESPWords: ~Escapable {
    private let ranges: Span<Range<Int>>
    private let bytes: RawSpan

    @_lifetime(copy bytes, copy ranges)
    init(_ ranges: Span<Range<Int>>, _ bytes: RawSpan) {
        self.ranges = ranges
        self.bytes = bytes
    }

    var count: Int { ranges.count }

    subscript(index: Int) -> RawSpan {
        @_lifetime(copy self)
        get { bytes.extracting(ranges[index]) }
    }

    /// A word as text; bytes that are not UTF-8 become replacement characters.
    func text(_ index: Int) -> String {
        String(decoding: self[index].copied(), as: UTF8.self)
    }

    /// Whether a word is a text of ASCII capitals, in capitals or not.
    func isWord(_ index: Int, _ capitals: [UInt8]) -> Bool {
        let word = self[index]
        guard word.byteCount == capitals.count else { return false }
        for (place, capital) in capitals.enumerated() where word.byte(at: place) & 0xDF != capital {
            return false
        }
        return true
    }
}
