/// An error's words; a remark when there is none.
public func describe(_ error: (any Error)?) -> String { error.map { "\($0)" } ?? "no error" }
