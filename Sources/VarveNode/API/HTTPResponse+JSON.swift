import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveModels
import VarveProjections
import VarveProtocols
import VarveTraining

extension HTTPResponse {
    /// A JSON document.
    static func json(_ json: JSON, status: HTTPStatus = .ok) -> HTTPResponse {
        HTTPResponse(
            status: status, headers: ["Content-Type": "application/json"],
            body: Array(json.text.utf8) + [UInt8(ascii: "\n")])
    }

    /// What went wrong, as every route says it: `{"error": "...", "errors": [...]}`.
    ///
    /// The one place where an error of the domain becomes a status of HTTP.
    static func failure(_ error: any Error) -> HTTPResponse {
        var members = [JSON.Member("error", .string("\(error)"))]
        let status: HTTPStatus
        switch error {
        case let error as NodeError:
            status =
                switch error {
                case .behind: .serviceUnavailable
                case .badRequest: .badRequest
                case .notFound: .notFound
                case .conflict: .conflict
                case .refused: .unprocessableContent
                }
        case let errors as DefinitionErrors:
            status = .unprocessableContent
            members.append(.init("errors", .array(errors.errors.map { .string("\($0)") })))
        case let error as RegistryError:
            switch error {
            case .damagedArtifact, .damagedManifest: status = .internalServerError
            default: status = .notFound
            }
        case let error as TrainingError:
            switch error {
            case .unknownService: status = .notFound
            case .badSpine, .badBasis, .badSplit, .overMemory: status = .badRequest
            case .cancelled: status = .conflict
            case .badManifest: status = .internalServerError
            case .notReproduced: status = .conflict
            }
        case let error as SpoolError:
            status = error == .cancelled ? .conflict : .insufficientStorage
        case is ModelError: status = .unprocessableContent
        case let error as ProofError:
            if case .malformed = error { status = .badRequest } else { status = .conflict }
        case let error as ReadError:
            switch error {
            case .offsetOutOfRange, .removed, .unknownStream: status = .notFound
            case .system, .damaged: status = .internalServerError
            }
        case let error as AppendError:
            if case .outOfSpace = error {
                status = .insufficientStorage
            } else if case .stopped = error {
                status = .serviceUnavailable
            } else {
                status = .badRequest
            }
        case is LostFacts: status = .serviceUnavailable
        default: status = .internalServerError
        }
        return .json(.object(members), status: status)
    }
}
