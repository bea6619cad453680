import ArgumentParser
import EventStorage
import MeterModel
import Projections
import RecordLog
import Telegrams
import TimeZones

struct ExplainCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case text, json }

    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Says how a device's balance comes about: each charge to the interval and its readings.",
        discussion: """
            Reads the log alone. The sum of what it says is the balance; if it ever were not, it says so and exits 1. \
            Fields of the JSON: docs/explain.md.
            """
    )

    @OptionGroup var location: DataOption
    @Argument(help: "The device's name.") var device: String
    @Option(help: ArgumentHelp("This local day alone.", valueName: "date")) var on: String?
    @Option(help: ArgumentHelp("From this local day on.", valueName: "date")) var from: String?
    @Option(help: ArgumentHelp("Up to this local day, itself not included.", valueName: "date")) var to: String?
    @Option(help: ArgumentHelp("What was known after the event with this position.", valueName: "position"))
    var atPosition: UInt64?
    @Option(help: ArgumentHelp("What was true then.", valueName: "instant")) var asOf: String?
    @Option(help: "How it is told.") var format: Format = .text
    @Flag(help: "Leaves the intervals out of the text: sums of the days alone.") var brief = false

    func validate() throws {
        for (name, text) in [("--on", on), ("--from", from), ("--to", to)] {
            if let text, LocalDate(text) == nil {
                throw ValidationError("\(name) takes a local day (2026-01-31), not '\(text)'")
            }
        }
        if on != nil, from != nil || to != nil { throw ValidationError("--on goes without --from and --to") }
        if let days = selection, days.first > days.last { throw ValidationError("--to must be after --from") }
        if let asOf, Instant(text: asOf) == nil { throw ValidationError("--as-of takes an instant, not '\(asOf)'") }
        if brief, format == .json { throw ValidationError("--brief goes with text") }
    }

    func run() throws {
        try location.directory.require()
        let explainer = DeviceExplainer(
            device: device,
            zones: FoundationZoneSource(),
            asOf: asOf.flatMap { Instant(text: $0) }
        )
        let reader = try EventLogReader(directory: location.data)
        let head = try reader.lastPosition()
        let last = min(atPosition.map { Position($0) } ?? head, head)
        if last > .origin { try explainer.read(reader, through: last) }
        guard let whole = explainer.explanation() else {
            throw Failure(
                place: "device '\(device)'",
                cause: "no event up to position \(last.rawValue) names it",
                hint: "see 'meterfold query devices' for those that are known"
            )
        }
        let explanation = selection.map { whole.limited(to: $0.first...$0.last) } ?? whole
        switch format {
        case .json: Terminal.print(ExplanationJSON(explanation).text)
        case .text:
            Terminal.print(ExplanationText(explanation).lines(showsDetail: !brief).joined(separator: "\n"))
        }
        if let discrepancy = explanation.discrepancy {
            throw Failure(
                place: "device '\(device)'",
                cause: discrepancy,
                hint: "this is a fault of meterfold: keep the data directory and report it"
            )
        }
    }

    /// The local days asked for, both ends included; nil: all.
    private var selection: (first: Int, last: Int)? {
        func day(_ text: String?) -> Int? { text.flatMap { LocalDate($0) }.map { Int($0.dayNumber) } }
        if let day = day(on) { return (day, day) }
        if from == nil, to == nil { return nil }
        let bounds = Explanation.unboundedDays
        return (day(from) ?? bounds.lowerBound, day(to).map { $0 - 1 } ?? bounds.upperBound)
    }
}
