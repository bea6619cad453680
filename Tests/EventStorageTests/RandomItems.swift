import MeterModel

@testable import EventStorage

/// SplitMix64: the same sequence for a seed on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    /// Numbers of about one size, few of any other; of signed ones half are negative, or few.
    mutating func numbers(atMost limit: Int, isSigned: Bool) -> [Int64] {
        let isMostlyPositive = chance(50)
        let count = Int.random(in: 1...limit, using: &self)
        let shift = Int64.random(in: 0...63, using: &self)
        return (0..<count).map { _ in
            let wild = chance(5) ? 0 : shift
            let number = Int64.random(in: (isSigned ? .min : 0) ... .max, using: &self) >> wild
            return number < 0 && isMostlyPositive && !chance(4) ? ~number : number
        }
    }
}

/// Random readings and events over a directory that grows as they come.
struct RandomItems {
    var generator: SeededGenerator
    var directory = SeriesDirectory()
    var deviceLimit = 40

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func number(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &generator) }

    mutating func maybe<T>(_ make: (inout RandomItems) -> T) -> T? { generator.chance(50) ? make(&self) : nil }

    mutating func text(_ maximum: Int64 = 12) -> String {
        let letters = ["a", "B", "7", "-", "é", "ß", "电", "🙂"]
        var text = ""
        for _ in 0..<number(0...maximum) { text += letters[Int(number(0...7))] }
        return text
    }

    mutating func deviceName() -> String { "E-\(1000 + number(0...Int64(deviceLimit - 1)))" }

    /// A reading of a series, new or old; wild numbers now and then.
    mutating func reading() -> ReadingRecord {
        let device = directory.device(named: deviceName())
        let register = directory.register(named: generator.chance(80) ? "1-0:1.8.0" : "1-0:2.8.0")
        let isInterval = generator.chance(20)
        let wild = generator.chance(3)
        let whole: Int64 = generator.chance(70) ? 1000 : 1
        return ReadingRecord(
            series: directory.series(device: device, register: register),
            traits: ReadingTraits(
                quality: generator.chance(90) ? .measured : .estimated,
                isInterval: isInterval,
                unit: .kilowattHour
            ),
            at: wild ? number(Int64.min...Int64.max) : 1_767_225_600_000 + number(0...400_000) * whole,
            value: wild ? number(Int64.min...Int64.max) : number(0...5_000_000) * whole,
            span: isInterval ? number(0...1_000) * 900 : 0,
            receivedAt: generator.chance(30) ? 1_767_225_600_000 + number(0...400_000_000) : ReadingDraft.absentInstant
        )
    }

    mutating func batch(maximumCount: Int64 = 200) -> EventBatch {
        var batch = EventBatch()
        for _ in 0..<number(1...maximumCount) {
            if generator.chance(5) {
                batch.events.append((batch.readings.count, event()))
            } else {
                batch.readings.append(reading())
            }
        }
        return batch
    }

    mutating func decimal() -> ExactDecimal {
        let digits = Int(number(0...36))
        switch number(0...3) {
        case 0: return ExactDecimal(Int128(number(-100...100)), fractionDigits: digits % 4)
        case 1: return ExactDecimal(Int128(number(Int64.min...Int64.max)), fractionDigits: digits)
        case 2: return generator.chance(50) ? ExactDecimal(.max) : ExactDecimal(.min, fractionDigits: digits)
        default: return .zero
        }
    }

    mutating func instant() -> Instant { Instant(milliseconds: number(0...2_000_000_000_000)) }

    mutating func date() -> LocalDate { LocalDate(dayNumber: Int32(number(-1000...40_000))) }

    mutating func unit() -> Unit { Unit.allCases.randomElement(using: &generator) ?? .litre }

    mutating func rule() -> AlertRule {
        AlertRule(
            rule: text(),
            level: decimal(),
            rearm: decimal(),
            cleared: generator.chance(50),
            staleAfterMilliseconds: number(0...1_000_000),
            remindersMilliseconds: (0..<number(0...3)).map { $0 * 1000 }
        )
    }

    mutating func event() -> MeterEvent { event(EventKind.allCases.randomElement(using: &generator) ?? .dayTurned) }

    mutating func event(_ kind: EventKind) -> MeterEvent {
        switch kind {
        case .readingCorrected:
            .readingCorrected(
                ReadingCorrected(
                    device: deviceName(),
                    register: maybe { $0.text() },
                    readAt: instant(),
                    value: decimal(),
                    unit: maybe { $0.unit() },
                    reason: text()
                )
            )
        case .readingVoided:
            .readingVoided(
                ReadingVoided(device: deviceName(), register: maybe { $0.text() }, readAt: instant(), reason: text())
            )
        case .deviceRegistered: .deviceRegistered(registration())
        case .deviceRegisteredWithResets: .deviceRegistered(registrationWithResets())
        case .meterExchanged:
            .meterExchanged(
                MeterExchanged(
                    device: deviceName(),
                    register: maybe { $0.text() },
                    at: instant(),
                    finalValue: decimal(),
                    initialValue: decimal(),
                    unit: maybe { $0.unit() },
                    modulus: maybe { $0.decimal() },
                    multiplier: maybe { $0.decimal() }
                )
            )
        case .multiplierCorrected:
            .multiplierCorrected(
                MultiplierCorrected(
                    device: deviceName(),
                    register: maybe { $0.text() },
                    at: maybe { $0.instant() },
                    multiplier: decimal(),
                    reason: text()
                )
            )
        case .tariffPublished: .tariffPublished(tariff())
        case .tariffAssigned: .tariffAssigned(TariffAssigned(device: deviceName(), tariff: text(), from: date()))
        case .topUpReceived: .topUpReceived(payment())
        case .topUpRefunded: .topUpRefunded(payment())
        case .balanceAdjusted: .balanceAdjusted(adjustment())
        case .alertRuleSet:
            .alertRuleSet(
                AlertRuleSet(device: deviceName(), change: generator.chance(50) ? .set(rule()) : .remove(text()))
            )
        case .dayTurned: .dayTurned(DayTurned(timezone: text(), at: instant()))
        case .pushSettled:
            .pushSettled(
                PushOutcome(
                    kind: PushOutcome.Kind.allCases.randomElement(using: &generator) ?? .died,
                    job: text(),
                    at: instant(),
                    channel: maybe { $0.text() },
                    attempt: maybe { Int($0.number(0...9)) },
                    response: maybe { $0.text(200) }
                )
            )
        }
    }

    private mutating func registration() -> DeviceRegistered {
        DeviceRegistered(
            device: deviceName(),
            utility: Utility.allCases.randomElement(using: &generator) ?? .gas,
            unit: maybe { $0.unit() },
            register: maybe { $0.text() },
            timezone: maybe { $0.text() },
            multiplier: maybe { $0.decimal() },
            modulus: maybe { $0.decimal() },
            maxRate: maybe { $0.decimal() },
            gapAfterMilliseconds: maybe { $0.number(0...100_000_000) },
            account: maybe { $0.text() },
            tariff: maybe { $0.text() },
            from: maybe { $0.date() },
            alerts: maybe { items in (0..<items.number(0...3)).map { _ in items.rule() } }
        )
    }

    /// At least the timezone is reset.
    private mutating func registrationWithResets() -> DeviceRegistered {
        var event = registration()
        event.timezone = nil
        event.resets = .timezone
        if event.unit == nil, generator.chance(50) { event.resets.insert(.unit) }
        if event.register == nil, generator.chance(50) { event.resets.insert(.register) }
        if event.multiplier == nil, generator.chance(50) { event.resets.insert(.multiplier) }
        if event.modulus == nil, generator.chance(50) { event.resets.insert(.modulus) }
        if event.maxRate == nil, generator.chance(50) { event.resets.insert(.maxRate) }
        if event.gapAfterMilliseconds == nil, generator.chance(50) { event.resets.insert(.gapAfter) }
        if event.account == nil, generator.chance(50) { event.resets.insert(.account) }
        if event.alerts == nil, generator.chance(50) { event.resets.insert(.alerts) }
        return event
    }

    private mutating func currency() -> Currency {
        let letters = (0..<3).map { _ in UInt8(0x41 + number(0...25)) }
        guard let currency = Currency(String(decoding: letters, as: UTF8.self)) else { fatalError("no currency") }
        return currency
    }

    private mutating func adjustment() -> BalanceAdjusted {
        BalanceAdjusted(
            device: deviceName(),
            amount: decimal(),
            currency: currency(),
            reference: text(),
            at: instant(),
            reason: text()
        )
    }

    private mutating func payment() -> Payment {
        Payment(
            device: deviceName(),
            amount: decimal(),
            currency: currency(),
            provider: text(),
            reference: text(),
            of: maybe { $0.text() },
            at: instant(),
            reason: maybe { $0.text() }
        )
    }

    private mutating func tariff() -> TariffPublished {
        var versions: [TariffVersion] = []
        for _ in 0..<number(0...3) {
            var version = TariffVersion(from: date(), defaultPrice: decimal())
            for _ in 0..<number(0...2) {
                let window = TariffWindow(weekdays: 127, fromMinute: Int(number(0...1440)), toMinute: 1440)
                version.periods.append(TariffPeriod(name: text(), price: decimal(), windows: [window]))
            }
            version.standingCharge = maybe { $0.decimal() }
            version.tax = maybe { $0.decimal() }
            version.tiers = maybe { items in
                TariffTiers(
                    period: items.generator.chance(50) ? .month : .year,
                    steps: (0..<items.number(0...3)).map { _ in
                        TariffTiers.Step(upTo: items.maybe { $0.decimal() }, add: items.decimal())
                    }
                )
            }
            versions.append(version)
        }
        return TariffPublished(
            tariff: text(),
            unit: unit(),
            currency: currency(),
            timezone: maybe { $0.text() },
            versions: versions
        )
    }
}
