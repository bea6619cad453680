import Admission
import EventStorage
import MeterModel
import Projections
import RecordLog

/// What planned events do to charges already made: the log is folded once more in memory, with them at its end.
struct ChargeEffect {
    /// Of one currency.
    struct Sum {
        var currency: Currency
        /// Devices whose charges so far become others.
        var deviceCount = 0
        /// By how much more, in all, exactly; and the parts that go up and down.
        var total = Money.zero
        var up = Money.zero
        var down = Money.zero
    }

    /// By currency.
    private(set) var changed: [Sum] = []
    /// Devices that had no tariff, and are charged for what they used already.
    private(set) var first: [Sum] = []

    var isNothing: Bool { changed.isEmpty }

    /// The devices whose charges an event may change, by the log's numbers; new devices have none.
    private static func affected(by events: [MeterEvent], _ stage: any WriteStage, _ fold: Fold) -> Set<UInt32> {
        var tariffs: Set<ByteName> = []
        var devices: Set<UInt32> = []
        for event in events {
            if case .tariffPublished(let e) = event { tariffs.insert(ByteName(e.tariff)) }
            if let number = event.device.flatMap({ stage.admission.directory.devices.index(of: $0) }) {
                devices.insert(number)
            }
        }
        return devices.union(fold.devices(assignedTo: tariffs))
    }

    /// - Parameters:
    ///   - events: as they were admitted, by an admission that knows `directory`.
    ///   - stage: whose log is folded.
    ///   - fold: stands at the log's head, without the events.
    ///   - directory: the log's numbering with theirs.
    /// - Throws: what reading the log throws.
    init(of events: [MeterEvent], _ stage: any WriteStage, _ fold: Fold, directory: SeriesDirectory) throws {
        let affected = ChargeEffect.affected(by: events, stage, fold)
        guard !affected.isEmpty else { return }
        let after = Fold(zones: stage.zones)
        try ChargeEffect.apply(stage, devices: affected, to: after)
        var position = stage.head
        let now = stage.clock.now()
        for event in events {
            position = position.advanced(by: 1)
            after.apply(event, position: position, recordedAt: now, directory: directory)
        }
        for device in affected.sorted() {
            guard let charged = after.charges(of: device) else { continue }
            let before = fold.charges(of: device)
            let difference = charged.amount - (before?.amount ?? .zero)
            if difference == .zero { continue }
            if before == nil {
                ChargeEffect.add(difference, charged.currency, to: &first)
            } else {
                ChargeEffect.add(difference, charged.currency, to: &changed)
            }
        }
    }

    private static func add(_ amount: Money, _ currency: Currency, to sums: inout [Sum]) {
        let i = sums.firstIndex { $0.currency.code >= currency.code } ?? sums.endIndex
        if i == sums.endIndex || sums[i].currency != currency { sums.insert(Sum(currency: currency), at: i) }
        sums[i].deviceCount += 1
        sums[i].total += amount
        if amount > .zero { sums[i].up += amount } else { sums[i].down -= amount }
    }

    /// Folds the log, of readings only those of some devices.
    private static func apply(_ stage: any WriteStage, devices: Set<UInt32>, to fold: Fold) throws {
        guard stage.head > .origin else { return }
        let reader = try EventLogReader(directory: stage.directory.path)
        let progress = Progress("working out the effect", total: stage.head.rawValue, unit: "events")
        var known = SeriesDirectory()
        try reader.forEachBlock(from: Position(1), through: stage.head) { block in
            try block.extend(&known)
            for run in block.runs {
                switch run {
                case .event(let position, let event):
                    fold.apply(event, position: position, recordedAt: block.recordedAt, directory: known)
                case .lost: break
                case .readings(let first, let readings):
                    var start = 0
                    while start < readings.count {
                        let isWanted = devices.contains(known.device(ofSeries: readings[start].series))
                        var end = start + 1
                        while end < readings.count,
                            readings[end].series == readings[end - 1].series
                                || devices.contains(known.device(ofSeries: readings[end].series)) == isWanted
                        {
                            end += 1
                        }
                        if isWanted {
                            fold.apply(
                                UnsafeBufferPointer(rebasing: readings[start..<end]),
                                firstPosition: first.advanced(by: start),
                                recordedAt: block.recordedAt,
                                directory: known
                            )
                        }
                        start = end
                    }
                }
            }
            progress.advance(to: block.lastPosition.rawValue)
            return .proceed
        }
        progress.finish()
    }
}
