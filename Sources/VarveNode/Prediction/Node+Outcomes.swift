import VarveBytes
import VarveFeatures
import VarveFormats
import VarveLog
import VarveProjections

extension Node {
    /// Joins a model version's predictions with what a stream says happened, by the id of the
    /// prediction. The newest outcome of an id, by (event time, position), counts.
    /// - Parameters:
    ///   - reference: `NAME@alias` or `NAME:version`.
    ///   - stream: a declared stream.
    ///   - idField: its field that names the prediction.
    ///   - labelField: its field that is above zero, or true, when the outcome was positive.
    func outcomes(
        of reference: String, in stream: String, idField: String, labelField: String
    ) throws -> Outcomes {
        let version = try registry.registry.resolve(reference)
        let streams = try catalog.catalog.definitions().streams
        guard let definition = streams.first(where: { $0.name == stream }) else {
            throw NodeError.notFound(
                "stream \(stream) is not declared; declared are "
                    + streams.map(\.name).joined(separator: ", "))
        }
        func slot(_ name: String) throws -> Int {
            guard let slot = definition.index(of: name) else {
                throw NodeError.badRequest(
                    "stream \(stream) has no field \(name); it has "
                        + definition.fields.map(\.name).joined(separator: ", "))
            }
            return slot
        }
        let label = try slot(labelField)
        guard [.bool, .int64, .float64].contains(definition.fields[label].type) else {
            throw NodeError.badRequest(
                "field \(labelField) of stream \(stream) is a"
                    + " \(definition.fields[label].type.rawValue), expected a number or a bool")
        }
        let labels = try self.labels(definition, try slot(idField), label)
        var pairs: [(score: Float, isPositive: Bool)] = []
        var count = 0
        try PredictionRecord.forEach(in: log, upTo: log.commitPosition) { prediction, _ in
            guard prediction.model == version.model, prediction.version == version.number else {
                return
            }
            count += 1
            if let label = labels[prediction.id] {
                pairs.append((prediction.score, label.isPositive))
            }
        }
        return Outcomes(pairs, predictions: count)
    }

    private struct Label {
        let time: Int64
        let isPositive: Bool
    }

    private func labels(_ definition: StreamDefinition, _ id: Int, _ label: Int) throws
        -> [String: Label]
    {
        var labels: [String: Label] = [:]
        try StandingRecords(definition, log, upTo: log.commitPosition).forEach { slots, time, _ in
            guard !slots[id].isNull, let number = Profile.number(slots[label]) else { return }
            let name = slots[id].text
            // Records come in order of position: among equal times the later one wins.
            if let known = labels[name], known.time > time.microseconds { return }
            labels[name] = Label(time: time.microseconds, isPositive: number > 0)
        }
        return labels
    }
}
