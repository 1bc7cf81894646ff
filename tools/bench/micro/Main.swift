/// Small measurements of single floors: `varve-bench [--directory PATH] [--megabytes N]`.
@main
struct Main {
    static func main() throws {
        var arguments = CommandLine.arguments.dropFirst()
        var directory = "/tmp/varve-bench"
        var megabytes = 1024
        while let name = arguments.popFirst() {
            let value = arguments.popFirst() ?? ""
            switch name {
            case "--directory": directory = value
            case "--megabytes": megabytes = Int(value) ?? megabytes
            default:
                print("usage: varve-bench [--directory PATH] [--megabytes N]")
                return
            }
        }
        try LogBench(directory: directory, megabytes: megabytes).run()
    }
}
