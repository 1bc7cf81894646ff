import VarveFormats
import VarveProtocols
import VarveSystem
import VarveTraining

/// A training set on its way to whoever asked for it.
struct TrainingAnswer: Sendable {
    /// What the table is written as.
    enum Format: String, CaseIterable {
        case csv
        /// Arrow IPC, file.
        case arrow
        /// Arrow IPC, stream.
        case arrows
        case parquet

        var contentType: String {
            switch self {
            case .csv: "text/csv"
            case .arrow: "application/vnd.apache.arrow.file"
            case .arrows: "application/vnd.apache.arrow.stream"
            case .parquet: "application/vnd.apache.parquet"
            }
        }
    }

    /// The manifest's id.
    let manifest: String
    let format: Format
    let body: SpooledBody

    var response: HTTPResponse {
        HTTPResponse(
            status: .ok,
            headers: ["Content-Type": format.contentType, "Varve-Training-Set": manifest],
            stream: body)
    }
}

extension TrainingAnswer {
    /// An answer whose body is yet to be produced; the table is let go then.
    init(_ set: TrainingSet, _ format: Format, _ space: SpoolSpace) {
        manifest = set.manifest.id
        self.format = format
        body = SpooledBody(space) { body in
            switch format {
            case .csv: try set.table.csv(body.write)
            case .arrow: try ArrowFile.encode(set.table, body.write)
            case .arrows: try ArrowStream.encode(set.table, body.write)
            case .parquet: try set.parquet(threads: ProcessEnvironment.coreCount, body.write)
            }
        }
    }
}
