import ArgumentParser
import MeterModel
import ReadModel

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Holds two databases of views against each other, by device and in total.",
        discussion: """
            Charges, balances, who is in arrears since when, how many crossings and pushes there have been; \
            differences are what B has more than A. Reads only.
            """
    )

    @OptionGroup var location: DataOption
    @Argument(help: "A and B; of one alone A is the data directory's views.") var databases: [String]
    @Option(help: "How rows are printed.") var format: RowFormat = .table
    @Flag(help: "Leaves out devices whose figures are the same. The totals are of all.") var onlyDifferent = false

    func validate() throws {
        guard (1...2).contains(databases.count) else { throw ValidationError("compare takes two databases, or one") }
    }

    func run() throws {
        let (pathA, pathB) =
            databases.count == 2 ? (databases[0], databases[1]) : (location.directory.views, databases[0])
        let (a, b) = (try open(pathA), try open(pathB))
        let (metaA, metaB) = (try a.read { try $0.meta() }, try b.read { try $0.meta() })
        if metaA.checkpoint != metaB.checkpoint {
            Terminal.error(
                "meterfold: A is at position \(metaA.checkpoint.rawValue), B at position \(metaB.checkpoint.rawValue)"
            )
        }
        if metaA.timeZoneDatabase != metaB.timeZoneDatabase {
            Terminal.error(
                "meterfold: A was cut by \(metaA.timeZoneDatabase), B by \(metaB.timeZoneDatabase)"
            )
        }
        let comparison = try FigureComparison.compare(a, b, onlyDifferent: onlyDifferent)
        try comparison.write(to: format.makeSink { Terminal.write($0) })
        try a.close()
        try b.close()
    }

    private func open(_ path: String) throws -> ViewStore {
        do { return try ViewStore.openForReading(path: path) } catch let error as ViewError {
            throw Failure(
                place: path,
                cause: error.description,
                hint: "views are made by 'meterfold rebuild' and by 'meterfold replay --into FILE'"
            )
        }
    }
}
