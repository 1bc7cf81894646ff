internal import VarveFormats

/// A value of a definition document and where it stands.
struct DocumentPart {
    /// Empty for the whole document.
    let path: String
    let value: JSON

    func member(_ name: String, _ value: JSON) -> DocumentPart {
        DocumentPart(path: path.isEmpty ? name : "\(path).\(name)", value: value)
    }

    func element(_ index: Int, _ value: JSON) -> DocumentPart {
        DocumentPart(path: "\(path)[\(index)]", value: value)
    }

    /// The value as JSON, shortened, for messages.
    var shown: String {
        let text = value.text
        return text.unicodeScalars.count <= 80
            ? text : String(String.UnicodeScalarView(text.unicodeScalars.prefix(77))) + "..."
    }
}

/// The members of an object that a definition may have.
struct DocumentMembers {
    let part: DocumentPart
    private let values: [String: JSON]

    init(_ part: DocumentPart, _ values: [String: JSON]) {
        self.part = part
        self.values = values
    }

    /// A member; nil when it is missing or null, which mean the same.
    subscript(name: String) -> DocumentPart? { values[name].map { part.member(name, $0) } }

    /// Whether there is such a member, and not null.
    func has(_ name: String) -> Bool { values[name] != nil }
}
