/// Small measurements of single floors:
/// `varve-bench [log|fold|parquet] [--directory PATH] [--megabytes N] [--records N] [--keys N]`.
@main
struct Main {
    static func main() throws {
        var arguments = CommandLine.arguments.dropFirst()
        var directory = "/tmp/varve-bench"
        var (megabytes, records, keys) = (1024, 2_000_000, 200_000)
        let what = arguments.first.map { $0.hasPrefix("--") } ?? true
            ? "log" : arguments.popFirst() ?? "log"
        while let name = arguments.popFirst() {
            let value = arguments.popFirst() ?? ""
            switch name {
            case "--directory": directory = value
            case "--megabytes": megabytes = Int(value) ?? megabytes
            case "--records": records = Int(value) ?? records
            case "--keys": keys = Int(value) ?? keys
            default:
                print(
                    "usage: varve-bench [log|fold|parquet] [--directory PATH] [--megabytes N]"
                        + " [--records N] [--keys N]")
                return
            }
        }
        switch what {
        case "fold": try FoldBench(directory: directory, records: records, keys: keys).run()
        case "parquet": try ParquetBench(rows: records).run()
        default: try LogBench(directory: directory, megabytes: megabytes).run()
        }
    }
}
