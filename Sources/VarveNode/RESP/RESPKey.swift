import VarveBytes
import VarveFeatures
import VarveFormats

/// What a Redis key names: a view or service, and an entity in it.
///
///     airport_traffic:EWR                     the key field's value
///     route_traffic:EWR|LAX                   several, in the entity's order; `\|` and `\\` for
///                                             those characters themselves
///     route_traffic:["EWR","LAX"]             the same as a JSON array
///     arrival_delay:{"origin":"EWR",...}      by name, with a service's inputs among them
///
/// Before the first colon is the name; all behind it is the entity. A text that itself begins with
/// `[` or `{` is written with a backslash before it, or in JSON. Times are in RFC 3339.
struct RESPKey {
    /// Values of the key fields, in their order.
    var keys: [Value] = []
    /// Values of a service's inputs, in their order; null where none is given.
    var inputs: [Value] = []

    /// Where the name ends; nil without a colon.
    static func nameEnd(_ key: RawSpan) -> Int? {
        for index in 0..<key.byteCount where key.byte(at: index) == UInt8(ascii: ":") {
            return index
        }
        return nil
    }

    /// Reads what stands behind the colon.
    init(_ text: RawSpan, keyFields: [Field], inputs: [Field] = []) throws(RESPKeyError) {
        guard text.text() != nil else { throw RESPKeyError("the key is not UTF-8") }
        switch text.byteCount > 0 ? text.byte(at: 0) : 0 {
        case UInt8(ascii: "["):
            guard case .array(let items)? = try? JSON(parsing: text) else {
                throw RESPKeyError("the key is no JSON array")
            }
            try take(items.map { .some($0) }, keyFields)
            self.inputs = inputs.map { _ in .null }
        case UInt8(ascii: "{"):
            guard case .object(let members)? = try? JSON(parsing: text) else {
                throw RESPKeyError("the key is no JSON object")
            }
            let known = keyFields + inputs
            for member in members where !known.contains(where: { $0.name == member.name }) {
                throw RESPKeyError(
                    "\(member.name) is not known, expected "
                        + known.map(\.name).joined(separator: ", "))
            }
            func values(_ fields: [Field]) -> [JSON?] {
                fields.map { field in members.last { $0.name == field.name }?.value }
            }
            try take(values(keyFields), keyFields)
            for (field, json) in zip(inputs, values(inputs)) {
                self.inputs.append(try Self.value(json ?? .null, field))
            }
        default:
            let parts = Self.split(text)
            guard parts.count == keyFields.count else {
                throw RESPKeyError(
                    "the key has \(parts.count) values, expected \(keyFields.count): "
                        + keyFields.map(\.name).joined(separator: "|"))
            }
            for (part, field) in zip(parts, keyFields) {
                guard let value = Value(text: part, as: field.type) else {
                    throw RESPKeyError(
                        "\(field.name) is \"\(part)\", expected a \(field.type.rawValue)")
                }
                keys.append(value)
            }
            self.inputs = inputs.map { _ in .null }
        }
    }

    private mutating func take(_ items: [JSON?], _ fields: [Field]) throws(RESPKeyError) {
        guard items.count == fields.count else {
            throw RESPKeyError(
                "the key has \(items.count) values, expected \(fields.count): "
                    + fields.map(\.name).joined(separator: ", "))
        }
        for (json, field) in zip(items, fields) {
            guard let json else { throw RESPKeyError("\(field.name) is missing") }
            keys.append(try Self.value(json, field))
        }
    }

    private static func value(_ json: JSON, _ field: Field) throws(RESPKeyError) -> Value {
        guard let value = Value(json, as: field.type) else {
            throw RESPKeyError(
                "\(field.name) is \(json.text), expected a \(field.type.rawValue)")
        }
        return value
    }

    /// The values between bars, backslashes resolved.
    private static func split(_ text: RawSpan) -> [String] {
        var parts: [[UInt8]] = [[]]
        var index = 0
        while index < text.byteCount {
            let byte = text.byte(at: index)
            index += 1
            if byte == UInt8(ascii: "|") {
                parts.append([])
            } else if byte == UInt8(ascii: "\\"), index < text.byteCount {
                parts[parts.count - 1].append(text.byte(at: index))
                index += 1
            } else {
                parts[parts.count - 1].append(byte)
            }
        }
        return parts.map { String(decoding: $0, as: UTF8.self) }
    }
}

/// Why a Redis key names no entity.
struct RESPKeyError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
