import ArgumentParser
import EventStorage
import Foundation
import MeterModel
import Projections
import RecordLog
import Telegrams
import TimeZones

struct ReplayCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case ndjson, csv }

    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Streams events of the log to stdout, in the form that ingest takes.",
        discussion: """
            CSV holds readings alone. Events without a time of their own lie in no span of time.

            With --into nothing is printed: the events are folded into another database of views, under other tariffs \
            if --tariffs names any. What happened outside --from and --to is left out, declarations are not. \
            Neither the log nor the views of the data directory change, no lock is taken, and nothing is sent.
            """
    )

    @OptionGroup var location: DataOption
    @Option(help: ArgumentHelp("Events of this device alone.", valueName: "name")) var device: String?
    @Option(help: "Events of this kind alone, such as ReadingReceived.") var kind: String?
    @Option(help: ArgumentHelp("Events whose own time (readAt, end, at) is not before this.", valueName: "instant"))
    var from: String?
    @Option(help: ArgumentHelp("Events whose own time is before this.", valueName: "instant")) var to: String?
    @Option(help: ArgumentHelp("From this position on.", valueName: "position")) var fromPosition: UInt64 = 1
    @Option(help: ArgumentHelp("Up to and including this position.", valueName: "position")) var toPosition: UInt64?
    @Option(help: "How events are printed; by default ndjson.") var format: Format?
    @Flag(help: "Adds to each line what the log says of it: position, recordedAt, recordedBy.") var withRecord = false

    @Flag(
        help: """
            Prints what the fleet used by local day: the rows of 'query consumption' added up over the devices. Folds \
            the log in memory, stores nothing; --from and --to choose days.
            """
    )
    var summary = false
    @Option(help: ArgumentHelp("Folds into a database of views at this path, prints nothing.", valueName: "path"))
    var into: String?
    @Option(
        help: ArgumentHelp(
            "With --into: a fleet file whose tariffs and assignments go before the log's.",
            valueName: "file"
        )
    )
    var tariffs: String?
    @Flag(help: "With --into: takes the place of a database of views that is there.") var force = false

    func validate() throws {
        if into != nil {
            guard device == nil, kind == nil, fromPosition == 1, format == nil, !withRecord else {
                throw ValidationError("--into goes with --tariffs, --from, --to, --to-position and --force")
            }
        } else if tariffs != nil || force {
            throw ValidationError("--tariffs and --force go with --into")
        }
        if summary {
            guard into == nil, kind == nil, fromPosition == 1, !withRecord else {
                throw ValidationError("--summary goes with --device, --from, --to, --to-position and --format")
            }
        }
        if let kind, !MeterEvent.names.contains(kind) {
            throw ValidationError(
                "'\(kind)' is no kind of event; known are \(MeterEvent.names.joined(separator: ", "))"
            )
        }
        for (name, text) in [("--from", from), ("--to", to)] {
            guard let text, Instant(text: text) == nil else { continue }
            if summary, LocalDate(text) != nil { continue }
            throw ValidationError("\(name) takes an instant\(summary ? " or a date" : ""), not '\(text)'")
        }
        if withRecord, format == .csv { throw ValidationError("--with-record goes with ndjson") }
    }

    func run() throws {
        try location.directory.require()
        if let into { return try whatIf(into: into).run() }
        let format = format ?? .ndjson
        if summary { return try summarize(format) }
        let reader = try EventLogReader(directory: location.data)
        let output = ReplayOutput(
            filter: ReplayFilter(
                device: device,
                kind: kind,
                from: from.flatMap { Instant(text: $0) } ?? Instant(milliseconds: .min),
                to: to.flatMap { Instant(text: $0) } ?? Instant(milliseconds: .max),
                isTimed: from != nil || to != nil
            ),
            format: format,
            withRecord: withRecord,
            threadCount: max(1, ProcessInfo.processInfo.activeProcessorCount)
        )
        // What comes before damage is told in whole lines.
        defer { output.end() }
        if let device, fromPosition <= 1 { return try replay(reader, DeviceScope([device]), into: output) }
        var directory: SeriesDirectory
        do {
            directory = try reader.directory(through: fromPosition > 1 ? Position(fromPosition - 1) : Position(1))
        } catch  where fromPosition > 1 && PartReplay.isDamage(error) {
            Terminal.error("meterfold: the log is damaged before position \(fromPosition): \(error)")
            return try replayPart(reader, into: output)
        }
        try reader.forEachBlock(from: Position(fromPosition), through: toPosition.map { Position($0) }) { block in
            try block.extend(&directory)
            output.append(block, directory)
            return .proceed
        }
    }

    /// Replays what lies behind damage.
    private func replayPart(_ reader: EventLogReader, into output: ReplayOutput) throws {
        let part = PartReplay(
            directory: location.directory,
            reader: reader,
            first: Position(fromPosition),
            last: toPosition.map { Position($0) }
        )
        try part.forEachBlock { block, names in
            output.append(block, names)
            return .proceed
        }
    }

    private func summarize(_ format: Format) throws {
        func bound(_ text: String?) -> FleetSummary.ViewBound? {
            text.flatMap { LocalDate($0).map { .day($0) } ?? Instant(text: $0).map { .instant($0) } }
        }
        let path = location.data
        HoleText.tell(try EventLogReader(directory: path).holes(), through: toPosition.map { Position($0) })
        let run = SummaryRun(
            zones: FoundationZoneSource(),
            threadCount: max(1, ProcessInfo.processInfo.activeProcessorCount)
        ) { try EventLogReader(directory: path) }
        let summary = try run.run(
            through: toPosition.map { Position($0) },
            device: device,
            from: bound(from),
            to: bound(to)
        )
        Array(SummaryText(format: format).text(of: summary.rows).utf8).withUnsafeBytes { Terminal.write($0) }
    }

    /// Reads of one device what is needed of the log: the segments with its readings in these times, or with events.
    private func replay(_ reader: EventLogReader, _ scope: DeviceScope, into output: ReplayOutput) throws {
        var directory = SeriesDirectory()
        let filter = output.filter
        let last = filter.to.milliseconds == .max ? filter.to.milliseconds : max(.min + 1, filter.to.milliseconds) - 1
        let times = filter.from.milliseconds <= last ? filter.from.milliseconds...last : nil
        try reader.forEachBlock(of: scope, through: toPosition.map { Position($0) }, readAt: times) { block in
            try block.extend(&directory)
            output.append(block, directory)
            return .proceed
        }
    }

    private func whatIf(into path: String) -> WhatIf {
        WhatIf(
            directory: location.directory,
            path: path,
            fleetFile: tariffs,
            from: from.flatMap { Instant(text: $0) },
            to: to.flatMap { Instant(text: $0) },
            through: toPosition.map { Position($0) },
            replaces: force
        )
    }
}
