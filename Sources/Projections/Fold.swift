import Billing
package import MeterModel
import ReadModel
package import RecordLog

/// The pure fold of the log into consumption, balances, episodes and push jobs, one event after the other.
///
/// Invariants: everything here follows from the events applied so far and the zone rules alone; `queuedSeries` and
/// `queuedDevices` name all whose rows differ from what was last written. Readings go in as runs; the rest one by one.
///
/// With a scope it folds the devices in it, exactly as without: nothing that is folded of a device follows from
/// another one. `devices`, `series` and `owners` have the log's numbers then too; at those of other devices stand
/// `outsider` and `outsiderSeries`, which stay empty. A lane is the same for those of its devices.
package final class Fold {
    let zones: any ZoneSource
    /// Nil: all devices.
    let scope: DeviceScope?
    /// Nil: all devices of the scope.
    var lane: FoldLane?
    var devices: ContiguousArray<DeviceFold> = []
    /// Those of `devices` that are folded, by number.
    var foldedDevices: ContiguousArray<DeviceFold> = []
    var series: ContiguousArray<SeriesFold> = []
    var owners: ContiguousArray<DeviceFold> = []
    var registers: [ByteName] = []
    let outsider = DeviceFold(index: UInt32.max, name: "")
    private let outsiderSeries = SeriesFold()
    private let noName = ByteName("")
    let packed: PackedChunks
    /// Where older readings lie of series that other lanes began.
    var packedByOthers: [PackedChunks] = []
    var declarations = DeclarationPool()
    var tariffs: [ByteName: PublishedTariff] = [:]
    /// Schedules that devices share, made from `tariffs` as they are now.
    var schedules: [ScheduleKey: RateSchedule] = [:]
    /// The latest midnight that was told of each zone, by its name.
    var turnedDays: [ByteName: Int64] = [:] {
        didSet { turnedDay = nil }
    }
    /// That of the zone asked for last: devices that follow each other are mostly in one.
    var turnedDay: (zone: String, at: Int64?)?
    /// Facts with a later time of their own do not count, and every clock reads this (semantics, section 8).
    let asOf: Instant?
    let supposition: Supposition?
    var jobs: [ByteName: PushJobRow] = [:]
    var unwrittenJobs: Set<ByteName> = []
    /// Jobs requested since they were last taken, where they are taken.
    var untoldJobs: [ByteName]?
    /// Outcomes in the log of jobs that nothing has requested yet: they hold once something does.
    var earlyOutcomes: [ByteName: [(outcome: PushOutcome, position: Position)]] = [:]
    var queuedSeries: [UInt32] = []
    var queuedDevices: [UInt32] = []
    var writtenSeriesCount = 0
    /// The last position applied.
    package internal(set) var position = Position.origin
    /// The positions passed so far that were given up, in order.
    package internal(set) var holes: [ClosedRange<Position>] = []
    var change = IntervalChange()
    /// When the readings that are being applied were recorded.
    var recordedTimes = RecordedTimes()

    /// A tariff as published, and its rates.
    struct PublishedTariff {
        var event: TariffPublished
        var rates: RateSchedule.Tariff
    }

    /// What a schedule is made of, beside the tariffs.
    struct ScheduleKey: Hashable {
        var zone: ByteName
        var assignments: [DeviceFold.Assignment]
    }

    /// How many schedules are kept to be shared.
    static let scheduleCount = 1024

    /// - Parameters:
    ///   - zones: the rules by which local hours and days are cut.
    ///   - asOf: what was true at this instant, as far as it is known; nil: what is known.
    ///   - supposition: what is supposed in place of what the log says.
    ///   - scope: the devices that are folded; nil: all.
    ///   - scratch: where older readings lie; nil: in memory.
    package convenience init(
        zones: any ZoneSource,
        asOf: Instant? = nil,
        supposing supposition: Supposition? = nil,
        scope: DeviceScope? = nil,
        scratch: ScratchFile? = nil
    ) {
        self.init(zones: zones, asOf: asOf, supposing: supposition, scope: scope, lane: nil, scratch: scratch)
    }

    /// `lane`: what of the devices is folded here, and the rest elsewhere; nil: all.
    init(
        zones: any ZoneSource,
        asOf: Instant? = nil,
        supposing supposition: Supposition? = nil,
        scope: DeviceScope? = nil,
        lane: FoldLane?,
        scratch: ScratchFile?
    ) {
        packed = PackedChunks(file: scratch)
        self.zones = zones
        self.scope = scope
        self.lane = lane
        self.asOf = asOf
        self.supposition = supposition
        for (name, tariff) in supposition?.tariffs ?? [:] {
            tariffs[name] = PublishedTariff(event: tariff, rates: RateSchedule.Tariff(tariff))
        }
    }

    // MARK: Readings

    /// Applies a run of readings; the first has `firstPosition`, the others follow without a gap.
    ///
    /// `directory`: the log's numbering, which knows every series of the run.
    /// - Precondition: the readings are of devices in the scope.
    package func apply(
        _ readings: UnsafeBufferPointer<ReadingRecord>,
        firstPosition: Position,
        recordedAt: Instant,
        directory: SeriesDirectory
    ) {
        grow(to: directory)
        recordedTimes = RecordedTimes(recordedAt)
        applyRuns(readings, positions: RunPositions(from: firstPosition.rawValue))
        position = Position(firstPosition.rawValue + UInt64(readings.count) - 1)
    }

    /// Applies readings as they came, of whatever series; `recordedTimes` knows when they were recorded.
    func applyRuns(_ readings: UnsafeBufferPointer<ReadingRecord>, positions: RunPositions) {
        var start = 0
        while start < readings.count {
            var end = start + 1
            while end < readings.count, readings[end].series == readings[start].series { end += 1 }
            applyRun(UnsafeBufferPointer(rebasing: readings[start..<end]), positions: positions.dropFirst(start))
            start = end
        }
    }

    /// Applies readings of one series: such as follow in order at once, as far as they surely change no rule's state,
    /// the others one by one.
    ///
    /// `recordedTimes` knows when they were recorded.
    func applyRun(_ readings: UnsafeBufferPointer<ReadingRecord>, positions: RunPositions) {
        let index = readings[0].series
        let fold = series[Int(index)]
        let device = owners[Int(index)]
        if device === outsider {
            precondition(lane != nil, "a reading of a device that is not folded")
            return
        }
        enqueue(device)
        notice(device, series: index, unit: readings[0].traits.unit)
        if device.billingSeries != index {
            remind(device, position: positions[0], recordedAt: recordedTimes.at(positions[0]))
        }
        if let asOf, readings.contains(where: { $0.at > asOf.milliseconds }) {
            return applyUpTo(asOf, readings, to: fold, positions: positions)
        }
        let isCharged = device.billingSeries == index && device.hasBalance
        // The first reading of all may make standing charges due without an interval.
        let isSteady = !(isCharged && device.schedule.hasStandingCharge && fold.latestAt == nil)
        var next = 0
        var reach = readings.count
        while next < readings.count {
            let rest = UnsafeBufferPointer(rebasing: readings[next..<min(readings.count, next + reach)])
            let run = isSteady || next > 0 ? fold.calmRun(rest) : CalmRun()
            let restPositions = positions.dropFirst(next)
            if run.count == 0 {
                receive(readings[next], position: positions[next], into: fold, of: device, isCharged: isCharged)
                next += 1
            } else if !isCharged {
                fold.append(run, of: rest, positions: restPositions)
                next += run.count
            } else if device.mayCharge(run, firstReadAt: fold.earliestAt, clock: clock(of: device, readAt: run.end)) {
                append(run, of: rest, to: fold, of: device, positions: restPositions)
                next += run.count
                reach = min(reach * 2, readings.count)
            } else if run.count > 1 {
                reach = run.count / 2
            } else {
                appendLooking(run, of: rest, to: fold, of: device, positions: restPositions)
                next += 1
                reach = 2
            }
        }
        if fold.dirtySpan != nil || fold.anomaliesAreDirty { enqueue(series: index) }
    }

    /// Takes in a reading about which not only rule 1 decides.
    private func receive(
        _ reading: ReadingRecord,
        position: UInt64,
        into fold: SeriesFold,
        of device: DeviceFold,
        isCharged: Bool
    ) {
        change.clear()
        fold.receive(reading, position: position, &change)
        fold.noteDirty(change)
        if isCharged { follow(device, position: position, recordedAt: recordedTimes.at(position)) }
    }

    /// Later readings decide what kind of series it is, and nothing else.
    private func applyUpTo(
        _ asOf: Instant,
        _ readings: UnsafeBufferPointer<ReadingRecord>,
        to fold: SeriesFold,
        positions: RunPositions
    ) {
        let device = owners[Int(readings[0].series)]
        let isCharged = device.billingSeries == readings[0].series && device.hasBalance
        for (i, reading) in readings.enumerated() {
            change.clear()
            if reading.at > asOf.milliseconds {
                fold.decideKind(reading.traits.isInterval, &change)
            } else {
                fold.receive(reading, position: positions[i], &change)
            }
            fold.noteDirty(change)
            if isCharged { charge(device) }
        }
        enqueue(series: readings[0].series)
    }

    /// Appends a run that changes no rule's state, and charges it.
    private func append(
        _ run: CalmRun,
        of readings: UnsafeBufferPointer<ReadingRecord>,
        to fold: SeriesFold,
        of device: DeviceFold,
        positions: RunPositions
    ) {
        fold.append(run, of: readings, positions: positions)
        guard let whole = run.interval else { return }
        device.charges.add(adjoining: whole) { charge in
            fold.register.forEachInterval(ofLast: run.count, charge)
        }
        device.updateStanding(firstReadAt: fold.earliestAt, clock: clock(of: device, readAt: run.end))
    }

    /// Appends one reading, and looks at the rules.
    private func appendLooking(
        _ run: CalmRun,
        of readings: UnsafeBufferPointer<ReadingRecord>,
        to fold: SeriesFold,
        of device: DeviceFold,
        positions: RunPositions
    ) {
        precondition(run.count == 1, "a look at a run of several")
        fold.append(run, of: readings, positions: positions)
        guard let interval = run.interval else { return }
        let before = Snapshot(device)
        device.charges.add(interval)
        device.updateStanding(firstReadAt: fold.earliestAt, clock: clock(of: device, readAt: run.end))
        change.clear()
        change.setAppended(interval)
        look(device, since: before, position: positions[0], recordedAt: recordedTimes.at(positions[0]))
    }

    // MARK: Crossings

    /// What a device's balance was made of before an event.
    struct Snapshot {
        let tiers: Money
        let standing: Money
        let standingDays: ClosedRange<Int>?

        init(_ device: DeviceFold) {
            tiers = device.charges.tiers.total
            standing = device.charges.standing
            standingDays = device.charges.standingDays
        }
    }

    /// Charges what `change` did to the billing series and the clock.
    private func charge(_ device: DeviceFold) {
        device.charges.replace(change.removed, by: change.added)
        noteTierShift(device)
        let fold = device.billingSeries.map { series[Int($0)] }
        device.updateStanding(firstReadAt: fold?.earliestAt, clock: clock(of: device))
    }

    /// Charges what an event changed in the billing series, and looks at the rules where that may matter.
    func follow(_ device: DeviceFold, position: UInt64, recordedAt: Instant) {
        let before = Snapshot(device)
        charge(device)
        guard device.needsLook(device.charges.bounds, clock: clock(of: device) ?? Int64.min) else { return }
        look(device, since: before, position: position, recordedAt: recordedAt)
    }

    /// Looks for reminders after an event that changes neither balance nor clock: one that fell due with the episode's
    /// own event waits for the next of the device, whatever it is.
    func remind(_ device: DeviceFold, position: UInt64, recordedAt: Instant) {
        guard device.hasBalance, let clock = clock(of: device), clock >= device.alerts.nextReminderAt else { return }
        change.clear()
        evaluate(device, from: device.exactBalance(), position: position, recordedAt: recordedAt)
    }

    /// Looks at the rules after an event of the billing series; `change` is what it did.
    private func look(_ device: DeviceFold, since snapshot: Snapshot, position: UInt64, recordedAt: Instant) {
        let after = device.money.total - device.charges.exact()
        guard device.needsLook(device.charges.bounds, clock: clock(of: device) ?? Int64.min) else { return }
        // Undone exactly, for what was held between bounds before is gone.
        var before =
            after + (device.charges.tiers.total - snapshot.tiers) + (device.charges.standing - snapshot.standing)
        for interval in change.added { before += device.schedule.exactCharge(interval) }
        for interval in change.removed { before -= device.schedule.exactCharge(interval) }
        evaluate(device, from: before, since: snapshot, position: position, recordedAt: recordedAt)
    }

    /// Looks whether an event crossed or cleared a level, or made a reminder due.
    ///
    /// `before`: the balance before the event; nil where it had none.
    /// `time`: the event's own time where it has one; else it is that of the latest standing reading.
    /// `setRules`: the rules that the event set.
    func evaluate(
        _ device: DeviceFold,
        from before: Money?,
        since snapshot: Snapshot? = nil,
        time: Instant? = nil,
        setRules: Set<ByteName> = [],
        position: UInt64,
        recordedAt: Instant
    ) {
        guard asOf == nil, let after = device.exactBalance() else { return }
        let eventTime = time ?? latestReadAt(of: device)
        let look = AlertBook.Look(
            device: device.index,
            before: before,
            after: after,
            position: Position(position),
            time: eventTime,
            clock: clock(of: device),
            setRules: setRules
        )
        let requests = device.alerts.look(look) { level in
            guard let snapshot, let before, change.onlyAddsLater else { return eventTime }
            var line = line(of: device, since: snapshot)
            return line.reaches(level, from: before, along: change.added).map(Instant.init(milliseconds:)) ?? eventTime
        }
        for request in requests {
            self.request(request, of: device, position: position, recordedAt: recordedAt, eventTime: eventTime)
        }
    }

    private func line(of device: DeviceFold, since snapshot: Snapshot) -> CrossingLine {
        var tiers = device.charges.tiers
        if device.schedule.hasTiers {
            for interval in change.added { tiers.add(interval, sign: -1, device.schedule) }
        }
        var drops: [CrossingLine.Drop] = []
        if let days = device.charges.standingDays {
            for day in days where snapshot.standingDays?.contains(day) != true {
                let amount = device.schedule.standingCharges(day...day)
                if amount > .zero { drops.append(CrossingLine.Drop(at: device.zone.start(ofDay: day), amount: amount)) }
            }
        }
        return CrossingLine(schedule: device.schedule, tiers: tiers, drops: drops)
    }

    private func request(
        _ request: AlertBook.Request,
        of device: DeviceFold,
        position: UInt64,
        recordedAt: Instant,
        eventTime: Instant?
    ) {
        let episode = device.alerts.episode(of: request)
        let job = "\(device.name)/\(episode.rule)/\(episode.episode)/\(request.kind)"
        jobs[ByteName(job)] = PushJobRow(
            job: job,
            deviceID: device.index,
            rule: episode.rule,
            episode: episode.episode,
            kind: request.kind,
            requestedAt: recordedAt,
            requestedPosition: Position(position),
            requestedEventTime: eventTime,
            staleAfterMilliseconds: request.staleAfterMilliseconds
        )
        for early in earlyOutcomes.removeValue(forKey: ByteName(job)) ?? [] {
            jobs[ByteName(job)]?.apply(early.outcome, at: early.position)
        }
        unwrittenJobs.insert(ByteName(job))
        untoldJobs?.append(ByteName(job))
    }

    /// The latest standing reading of a device's billing series, held ones and exchanges too.
    func latestReadAt(of device: DeviceFold) -> Instant? {
        device.billingSeries.flatMap { series[Int($0)].latestAt }.map(Instant.init(milliseconds:))
    }

    /// Days behind a change, up to the end of the tier period, whose place in the tiers moved.
    private func noteTierShift(_ device: DeviceFold) {
        guard device.schedule.hasTiers, !change.onlyAddsLater, let span = change.span else { return }
        let net =
            change.added.reduce(Int128(0)) { $0 + Int128($1.quantity) }
            - change.removed.reduce(Int128(0)) { $0 + Int128($1.quantity) }
        let first = LocalDate(dayNumber: Int32(device.zone.day(at: span.start))).civil
        let last = LocalDate(dayNumber: Int32(device.zone.day(at: span.end - 1))).civil
        // What moves across the first assignment begins or ceases to count.
        let meetsAssignment = span.start < device.schedule.countsFrom && device.schedule.countsFrom < span.end
        if net == 0, first.year == last.year, first.month == last.month, !meetsAssignment { return }
        guard let end = LocalDate(year: last.year, month: 12, day: 31), let clock = latestReadAt(of: device) else {
            return
        }
        let from = device.zone.day(at: span.start)
        let through = min(Int(end.dayNumber), device.zone.day(at: clock.milliseconds))
        if from <= through { device.noteDirtyDays(from...through) }
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

    /// Makes room for every device and series that the directory knows.
    ///
    /// They get rows with their first event: a directory may know what comes later in the log.
    func grow(to directory: SeriesDirectory) {
        while devices.count < directory.deviceCount {
            let index = UInt32(devices.count)
            let isFolded = lane?.has(index) ?? true
            if !isFolded || !(scope.map { scope in directory.devices.withBytes(of: index, scope.contains) } ?? true) {
                devices.append(outsider)
                continue
            }
            let device = DeviceFold(index: index, name: directory.devices[index])
            devices.append(device)
            foldedDevices.append(device)
        }
        while series.count < directory.seriesCount {
            let index = UInt32(series.count)
            let device = devices[Int(directory.device(ofSeries: index))]
            guard device !== outsider else {
                series.append(outsiderSeries)
                owners.append(outsider)
                registers.append(noName)
                continue
            }
            let fold = SeriesFold(packed)
            series.append(fold)
            owners.append(device)
            registers.append(ByteName(directory.registerName(ofSeries: index)))
            device.series.append(index)
            applyDeclaration(of: device, to: fold)
            resolveBillingSeries(device)
        }
    }

    /// Takes in what an event of a series says of a device that nobody has registered.
    @inline(__always)
    func notice(_ device: DeviceFold, series index: UInt32, unit: Unit?) {
        guard device.declaration.takesNotice else { return }
        device.declaration.notice(register: registers[Int(index)].text, unit: unit, in: &declarations)
        resolveBillingSeries(device)
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
