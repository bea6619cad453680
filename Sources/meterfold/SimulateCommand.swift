import ArgumentParser
import FleetSimulator
import MeterModel

extension FleetText.Format: ExpressibleByArgument {}
extension FleetOrder: ExpressibleByArgument {}

struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Writes a realistic fleet's readings to stdout.",
        discussion: "The same options give the same bytes. As NDJSON it begins with tariffs, devices and payments."
    )

    @Option(help: ArgumentHelp("How many devices.", valueName: "count")) var devices = 100
    @Option(help: ArgumentHelp("How many days.", valueName: "count")) var days = 7
    @Option(help: ArgumentHelp("Chooses the fleet.", valueName: "number")) var seed: UInt64 = 1
    @Option(help: ArgumentHelp("The first day, UTC; by default \(Fleet.defaultStart).", valueName: "date")) var start:
        String?
    @Option(
        help: ArgumentHelp(
            "Time between readings, such as 15m; by default 15m for electricity, 1h for water and gas.",
            valueName: "duration"
        )
    )
    var period: String?
    @Option(help: "The lines' form.")
    var format: FleetText.Format = .ndjson
    @Option(help: "By what the lines are sorted.") var order: FleetOrder = .time
    @Flag(help: "Readings alone, also as NDJSON.") var readingsOnly = false
    @Flag(help: "Declarations and payments alone (NDJSON).") var declarationsOnly = false
    @Flag(help: "Readings leave out what a registration tells: register and unit.") var registered = false
    @Flag(help: "Nothing goes wrong in this fleet.") var noTroubles = false

    func validate() throws {
        guard (1...Fleet.maximumDeviceCount).contains(devices) else {
            throw ValidationError("--devices takes 1 to \(Fleet.maximumDeviceCount)")
        }
        guard (1...3660).contains(days) else { throw ValidationError("--days takes 1 to 3660") }
        if let start, LocalDate(start) == nil { throw ValidationError("--start takes a date, not '\(start)'") }
        if let period {
            guard let milliseconds = Milliseconds.count(of: period), milliseconds >= 1000,
                Milliseconds.day % milliseconds == 0
            else { throw ValidationError("--period takes a duration that divides a day, not '\(period)'") }
        }
        if readingsOnly, declarationsOnly {
            throw ValidationError("choose one of --readings-only, --declarations-only")
        }
        if declarationsOnly, format != .ndjson { throw ValidationError("declarations are NDJSON alone") }
    }

    func run() throws {
        let fleet = Fleet(
            deviceCount: devices,
            days: days,
            seed: seed,
            start: start.flatMap { LocalDate($0) } ?? Fleet.defaultStart,
            period: period.flatMap { Milliseconds.count(of: $0) },
            troubles: noTroubles ? .none : .usual
        )
        let contents: FleetText.Contents =
            declarationsOnly
            ? .declarations
            : readingsOnly || format != .ndjson ? .readings(named: !registered) : .declarationsAndReadings
        var text = FleetText(fleet, format: format, order: order, contents: contents)
        while let chunk = text.nextChunk() { chunk.withUnsafeBytes { Terminal.write($0) } }
    }
}
