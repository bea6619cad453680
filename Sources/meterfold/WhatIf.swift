import Admission
import EventStorage
import Glibc
import Ingest
import MeterModel
import Projections
import ReadModel
import RecordLog
import TimeZones

/// Folds the history of a data directory under other tariffs into a database of its own.
///
/// Invariants: the data directory is only read, without its lock; the database appears whole or not at all.
struct WhatIf {
    let directory: DataDirectory
    /// Where the database is made.
    let path: String
    /// The fleet file with the tariffs; nil: those of the log.
    let fleetFile: String?
    let from: Instant?
    let to: Instant?
    /// The last position that counts; nil is as far as there is.
    let through: Position?
    /// Whether views that lie at the path may be replaced.
    let replaces: Bool

    func run() throws {
        try checkPath()
        let zones = FoundationZoneSource()
        let configuration = try AppConfiguration.load(directory)
        let supposition = try supposition(zones)
        let partPath = path + ".part"
        Views.remove(partPath)
        do {
            let store = try ViewStore.open(path: partPath, hours: configuration.keepsHours)
            let start = SystemClock.uptimeSeconds()
            let position = try fold(into: store, supposition, zones)
            try store.transaction { try $0.setWhatIf(words) }
            try store.checkpoint()
            try store.close()
            for suffix in ["-wal", "-shm"] { unlink(path + suffix) }
            guard rename(partPath, path) == 0 else {
                throw Failure(place: path, cause: String(cString: strerror(errno)), hint: "choose another path")
            }
            let seconds = SystemClock.uptimeSeconds() - start
            Terminal.print("folded \(position.rawValue) events into \(path) in \(SecondsText(seconds)) s: \(words)")
        } catch {
            Views.remove(partPath)
            throw error
        }
    }

    /// What is supposed, for whoever finds the database.
    private var words: String {
        var parts = [fleetFile.map { "tariffs of \($0)" } ?? "tariffs of the log"]
        if let from { parts.append("from \(from.rfc3339)") }
        if let to { parts.append("to \(to.rfc3339)") }
        if let through { parts.append("through position \(through.rawValue)") }
        return parts.joined(separator: ", ")
    }

    private func checkPath() throws {
        var (own, there) = (stat(), stat())
        guard stat(path, &there) == 0 else { return }
        if stat(directory.views, &own) == 0, own.st_dev == there.st_dev, own.st_ino == there.st_ino {
            throw Failure(
                place: path,
                cause: "these are the data directory's own views",
                hint: "choose another path; a what-if never takes their place"
            )
        }
        guard replaces else {
            throw Failure(place: path, cause: "is there already", hint: "choose another path, or say --force")
        }
        // Only views are ever replaced.
        do { try ViewStore.openForReading(path: path).close() } catch let error as ViewError
            where error.callsForRebuild
        {}
    }

    private func fold(into store: ViewStore, _ supposition: Supposition, _ zones: any ZoneSource) throws -> Position {
        let projector = ViewProjector(
            store: store,
            zones: zones,
            supposing: supposition,
            scratch: directory.makeScratch()
        )
        let progress = Progress("folding", total: nil, unit: "events")
        var known = SeriesDirectory()
        try EventLogReader(directory: directory.path).forEachBlock(from: Position(1), through: through) { block in
            try block.extend(&known)
            projector.apply(block, directory: known)
            progress.advance(to: block.lastPosition.rawValue)
            return .proceed
        }
        progress.finish()
        try projector.commit(chain: [])
        return projector.position
    }

    // MARK: The fleet file

    private func supposition(_ zones: any ZoneSource) throws -> Supposition {
        guard let fleetFile else { return Supposition(from: from, to: to) }
        var log = try LoggedDeclarations(directory, through: through, zones: zones)
        var fleet = DeclaredFleet(
            knowledge: FleetKnowledge(
                utility: { [log] in log.utilities[ByteName($0)] },
                tariff: { [log] in log.tariffs[ByteName($0)] }
            )
        )
        fleet.read(fleetFile, DeclaredFleet.text(of: fleetFile))
        var faults = fleet.faults
        for tariff in fleet.tariffs {
            do throws(Refusal) { try log.check(.tariffPublished(tariff.event)) } catch {
                faults.append(tariff.fault(error))
            }
        }
        var assignments: [Supposition.Assignment] = []
        for device in fleet.devices {
            let name = device.event.device
            guard let tariff = device.event.tariff, !fleet.faultyTariffs.contains(ByteName(tariff)) else { continue }
            assignments.append(Supposition.Assignment(device: name, tariff: tariff, from: device.event.from))
            let assigned = TariffAssigned(
                device: name,
                tariff: tariff,
                from: device.event.from ?? LocalDate(dayNumber: 0)
            )
            do throws(Refusal) { try log.check(.tariffAssigned(assigned)) } catch {
                faults.append(device.fault(error))
            }
        }
        if let first = faults.first {
            for fault in faults.dropFirst() { Terminal.error("meterfold: \(fault)") }
            throw Failure(
                place: first.line.map { "\(first.source), line \($0)" } ?? first.source,
                cause: first.text,
                hint: "mend the file; of devices only tariff and from count here"
            )
        }
        return Supposition(tariffs: fleet.tariffs.map(\.event), assignments: assignments, from: from, to: to)
    }
}

/// What the log declares, and whether it would take a further declaration.
private struct LoggedDeclarations {
    private(set) var utilities: [ByteName: Utility] = [:]
    private(set) var tariffs: [ByteName: TariffPublished] = [:]
    private var admission: Admission

    init(_ directory: DataDirectory, through last: Position?, zones: any ZoneSource) throws {
        var admission = Admission(zones: zones)
        var known = SeriesDirectory()
        var (utilities, tariffs): ([ByteName: Utility], [ByteName: TariffPublished]) = ([:], [:])
        try EventLogReader(directory: directory.path).forEachBlock(from: Position(1), through: last) { block in
            try block.extend(&known)
            for run in block.runs {
                switch run {
                case .lost: break
                case .readings(_, let readings): admission.replay(readings, directory: known)
                case .event(_, let event):
                    admission.replay(event, directory: known)
                    switch event {
                    case .deviceRegistered(let device): utilities[ByteName(device.device)] = device.utility
                    case .tariffPublished(let tariff): tariffs[ByteName(tariff.tariff)] = tariff
                    default: break
                    }
                }
            }
            return .proceed
        }
        admission.adopt(known)
        (self.admission, self.utilities, self.tariffs) = (admission, utilities, tariffs)
    }

    mutating func check(_ declaration: MeterEvent) throws(Refusal) {
        _ = try admission.admit(declaration, defaults: .none, recordedAt: SystemClock().now())
    }
}
