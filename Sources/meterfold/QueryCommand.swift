import ArgumentParser
import EventStorage
import MeterModel
import Projections
import ReadModel
import RecordLog
import Telegrams
import TimeZones

extension ViewQuery.Bucket: ExpressibleByArgument {}
extension RowFormat: ExpressibleByArgument {}

struct QueryCommand: ParsableCommand {
    enum Subject: String, CaseIterable, ExpressibleByArgument {
        case consumption, balance, ledger, arrears, episodes, pushes, anomalies, devices
    }

    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Prints rows of a view.",
        discussion: """
            consumption: quantities by hour, day or month. balance: what each device has left. ledger: charges and \
            payments by day. arrears: devices whose balance is used up, since when. episodes: each time a balance \
            crossed an alert level. pushes: what was or is to be told. anomalies: readings that do not fit. devices: \
            every device and register.

            Folds first what the views do not show yet, unless another process holds them.
            """
    )

    @OptionGroup var location: DataOption
    @Argument(help: "What to print.") var subject: Subject
    @Option(help: ArgumentHelp("Rows of this device alone.", valueName: "name")) var device: String?
    @Option(help: ArgumentHelp("From this on: a local date, or an instant.", valueName: "time")) var from: String?
    @Option(help: ArgumentHelp("Up to this, itself not included.", valueName: "time")) var to: String?
    @Option(help: ArgumentHelp("Buckets of consumption.", valueName: "bucket")) var by: ViewQuery.Bucket = .day
    @Option(help: ArgumentHelp("What the views said after the event with this position.", valueName: "position"))
    var atPosition: UInt64?
    @Option(help: ArgumentHelp("What was true then; of consumption, balance and ledger.", valueName: "instant"))
    var asOf: String?
    @Option(help: "How rows are printed.") var format: RowFormat = .table

    func validate() throws {
        guard let asOf else { return }
        guard [.consumption, .balance, .ledger].contains(subject) else {
            throw ValidationError("--as-of goes with consumption, balance and ledger")
        }
        if Instant(text: asOf) == nil { throw ValidationError("--as-of takes an instant, not '\(asOf)'") }
    }

    func run() throws {
        let directory = location.directory
        try directory.require()
        let zones = FoundationZoneSource()
        let query = ViewQuery(view, device: device, from: try bound(from, "--from"), to: try bound(to, "--to"))
        let store = try openStore(directory, zones)
        HoleText.tell(try store.read { try $0.meta() }.holes)
        let sink = format.makeSink { Terminal.write($0) }
        try store.read { try $0.run(query, zones: zones, into: sink) }
        try store.close()
    }

    private var view: ViewQuery.View {
        switch subject {
        case .consumption: .consumption(by: by)
        case .balance: .balance
        case .ledger: .ledger
        case .arrears: .arrears
        case .episodes: .episodes
        case .pushes: .pushes
        case .anomalies: .anomalies
        case .devices: .devices
        }
    }

    /// What is folded from the log is folded of the device asked for alone.
    private var scope: DeviceScope? { device.map { DeviceScope([$0]) } }

    private func bound(_ text: String?, _ option: String) throws -> ViewQuery.Bound? {
        guard let text else { return nil }
        if let date = LocalDate(text) { return .day(date) }
        if let instant = Instant(text: text) { return .instant(instant) }
        throw ValidationError(
            "\(option) takes a date (2026-01-31) or an instant (2026-01-31T08:00:00+01:00), not '\(text)'"
        )
    }

    private func openStore(_ directory: DataDirectory, _ zones: FoundationZoneSource) throws -> ViewStore {
        let reader = try EventLogReader(directory: directory.path)
        if atPosition != nil || asOf != nil {
            let store = try ViewStore.inMemory(hours: subject == .consumption && by == .hour)
            let last = try reader.lastPosition(upTo: atPosition.map { Position($0) })
            let instant = asOf.flatMap { Instant(text: $0) }
            if last > .origin {
                _ = try Views.fold(directory, through: last, into: store, zones: zones, asOf: instant, scope: scope)
            }
            return store
        }
        let head = try reader.lastPosition().rawValue
        if case .current(let store) = try current(directory, head, zones) {
            return try withHours(store, directory, zones)
        }
        do {
            let engine = try Engine(directory)
            try engine.close()
        } catch let error as RecordLogError where error.code == .locked {
            // Whoever holds them may have gone on meanwhile.
            let head = try EventLogReader(directory: directory.path).lastPosition().rawValue
            switch try? current(directory, head, zones) {
            case .current(let store)?: return try withHours(store, directory, zones)
            case .behind(let store, let checkpoint)?:
                Terminal.error(
                    "meterfold: another process holds the views; they are at position \(checkpoint.rawValue) of \(head)"
                )
                return try withHours(store, directory, zones)
            default: throw error
            }
        }
        return try withHours(try ViewStore.openForReading(path: directory.views), directory, zones)
    }

    private enum Found {
        case current(ViewStore)
        case behind(ViewStore, Position)
        case unusable
    }

    /// The views as they are, and whether they are at the log's head.
    private func current(_ directory: DataDirectory, _ head: UInt64, _ zones: FoundationZoneSource) throws -> Found {
        guard let store = try? ViewStore.openForReading(path: directory.views) else { return .unusable }
        let meta = try store.read { try $0.meta() }
        if meta.timeZoneDatabase != zones.version || meta.checkpoint.rawValue > head { return .unusable }
        return meta.checkpoint.rawValue == head ? .current(store) : .behind(store, meta.checkpoint)
    }

    /// Hours that are not kept are folded from the log.
    private func withHours(
        _ store: ViewStore,
        _ directory: DataDirectory,
        _ zones: FoundationZoneSource
    ) throws -> ViewStore {
        guard subject == .consumption, by == .hour else { return store }
        let meta = try store.read { try $0.meta() }
        if meta.hoursAreOn { return store }
        let folded = try ViewStore.inMemory()
        guard meta.checkpoint > .origin else { return folded }
        _ = try Views.fold(directory, through: meta.checkpoint, into: folded, zones: zones, scope: scope)
        return folded
    }
}
