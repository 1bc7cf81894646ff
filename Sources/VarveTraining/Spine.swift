public import VarveBytes
public import VarveFeatures
public import VarveFormats
public import VarveProjections
import VarveSystem

/// The rows a training set is asked for: a table with a time T, the service's key fields and
/// inputs, and any other columns, such as labels, which are passed through.
public struct Spine: Sendable {
    /// All columns, as they came.
    public let table: Table
    /// The column that holds T.
    public let timeColumn: String
    /// SHA-256 of the bytes the spine was read from.
    public let digest: Digest
    /// Records of the stream it was made of that have no row as they do not fit its definition.
    public internal(set) var unreadable: RecordReader.Unreadable?

    /// Rows in the spine.
    public var rowCount: Int { table.rowCount }

    /// The newest T; the distant past without rows.
    public var newestTime: Timestamp {
        guard let times = table[timeColumn], times.count > 0 else { return .distantPast }
        // No T is null.
        var newest = Int64.min
        for word in times.words { newest = max(newest, Int64(bitPattern: word)) }
        return Timestamp(microseconds: newest)
    }

    /// Reads a file, told apart by its first bytes: Parquet, Arrow (file or stream), or else CSV.
    /// Integers count as float64 where the service needs that.
    public init(file bytes: [UInt8], timeColumn: String, plan: ServicePlan) throws(TrainingError) {
        // Beside the reading.
        let digest = Once { SHA256.digest(bytes.raw) }
        let hasher = WorkerThread(name: "columns") { _ = digest.value }
        defer { hasher.join() }
        let table: Table
        do {
            if ParquetFile.isParquet(bytes.raw) {
                table = try ParquetFile.decode(bytes.raw)
            } else if ArrowFile.isArrow(bytes.raw) {
                table = try ArrowFile.decode(bytes.raw)
            } else if ArrowStream.isArrow(bytes.raw) {
                table = try ArrowStream.decode(bytes.raw)
            } else {
                table = try Self.table(csv: bytes, timeColumn, plan)
            }
        } catch {
            throw .badSpine("\(error)")
        }
        var widened = table
        for field in plan.service.inputs where field.type == .float64 {
            if let index = table.columns.firstIndex(where: { $0.name == field.name }),
                let column = table.columns[index].widened()
            {
                widened.columns[index] = column
            }
        }
        try self.init(widened, timeColumn: timeColumn, digest: digest.value, plan: plan)
    }

    /// Reads a CSV text, checked against the service's needs. A time needs a zone; a null key is
    /// allowed, and matches nothing.
    public init(csv bytes: [UInt8], timeColumn: String, plan: ServicePlan) throws(TrainingError) {
        let table: Table
        do {
            table = try Self.table(csv: bytes, timeColumn, plan)
        } catch {
            throw .badSpine("\(error)")
        }
        try self.init(
            table, timeColumn: timeColumn, digest: SHA256.digest(bytes.raw), plan: plan)
    }

    private static func table(
        csv bytes: [UInt8], _ timeColumn: String, _ plan: ServicePlan
    ) throws(CSVError) -> Table {
        var types = [timeColumn: ColumnType.timestamp]
        for field in plan.keyFields + plan.service.inputs {
            types[field.name] = field.type.columnType
        }
        return try Table(csv: bytes.raw, types: types)
    }

    /// A spine from a table that is there already.
    public init(
        _ table: Table, timeColumn: String, digest: Digest, plan: ServicePlan
    ) throws(TrainingError) {
        self.table = table
        self.timeColumn = timeColumn
        self.digest = digest
        var needs = [Field(name: timeColumn, type: .timestamp)]
        needs += plan.keyFields + plan.service.inputs
        for field in needs {
            guard let column = table[field.name] else {
                let names = table.columns.map(\.name).joined(separator: ", ")
                throw .badSpine("column \(field.name) is missing; it has \(names)")
            }
            guard column.type == field.type.columnType else {
                throw .badSpine(
                    "column \(field.name) holds \(column.type.rawValue), expected"
                        + " \(field.type.rawValue)")
            }
        }
        if let times = table[timeColumn], times.nullCount > 0,
            let row = (0..<times.count).first(where: { times.isNull($0) })
        {
            throw .badSpine("row \(row + 1) has no \(timeColumn)")
        }
        let columns = Set(plan.addedColumns(to: table).map(\.name))
        for name in table.columns.map(\.name) where columns.contains(name) {
            throw .badSpine("column \(name) has the name of a feature of the service")
        }
    }
}

extension ServicePlan {
    /// The service's columns that a training set adds to its spine: all but the inputs that are
    /// passed through, which the spine has already.
    func addedColumns(to spine: Table) -> [Field] {
        zip(service.features, columns).compactMap { feature, field in
            if case .input = feature, spine[field.name] != nil { nil } else { field }
        }
    }
}
