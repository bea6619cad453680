package import EventStorage
package import MeterModel
import ReadModel
import RecordLog

/// What events said that the fold has no use for: who paid when, and the reasons people gave.
struct EventRemarks {
    struct Payment {
        var position: Position
        var reason: String?
        var of: String?
    }

    /// By the event first accepted.
    private(set) var payments: [MoneyBook.Key: Payment] = [:]
    /// Of corrections and voids, by position.
    private(set) var reasons: [UInt64: String] = [:]

    mutating func note(_ event: MeterEvent, at position: Position) {
        func key(_ kind: LedgerKind, _ provider: String, _ reference: String) -> MoneyBook.Key {
            MoneyBook.Key(kind: kind, provider: ByteName(provider), reference: ByteName(reference))
        }
        switch event {
        case .readingCorrected(let e): reasons[position.rawValue] = e.reason
        case .readingVoided(let e): reasons[position.rawValue] = e.reason
        case .topUpReceived(let e): note(key(.topUp, e.provider, e.reference), position, nil, nil)
        case .topUpRefunded(let e): note(key(.refund, e.provider, e.reference), position, e.reason, e.of)
        case .balanceAdjusted(let e): note(key(.adjustment, "", e.reference), position, e.reason, nil)
        default: break
        }
    }

    private mutating func note(_ key: MoneyBook.Key, _ position: Position, _ reason: String?, _ of: String?) {
        if payments[key] == nil { payments[key] = Payment(position: position, reason: reason, of: of) }
    }
}

/// Folds what a log says of one device, and explains it.
///
/// Invariant: the fold knows that device alone, under a numbering of its own, and all tariffs and days told so far.
package final class DeviceExplainer {
    private let name: ByteName
    private let fold: Fold
    private var own = SeriesDirectory()
    private var remarks = EventRemarks()
    private var scratch: ContiguousArray<ReadingRecord> = []
    private var position = Position.origin

    /// - Parameters:
    ///   - device: its name.
    ///   - zones: the rules by which local days are cut.
    ///   - asOf: only what was true at this instant counts; nil: all that is known.
    package init(device: String, zones: any ZoneSource, asOf: Instant? = nil) {
        name = ByteName(device)
        fold = Fold(zones: zones, asOf: asOf)
    }

    /// Folds a log up to a position, passing over what does not concern the device.
    ///
    /// - Parameters:
    ///   - reader: the log's.
    ///   - last: nil is as far as there is.
    /// - Throws: `RecordLogError`, `EventStorageError`.
    package func read(_ reader: EventLogReader, through last: Position? = nil) throws {
        let directory = try reader.directory(through: last)
        let number = directory.devices.index(of: name.text)
        var series: [UInt32: UInt32] = [:]
        let filter = EventFilter(
            devices: Set(number.map { [$0] } ?? []),
            kinds: Set(EventKind.allCases).subtracting([.pushSettled])
        )
        try reader.forEachBlock(from: Position(1), through: last, matching: filter) { block in
            for run in block.runs {
                switch run {
                case .readings(let first, let readings):
                    guard let number else { continue }
                    take(readings, first, block.recordedAt) { record in
                        if let known = series[record] { return known }
                        guard directory.device(ofSeries: record) == number else { return nil }
                        let register = own.register(named: directory.registerName(ofSeries: record))
                        let index = own.series(device: own.device(named: name.text), register: register)
                        series[record] = index
                        return index
                    }
                case .event(let position, let event): take(event, position, block.recordedAt)
                }
            }
            return .proceed
        }
        position = try last ?? reader.lastPosition()
    }

    /// Applies the device's readings of a run, in pieces that follow each other in the log.
    private func take(
        _ readings: UnsafeBufferPointer<ReadingRecord>,
        _ first: Position,
        _ recordedAt: Instant,
        ownSeries: (UInt32) -> UInt32?
    ) {
        var i = 0
        while i < readings.count {
            scratch.removeAll(keepingCapacity: true)
            let start = i
            while i < readings.count, let index = ownSeries(readings[i].series) {
                var record = readings[i]
                record.series = index
                scratch.append(record)
                i += 1
            }
            if scratch.isEmpty {
                i += 1
                continue
            }
            scratch.withUnsafeBufferPointer {
                fold.apply($0, firstPosition: first.advanced(by: start), recordedAt: recordedAt, directory: own)
            }
        }
    }

    private func take(_ event: MeterEvent, _ position: Position, _ recordedAt: Instant) {
        if case .pushSettled = event { return }
        if let device = event.device, ByteName(device) != name { return }
        own.enter(event)
        remarks.note(event, at: position)
        fold.apply(event, position: position, recordedAt: recordedAt, directory: own)
    }

    /// How the device's consumption and balance come about; nil where no event has named it.
    package func explanation() -> Explanation? {
        guard let device = fold.devices.first else { return nil }
        var explanation = ExplanationMaker(fold, device, remarks).make()
        explanation.position = position
        return explanation
    }
}

extension EventLogReader {
    /// The last position of the log.
    fileprivate func lastPosition() throws -> Position {
        Position(try segments().compactMap(\.lastPosition).last ?? 0)
    }
}
