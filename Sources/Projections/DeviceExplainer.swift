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
/// Invariant: the fold has that device alone in its scope, and knows all tariffs and days told so far.
package final class DeviceExplainer {
    private let scope: DeviceScope
    private let fold: Fold
    private var remarks = EventRemarks()
    private var isNamed = false
    private var position = Position.origin

    /// - Parameters:
    ///   - device: its name.
    ///   - zones: the rules by which local days are cut.
    ///   - asOf: only what was true at this instant counts; nil: all that is known.
    package init(device: String, zones: any ZoneSource, asOf: Instant? = nil) {
        scope = DeviceScope([device])
        fold = Fold(zones: zones, asOf: asOf, scope: scope)
    }

    /// Folds a log up to a position, passing over what does not concern the device.
    ///
    /// - Parameters:
    ///   - reader: the log's.
    ///   - last: nil is as far as there is.
    /// - Throws: `RecordLogError`, `EventStorageError`.
    package func read(_ reader: EventLogReader, through last: Position? = nil) throws {
        var directory = SeriesDirectory()
        try reader.forEachBlock(of: scope, through: last) { block in
            try block.extend(&directory)
            for run in block.runs {
                switch run {
                case .readings(let first, let readings):
                    isNamed = true
                    fold.apply(readings, firstPosition: first, recordedAt: block.recordedAt, directory: directory)
                case .event(let position, let event): take(event, position, block.recordedAt, directory)
                case .lost(let positions, _): fold.lose(positions, directory: directory)
                }
            }
            return .proceed
        }
        position = try last ?? reader.lastPosition()
    }

    private func take(
        _ event: MeterEvent,
        _ position: Position,
        _ recordedAt: Instant,
        _ directory: SeriesDirectory
    ) {
        if case .pushSettled = event { return }
        guard scope.concerns(event) else { return }
        if event.device != nil { isNamed = true }
        remarks.note(event, at: position)
        fold.apply(event, position: position, recordedAt: recordedAt, directory: directory)
    }

    /// How the device's consumption and balance come about; nil where no event has named it.
    package func explanation() -> Explanation? {
        guard isNamed, let device = fold.foldedDevices.first else { return nil }
        var explanation = ExplanationMaker(fold, device, remarks).make()
        explanation.position = position
        return explanation
    }
}
