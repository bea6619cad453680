import Billing
package import MeterModel
import ReadModel

extension Fold {
    /// Applies one event that is no reading; one of a device outside of the scope is passed over.
    ///
    /// `directory`: the log's numbering, the event's device and series entered.
    package func apply(_ event: MeterEvent, position: Position, recordedAt: Instant, directory: SeriesDirectory) {
        passOver(through: position, directory: directory)
        guard scope?.concerns(event) ?? true, lane?.concerns(event, directory) ?? true else { return }
        let at = position.rawValue
        func device(_ name: String) -> DeviceFold {
            guard let index = directory.devices.index(of: name) else {
                preconditionFailure("the event at \(position.rawValue) was not entered into the directory")
            }
            enqueue(devices[Int(index)])
            return devices[Int(index)]
        }
        switch event {
        case .readingCorrected(let e):
            let unit = e.unit ?? .kilowattHour
            rule(device(e.device), e.register, at: e.readAt, value: milli(e.value, unit), unit: unit, at, recordedAt)
        case .readingVoided(let e):
            rule(device(e.device), e.register, at: e.readAt, value: nil, unit: nil, at, recordedAt)
        case .deviceRegistered(let e): register(device(e.device), e, at, recordedAt)
        case .meterExchanged(let e): exchange(device(e.device), e, at, recordedAt)
        case .multiplierCorrected(let e):
            guard let factor = e.multiplier.scaled(by: 3) else { return }
            changeSeries(device(e.device), e.register, unit: nil, at, recordedAt) { series, change in
                series.changeSegments(&change) {
                    $0.correctMultiplier(at: e.at?.milliseconds, thousandths: Int64(factor), position: at)
                }
                change.leaveLine()
            }
        case .tariffPublished(let e): publish(e, at, recordedAt)
        case .tariffAssigned(let e): reassign(device(e.device), e, at, recordedAt)
        case .topUpReceived(let e): pay(device(e.device), e, .topUp, sign: 1, at, recordedAt)
        case .topUpRefunded(let e): pay(device(e.device), e, .refund, sign: -1, at, recordedAt)
        case .balanceAdjusted(let e):
            let key = MoneyBook.Key(kind: .adjustment, provider: ByteName(""), reference: ByteName(e.reference))
            add(device(e.device), key, e.amount, sign: 1, currency: e.currency, at: e.at, at, recordedAt)
        case .pushSettled(let outcome):
            let job = ByteName(outcome.job)
            guard jobs[job] != nil else {
                earlyOutcomes[job, default: []].append((outcome, position))
                return
            }
            jobs[job]?.apply(outcome, at: position)
            unwrittenJobs.insert(job)
        case .alertRuleSet(let e): setRules(device(e.device), [e.change], at, recordedAt)
        case .dayTurned(let e): turnDay(e, at, recordedAt)
        }
    }

    /// - Precondition: admission saw to range and precision.
    private func milli(_ value: ExactDecimal, _ unit: Unit) -> Int64 {
        guard let milli = value.scaled(by: unit.milliDigits), milli.magnitude <= Int128(maximumMilliValue).magnitude
        else { preconditionFailure("the value \(value) \(unit.symbol) was admitted") }
        return Int64(milli)
    }

    // MARK: One series

    private func rule(
        _ device: DeviceFold,
        _ register: String?,
        at instant: Instant,
        value: Int64?,
        unit: Unit?,
        _ position: UInt64,
        _ recordedAt: Instant
    ) {
        changeSeries(device, register, unit: unit, position, recordedAt) { series, change in
            guard counts(instant) else { return }
            series.rule(at: instant.milliseconds, value: value, position: position, &change)
        }
    }

    private func exchange(_ device: DeviceFold, _ event: MeterExchanged, _ position: UInt64, _ recordedAt: Instant) {
        let unit = event.unit ?? device.declaration.unit ?? .kilowattHour
        let exchange = MeterSegments.Exchange(
            at: event.at.milliseconds,
            finalValue: milli(event.finalValue, unit),
            initialValue: milli(event.initialValue, unit),
            position: position,
            multiplierThousandths: event.multiplier.flatMap { $0.scaled(by: 3) }.map(Int64.init),
            modulus: event.modulus.map { milli($0, unit) }
        )
        changeSeries(device, event.register, unit: unit, position, recordedAt) { series, change in
            if counts(event.at) {
                series.exchange(exchange, &change)
            } else {
                series.noteLaterExchange(at: exchange.at, &change)
            }
        }
    }

    /// Changes one series of a device, and what follows from it for its balance.
    private func changeSeries(
        _ device: DeviceFold,
        _ register: String?,
        unit: Unit?,
        _ position: UInt64,
        _ recordedAt: Instant,
        _ body: (SeriesFold, inout IntervalChange) -> Void
    ) {
        guard let register = register ?? device.declaration.register,
            let index = device.series.first(where: { registers[Int($0)] == ByteName(register) })
        else { preconditionFailure("an event was logged without its register") }
        notice(device, series: index, unit: unit)
        let fold = series[Int(index)]
        change.clear()
        body(fold, &change)
        fold.noteDirty(change)
        enqueue(series: index)
        enqueue(device)
        guard device.billingSeries == index else { return remind(device, position: position, recordedAt: recordedAt) }
        guard device.hasBalance else { return }
        follow(device, position: position, recordedAt: recordedAt)
    }

    /// Whether a fact with this time of its own counts.
    private func counts(_ instant: Instant) -> Bool { asOf.map { instant <= $0 } ?? true }

    // MARK: Declarations

    private func register(_ device: DeviceFold, _ event: DeviceRegistered, _ position: UInt64, _ recordedAt: Instant) {
        let before = device.exactBalance()
        let formerGap = device.declaration.gapAfter
        let formerFactors = DeclaredFactors(device.declaration)
        device.declaration.declare(event, in: &declarations)
        let saysMultiplier = event.multiplier != nil || event.resets.contains(.multiplier)
        if saysMultiplier { device.multiplierPosition = position }
        resolveBillingSeries(device)
        let factors = DeclaredFactors(device.declaration)
        if factors != formerFactors || saysMultiplier {
            for index in device.series {
                change.clear()
                series[Int(index)].changeSegments(&change) {
                    $0.declare(
                        multiplierThousandths: saysMultiplier ? factors.multiplierThousandths ?? 1000 : nil,
                        modulus: factors.modulus,
                        maxRate: factors.maxRate,
                        position: position
                    )
                }
                series[Int(index)].noteDirty(change)
                enqueue(series: index)
            }
        }
        if device.declaration.gapAfter != formerGap { dirtyWholly(device) }
        if let tariff = event.tariff { assign(device, tariff, from: event.from) }
        assumeAssignment(of: device)
        let rules = event.alerts ?? []
        var setRules = Set(rules.map { ByteName($0.rule) })
        if event.resets.contains(.alerts) {
            device.alerts.reset(position: Position(position), time: latestReadAt(of: device))
            setRules.insert(ByteName(AlertRule.zero.rule))
        }
        for rule in rules { device.alerts.set(rule) }
        reprice(device)
        change.clear()
        evaluate(
            device,
            from: before,
            setRules: setRules,
            position: position,
            recordedAt: recordedAt
        )
    }

    private func assign(_ device: DeviceFold, _ tariff: String, from: LocalDate?) {
        if supposition?.replacesAssignment(of: device.name, from: from) ?? false { return }
        device.assign(tariff, from: from)
        if device.currency == nil { device.currency = tariffs[ByteName(tariff)]?.event.currency }
    }

    private func assumeAssignment(of device: DeviceFold) {
        guard let supposed = supposition?.assignments[ByteName(device.name)] else { return }
        device.assign(supposed.tariff, from: supposed.from)
        if device.currency == nil { device.currency = tariffs[ByteName(supposed.tariff)]?.event.currency }
    }

    private func reassign(_ device: DeviceFold, _ event: TariffAssigned, _ position: UInt64, _ recordedAt: Instant) {
        let before = device.exactBalance()
        assign(device, event.tariff, from: event.from)
        reprice(device)
        change.clear()
        evaluate(device, from: before, position: position, recordedAt: recordedAt)
    }

    private func publish(_ event: TariffPublished, _ position: UInt64, _ recordedAt: Instant) {
        if supposition?.tariffs[ByteName(event.tariff)] != nil { return }
        tariffs[ByteName(event.tariff)] = PublishedTariff(event: event, rates: RateSchedule.Tariff(event))
        schedules.removeAll()
        for device in foldedDevices
        where device.assignments.contains(where: { ByteName($0.tariff) == ByteName(event.tariff) }) {
            // An assignment that is supposed may be there before its tariff.
            if device.currency == nil { device.currency = event.currency }
            let before = device.exactBalance()
            reprice(device)
            change.clear()
            evaluate(device, from: before, position: position, recordedAt: recordedAt)
        }
    }

    /// Works out a device's zone, schedule and charges from what is now declared.
    private func reprice(_ device: DeviceFold) {
        let name =
            device.declaration.timezone
            ?? device.assignments.first.flatMap { tariffs[ByteName($0.tariff)]?.event.timezone }
        let zone = name.flatMap { zones.rules(of: $0) } ?? .utc
        if zone.name != device.zone.name {
            device.zone = zone
            dirtyWholly(device)
        }
        var charges = DeviceCharges(schedule(of: device, in: zone))
        let fold = device.billingSeries.map { series[Int($0)] }
        fold?.forEachInterval(from: Int64.min, to: Int64.max) { charges.add($0) }
        device.charges = charges
        device.updateStanding(firstReadAt: fold?.earliestAt, clock: clock(of: device))
        device.ledgerIsWhollyDirty = true
        enqueue(device)
    }

    /// The schedule of a device's assignments, one for all devices that have the same, which share these then, too.
    func schedule(of device: DeviceFold, in zone: ZoneRules) -> RateSchedule {
        let key = ScheduleKey(zone: ByteName(zone.name), assignments: device.assignments)
        if let i = schedules.index(forKey: key) {
            device.share(schedules.keys[i].assignments)
            return schedules.values[i]
        }
        let schedule = RateSchedule(
            assignments: device.assignments.compactMap { assignment in
                tariffs[ByteName(assignment.tariff)].map { (from: assignment.from, tariff: $0.rates) }
            },
            zone: zone
        )
        // Devices that are each assigned from a day of their own would fill it without end.
        if schedules.count >= Fold.scheduleCount { schedules.removeAll() }
        schedules[key] = schedule
        return schedule
    }

    // MARK: Rules and days

    private func setRules(
        _ device: DeviceFold,
        _ changes: [AlertRuleSet.Change],
        _ position: UInt64,
        _ recordedAt: Instant
    ) {
        let before = device.exactBalance()
        var set: Set<ByteName> = []
        for change in changes {
            switch change {
            case .set(let rule):
                device.alerts.set(rule)
                set.insert(ByteName(rule.rule))
            case .remove(let name):
                device.alerts.remove(name, position: Position(position), time: latestReadAt(of: device))
            }
        }
        enqueue(device)
        change.clear()
        evaluate(device, from: before, setRules: set, position: position, recordedAt: recordedAt)
    }

    /// A local day began in a zone: standing charges fall due, and reminders.
    private func turnDay(_ event: DayTurned, _ position: UInt64, _ recordedAt: Instant) {
        guard asOf == nil else { return }
        let zone = ByteName(event.timezone)
        turnedDays[zone] = max(turnedDays[zone] ?? Int64.min, event.at.milliseconds)
        for device in foldedDevices where ByteName(device.zone.name) == zone && device.hasBalance {
            let before = device.exactBalance()
            let fold = device.billingSeries.map { series[Int($0)] }
            device.updateStanding(firstReadAt: fold?.earliestAt, clock: clock(of: device))
            enqueue(device)
            change.clear()
            evaluate(device, from: before, time: event.at, position: position, recordedAt: recordedAt)
        }
    }

    private func dirtyWholly(_ device: DeviceFold) {
        for index in device.series {
            series[Int(index)].isWhollyDirty = true
            enqueue(series: index)
        }
        device.ledgerIsWhollyDirty = true
        enqueue(device)
    }

    // MARK: Money

    private func pay(
        _ device: DeviceFold,
        _ event: Payment,
        _ kind: LedgerKind,
        sign: Int128,
        _ position: UInt64,
        _ recordedAt: Instant
    ) {
        let key = MoneyBook.Key(kind: kind, provider: ByteName(event.provider), reference: ByteName(event.reference))
        add(device, key, event.amount, sign: sign, currency: event.currency, at: event.at, position, recordedAt)
    }

    private func add(
        _ device: DeviceFold,
        _ key: MoneyBook.Key,
        _ amount: ExactDecimal,
        sign: Int128,
        currency: Currency,
        at instant: Instant,
        _ position: UInt64,
        _ recordedAt: Instant
    ) {
        guard let money = Money(amount) else { preconditionFailure("the amount \(amount) was admitted") }
        if device.currency == nil { device.currency = currency }
        guard counts(instant) else { return }
        let before = device.exactBalance()
        let entry = MoneyBook.Entry(at: instant.milliseconds, amount: Money(units: money.units * sign))
        for touched in device.money.add(key, entry) { device.noteDirtyDay(at: touched) }
        enqueue(device)
        guard before != nil else { return }
        change.clear()
        evaluate(device, from: before, time: instant, position: position, recordedAt: recordedAt)
    }
}
