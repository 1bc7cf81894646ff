import VarveFeatures
import VarveLog
import VarveProjections
import VarveProtocols

/// What clients ask about the connection and the server.
extension RESPCommands {
    /// The version of Redis whose commands are answered, where they are.
    private static let redisVersion = "7.0.0"

    mutating func ping(_ words: borrowing RESPWords) {
        switch words.count {
        case 1: writer.simple("PONG")
        case 2: writer.bulk(words[1])
        default: _ = isRight(words, 2)
        }
    }

    /// `HELLO [2|3 [AUTH user password] [SETNAME name]]`
    mutating func hello(_ words: borrowing RESPWords) {
        var version = writer.version
        var index = 1
        if words.count > 1 {
            guard let wanted = Int(words.text(1)).flatMap(RESPVersion.init(rawValue:)) else {
                writer.error("NOPROTO unsupported protocol version")
                return
            }
            version = wanted
            index = 2
        }
        while index < words.count {
            switch words.text(index).uppercased() {
            case "SETNAME" where index + 1 < words.count:
                clientName = words.text(index + 1)
                index += 2
            case "AUTH" where index + 2 < words.count:
                guard logIn(words.text(index + 1), words.text(index + 2)) else { return }
                index += 3
            default:
                writer.error("ERR Syntax error in HELLO option '\(words.text(index))'")
                return
            }
        }
        guard isAdmitted else {
            writer.error(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the"
                    + " HELLO <proto> AUTH <user> <pass> option can be used to authenticate the"
                    + " client and select the RESP protocol version at the same time")
            return
        }
        writer.version = version
        writer.map(7)
        for (name, value) in [("server", "varve"), ("version", Self.redisVersion)] {
            writer.bulk(name)
            writer.bulk(value)
        }
        writer.bulk("proto")
        writer.integer(version.rawValue)
        writer.bulk("id")
        writer.integer(Int(client))
        for (name, value) in [("mode", "standalone"), ("role", "master")] {
            writer.bulk(name)
            writer.bulk(value)
        }
        writer.bulk("modules")
        writer.array(0)
    }

    mutating func select(_ words: borrowing RESPWords) {
        guard isRight(words, 2) else { return }
        switch Int(words.text(1)) {
        case 0?: writer.simple("OK")
        case nil: writer.error("ERR value is not an integer or out of range")
        default: writer.error("ERR DB index is out of range")
        }
    }

    mutating func info() {
        let reader = node.online.reader
        var text = """
            # Server\r
            redis_version:\(Self.redisVersion)\r
            server_name:varve\r
            redis_mode:standalone\r
            \r
            # Replication\r
            role:master\r
            \r
            # Varve\r
            log:\(node.log.id.text(of: node.log.commitPosition))\r
            position:\(reader.position.value)\r
            lag:\(node.log.commitPosition.value - reader.position.value)\r
            lag_ms:\(node.lagMilliseconds)\r
            \r
            # Keyspace\r

            """
        var keys = 0
        for (index, view) in reader.definitions.views.enumerated() {
            let size = reader.size(ofView: index)
            keys += size.keys
            text += "view_\(view.name):keys=\(size.keys),facts=\(size.facts),bytes=\(size.bytes)\r\n"
        }
        text += "db0:keys=\(keys),expires=0,avg_ttl=0\r\n"
        writer.bulk(text)
    }

    /// Names, arity as Redis counts it, and where the keys are: first, last, step.
    private static let table: [(name: String, arity: Int, keys: (Int, Int, Int))] = [
        ("auth", -2, (0, 0, 0)), ("client", -2, (0, 0, 0)), ("command", -1, (0, 0, 0)),
        ("config", -2, (0, 0, 0)), ("echo", 2, (0, 0, 0)), ("exists", -2, (1, -1, 1)),
        ("hello", -1, (0, 0, 0)), ("hexists", 3, (1, 1, 1)), ("hget", 3, (1, 1, 1)),
        ("hgetall", 2, (1, 1, 1)), ("hkeys", 2, (1, 1, 1)), ("hlen", 2, (1, 1, 1)),
        ("hmget", -3, (1, 1, 1)), ("info", -1, (0, 0, 0)), ("ping", -1, (0, 0, 0)),
        ("quit", -1, (0, 0, 0)), ("reset", 1, (0, 0, 0)), ("select", 2, (0, 0, 0)),
        ("type", 2, (1, 1, 1)), ("varve.at", -4, (0, 0, 0)), ("varve.mget", -4, (0, 0, 0)),
        ("varve.status", 2, (1, 1, 1)),
    ]

    mutating func command(_ words: borrowing RESPWords) {
        switch words.count > 1 ? words.text(1).uppercased() : "" {
        case "": describe(Self.table.map(\.name))
        case "COUNT": writer.integer(Self.table.count)
        case "DOCS": writer.map(0)
        case "LIST":
            writer.array(Self.table.count)
            for row in Self.table { writer.bulk(row.name) }
        case "INFO":
            describe(
                words.count > 2
                    ? (2..<words.count).map { words.text($0).lowercased() }
                    : Self.table.map(\.name))
        default:
            writer.error("ERR unknown subcommand '\(words.text(1))'. Try COMMAND COUNT, DOCS, INFO.")
        }
    }

    private mutating func describe(_ names: [String]) {
        writer.array(names.count)
        for name in names {
            guard let row = Self.table.first(where: { $0.name == name }) else {
                writer.null()
                continue
            }
            writer.array(10)
            writer.bulk(row.name)
            writer.integer(row.arity)
            writer.array(2)
            writer.simple("readonly")
            writer.simple("fast")
            writer.integer(row.keys.0)
            writer.integer(row.keys.1)
            writer.integer(row.keys.2)
            // Categories, then hints, specifications of keys, and subcommands, of which none are told.
            writer.array(2)
            writer.simple("@read")
            writer.simple("@fast")
            for _ in 0..<3 { writer.array(0) }
        }
    }

    mutating func client(_ words: borrowing RESPWords) {
        guard isRight(words, 2, orMore: true) else { return }
        switch words.text(1).uppercased() {
        case "SETNAME" where words.count == 3:
            clientName = words.text(2)
            writer.simple("OK")
        case "GETNAME":
            if clientName.isEmpty { writer.null() } else { writer.bulk(clientName) }
        case "SETINFO" where words.count == 4, "NO-EVICT" where words.count == 3,
            "NO-TOUCH" where words.count == 3:
            writer.simple("OK")
        case "ID": writer.integer(Int(client))
        default:
            writer.error(
                "ERR unknown subcommand or wrong number of arguments for '\(words.text(1))'."
                    + " Try CLIENT SETNAME, GETNAME, SETINFO, ID.")
        }
    }

    /// Tools such as redis-benchmark ask for settings first: there are none.
    mutating func config(_ words: borrowing RESPWords) {
        if words.count > 1, words.isWord(1, Array("GET".utf8)) {
            writer.map(0)
        } else {
            writer.error("ERR Varve is configured by `varve serve`; CONFIG GET answers nothing")
        }
    }
}
