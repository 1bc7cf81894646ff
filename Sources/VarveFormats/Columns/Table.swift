/// Named columns of equal length, with free metadata: what CSV and Arrow files hold.
public struct Table: Sendable, Equatable {
    /// The columns, all with the same number of rows.
    public var columns: [Column]
    /// Pairs of texts that travel in the schema of an Arrow file; CSV has no place for them.
    public var metadata: [(key: String, value: String)]

    /// A table of columns that have the same number of rows and different names; stops the program
    /// otherwise.
    public init(columns: [Column] = [], metadata: [(key: String, value: String)] = []) {
        self.columns = columns
        self.metadata = metadata
        checkInvariants()
    }

    /// Bytes of memory, roughly.
    public var byteCount: Int { columns.reduce(0) { $0 + $1.byteCount } }

    /// Rows of every column; 0 without columns.
    public var rowCount: Int { columns.first?.count ?? 0 }

    /// The column of that name.
    public subscript(name: String) -> Column? { columns.first { $0.name == name } }

    /// The cells of one row, in the order of the columns.
    public func row(_ index: Int) -> [Column.Cell] { columns.map { $0.cell(index) } }

    /// The value of a metadata key; the first when it appears more than once.
    public func metadata(_ key: String) -> String? { metadata.first { $0.key == key }?.value }

    /// Stops the program when the columns differ in length or share a name.
    func checkInvariants() {
        var names: Set<String> = []
        for column in columns {
            precondition(
                column.count == rowCount,
                "column \(column.name) has \(column.count) rows, expected \(rowCount)")
            precondition(names.insert(column.name).inserted, "two columns named \(column.name)")
        }
    }

    /// Whether columns and metadata are equal, in order.
    public static func == (left: Table, right: Table) -> Bool {
        left.columns == right.columns && left.metadata.elementsEqual(right.metadata, by: ==)
    }
}
