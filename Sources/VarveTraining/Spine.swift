public import VarveBytes
public import VarveFeatures
public import VarveFormats

/// The rows a training set is asked for: a table with a time T, the service's key fields and
/// inputs, and any other columns, such as labels, which are passed through.
public struct Spine: Sendable {
    /// All columns, as they came.
    public let table: Table
    /// The column that holds T.
    public let timeColumn: String
    /// SHA-256 of the bytes the spine was read from.
    public let digest: Digest

    /// Rows in the spine.
    public var rowCount: Int { table.rowCount }

    /// The newest T; the distant past without rows.
    public var newestTime: Timestamp {
        guard let times = table[timeColumn] else { return .distantPast }
        return (0..<table.rowCount).compactMap { times.timestamp($0) }.max() ?? .distantPast
    }

    /// Reads a CSV text, checked against the service's needs. A time needs a zone; a null key is
    /// allowed, and matches nothing.
    public init(csv bytes: [UInt8], timeColumn: String, plan: ServicePlan) throws(TrainingError) {
        var types = [timeColumn: ColumnType.timestamp]
        for field in plan.keyFields + plan.service.inputs {
            types[field.name] = field.type.columnType
        }
        do {
            try self.init(
                Table(csv: bytes.raw, types: types), timeColumn: timeColumn,
                digest: SHA256.digest(bytes.raw), plan: plan)
        } catch let error as CSVError {
            throw .badSpine("\(error)")
        } catch let error as TrainingError {
            throw error
        } catch {
            throw .badSpine("\(error)")
        }
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
        let times = table[timeColumn]
        for row in 0..<table.rowCount where times?.isNull(row) ?? true {
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
