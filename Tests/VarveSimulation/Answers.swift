import Synchronization
import VarveLog

/// Collects what the log answers to the requests of one group.
final class Answers: Sendable {
    private let answers: Mutex<[Result<Appended?, AppendError>?]>
    private let repeated = Mutex(false)

    init(_ count: Int) {
        answers = Mutex([Result<Appended?, AppendError>?](repeating: nil, count: count))
    }

    private func take(_ number: Int, _ answer: Result<Appended?, AppendError>) {
        let isFirst = answers.withLock { answers in
            defer { answers[number] = answer }
            return answers[number] == nil
        }
        if !isFirst { repeated.withLock { $0 = true } }
    }

    func batch(_ number: Int) -> @Sendable (Result<Appended, AppendError>) -> Void {
        { self.take(number, $0.map { $0 }) }
    }

    func streams(_ number: Int) -> @Sendable (AppendError?) -> Void {
        { self.take(number, $0.map { .failure($0) } ?? .success(nil)) }
    }

    /// Every request's answer, each given once.
    func all() throws(Violation) -> [Result<Appended?, AppendError>] {
        try require(!repeated.withLock { $0 }, "a request was answered twice")
        var all: [Result<Appended?, AppendError>] = []
        for answer in answers.withLock({ $0 }) {
            guard let answer else { throw Violation("a request was not answered") }
            all.append(answer)
        }
        return all
    }
}
