import Billing
package import MeterModel
import ReadModel

/// The pure fold of the log into consumption, balances, episodes and push jobs, one event after the other.
///
/// Invariants: everything here follows from the events applied so far and the zone rules alone; `queuedSeries` and
/// `queuedDevices` name all whose rows differ from what was last written. Readings go in as runs; the rest one by one.
package final class Fold {
    let zones: any ZoneSource
    var devices: ContiguousArray<DeviceFold> = []
    var series: ContiguousArray<SeriesFold> = []
    var owners: ContiguousArray<DeviceFold> = []
    var registers: [ByteName] = []
    var tariffs: [ByteName: TariffPublished] = [:]
    var jobs: [ByteName: PushJobRow] = [:]
    var unwrittenJobs: Set<ByteName> = []
    /// Outcomes in the log of jobs that nothing has requested yet: they hold once something does.
    var earlyOutcomes: [ByteName: [(outcome: PushOutcome, position: Position)]] = [:]
    var queuedSeries: [UInt32] = []
    var queuedDevices: [UInt32] = []
    var writtenSeriesCount = 0
    /// The last position applied.
    package internal(set) var position = Position.origin
    var change = IntervalChange()

    package init(zones: any ZoneSource) { self.zones = zones }

    // MARK: Readings

    /// Applies a run of readings; the first has `firstPosition`, the others follow without a gap.
    ///
    /// - Parameter directory: the log's numbering, which knows every series of the run.
    package func apply(
        _ readings: UnsafeBufferPointer<ReadingRecord>,
        firstPosition: Position,
        recordedAt: Instant,
        directory: SeriesDirectory
    ) {
        grow(to: directory)
        var position = firstPosition.rawValue
        var start = 0
        while start < readings.count {
            let series = readings[start].series
            var end = start + 1
            while end < readings.count, readings[end].series == series { end += 1 }
            applyRun(
                UnsafeBufferPointer(rebasing: readings[start..<end]),
                firstPosition: position,
                recordedAt: recordedAt
            )
            position += UInt64(end - start)
            start = end
        }
        self.position = Position(position - 1)
    }

    /// Applies readings of one series: those in order at once, the others one by one.
    private func applyRun(
        _ readings: UnsafeBufferPointer<ReadingRecord>,
        firstPosition: UInt64,
        recordedAt: Instant
    ) {
        let index = readings[0].series
        let fold = series[Int(index)]
        let device = owners[Int(index)]
        enqueue(device)
        if device.billingSeries == nil || device.declaration.dimension == nil {
            device.declaration.notice(register: registers[Int(index)].text, unit: readings[0].traits.unit)
            resolveBillingSeries(device)
        }
        let isCharged = device.billingSeries == index && device.hasBalance
        var next = 0
        while next < readings.count {
            let rest = UnsafeBufferPointer(rebasing: readings[next...])
            let position = firstPosition + UInt64(next)
            next +=
                isCharged
                ? appendCharged(rest, to: fold, of: device, position: position, recordedAt: recordedAt)
                : fold.append(rest, position: position) { _ in true }
            guard next < readings.count else { break }
            apply(readings[next], to: fold, of: device, isCharged, position: firstPosition + UInt64(next), recordedAt)
            next += 1
        }
        if fold.dirtySpan != nil || fold.anomaliesAreDirty { enqueue(series: index) }
    }

    /// Appends what is in order, each interval charged as it comes, up to one that crosses a level.
    private func appendCharged(
        _ readings: UnsafeBufferPointer<ReadingRecord>,
        to fold: SeriesFold,
        of device: DeviceFold,
        position: UInt64,
        recordedAt: Instant
    ) -> Int {
        let schedule = device.schedule
        let total = device.money.total
        let lower = device.alerts.lower
        var charges = device.charges
        var before = charges
        var crossing: MeteredInterval?
        let count = fold.append(readings, position: position) { interval in
            before = charges
            charges += schedule.charge(interval)
            guard total - charges <= lower, charges != before else { return true }
            crossing = interval
            return false
        }
        device.charges = charges
        if let crossing {
            change.clear()
            change.setAppended(crossing)
            evaluate(
                device,
                from: total - before,
                position: position + UInt64(count) - 1,
                recordedAt: recordedAt,
                money: nil
            )
        }
        return count
    }

    private func apply(
        _ reading: ReadingRecord,
        to fold: SeriesFold,
        of device: DeviceFold,
        _ isCharged: Bool,
        position: UInt64,
        _ recordedAt: Instant
    ) {
        change.clear()
        fold.receive(reading, position: position, &change)
        fold.noteDirty(change)
        if isCharged { follow(device, position: position, recordedAt: recordedAt) }
    }

    /// Charges what changed in the billing series, and looks whether that crossed a level.
    @inline(__always)
    private func follow(_ device: DeviceFold, position: UInt64, recordedAt: Instant) {
        if change.isEmpty { return }
        let before = device.money.total - device.charges
        for interval in change.removed { device.charges -= device.schedule.charge(interval) }
        for interval in change.added { device.charges += device.schedule.charge(interval) }
        let after = device.money.total - device.charges
        guard after <= device.alerts.lower || after > device.alerts.upper else { return }
        evaluate(device, from: before, position: position, recordedAt: recordedAt, money: nil)
    }

    // MARK: Crossings

    /// Looks whether an event that changed a device's balance crossed or cleared a level.
    ///
    /// - Parameters:
    ///   - before: the balance before the event; nil where it had none.
    ///   - money: the event's own time where it is about money; else it is that of the latest standing reading.
    func evaluate(_ device: DeviceFold, from before: Money?, position: UInt64, recordedAt: Instant, money: Instant?) {
        guard let after = device.balance else { return }
        let eventTime = money ?? latestReadAt(of: device)
        guard let before else {
            device.alerts.begin(
                device: device.index,
                balance: after,
                position: Position(position),
                eventTime: eventTime
            )
            return
        }
        guard before != after else { return }
        let crossing = device.alerts.follow(
            device: device.index,
            from: before,
            to: after,
            position: Position(position),
            eventTime: eventTime
        ) { level in
            guard money == nil, change.onlyAddsLater else { return eventTime }
            let line = CrossingInstant(schedule: device.schedule, zone: device.zone)
            return line.reached(level, from: before, along: change.added).map(Instant.init(milliseconds:)) ?? eventTime
        }
        guard let crossing else { return }
        request(crossing, of: device, position: position, recordedAt: recordedAt, eventTime: eventTime)
    }

    private func request(
        _ crossing: AlertBook.Crossing,
        of device: DeviceFold,
        position: UInt64,
        recordedAt: Instant,
        eventTime: Instant?
    ) {
        let episode = device.alerts.episodes[crossing.episode]
        let job = "\(device.name)/\(episode.rule)/\(episode.episode)/crossed"
        jobs[ByteName(job)] = PushJobRow(
            job: job,
            deviceID: device.index,
            rule: episode.rule,
            episode: episode.episode,
            kind: "crossed",
            requestedAt: recordedAt,
            requestedPosition: Position(position),
            requestedEventTime: eventTime,
            staleAfterMilliseconds: crossing.rule.staleAfterMilliseconds
        )
        for early in earlyOutcomes.removeValue(forKey: ByteName(job)) ?? [] {
            jobs[ByteName(job)]?.apply(early.outcome, at: early.position)
        }
        unwrittenJobs.insert(ByteName(job))
    }

    /// The device's clock as far as readings tell it: the latest standing reading of its billing series.
    func latestReadAt(of device: DeviceFold) -> Instant? {
        device.billingSeries.flatMap { series[Int($0)].latestAt }.map(Instant.init(milliseconds:))
    }

    // MARK: Bookkeeping

    func enqueue(_ device: DeviceFold) {
        if device.isQueued { return }
        device.isQueued = true
        queuedDevices.append(device.index)
    }

    func enqueue(series index: UInt32) {
        if series[Int(index)].isQueued { return }
        series[Int(index)].isQueued = true
        queuedSeries.append(index)
    }

    /// Makes room for every device and series that the directory knows. They get rows with their first event: a directory
    /// may know what comes later in the log.
    func grow(to directory: SeriesDirectory) {
        while devices.count < directory.deviceCount {
            let index = UInt32(devices.count)
            let device = DeviceFold(index: index, name: directory.devices[index])
            devices.append(device)
        }
        while series.count < directory.seriesCount {
            let index = UInt32(series.count)
            let device = devices[Int(directory.device(ofSeries: index))]
            let fold = SeriesFold()
            series.append(fold)
            owners.append(device)
            registers.append(ByteName(directory.registerName(ofSeries: index)))
            device.series.append(index)
            applyDeclaration(of: device, to: fold)
            resolveBillingSeries(device)
        }
    }

    /// Finds the series that is billed, once its register is known and has appeared.
    func resolveBillingSeries(_ device: DeviceFold) {
        guard let register = device.declaration.register.map({ ByteName($0) }) else { return }
        device.billingSeries = device.series.first { registers[Int($0)] == register }
    }

    /// Gives a new series what its device declares.
    func applyDeclaration(of device: DeviceFold, to fold: SeriesFold) {
        let factors = DeclaredFactors(device.declaration)
        guard factors.multiplierThousandths != nil || factors.modulus != nil || factors.maxRate != nil else { return }
        change.clear()
        fold.changeSegments(&change) {
            $0.declare(
                multiplierThousandths: factors.multiplierThousandths,
                modulus: factors.modulus,
                maxRate: factors.maxRate,
                position: device.multiplierPosition
            )
        }
        change.clear()
    }
}

/// What a declaration says about counting, in mWh or mL.
struct DeclaredFactors: Equatable {
    var multiplierThousandths: Int64?
    var modulus: Int64?
    var maxRate: Int64?

    init(_ declaration: DeviceDeclaration) {
        multiplierThousandths = declaration.multiplier.flatMap { $0.scaled(by: 3) }.map(Int64.init)
        modulus = declaration.modulusMilli
        maxRate = declaration.maxRateMilli
    }
}
