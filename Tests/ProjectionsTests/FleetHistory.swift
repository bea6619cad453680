import MeterModel

/// A random fleet with every kind of trouble, as the lines that tell of it.
///
/// `isLawful` leaves out what follows positions: series of mixed kinds, readings that need a declaration to be filled
/// in, devices of more than one currency, lines that are refused.
struct FleetHistory {
    let isLawful: Bool
    var random: TestRandom
    var spelling: Spelling
    var lines: [GeneratedLine] = []
    /// Prices, quantities and payments in whole numbers, so that balances meet 0 exactly.
    let isRound: Bool
    let start: Int64
    var references = 0

    static let zones = [
        "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo", "Europe/Berlin", "UTC", "America/St_Johns",
        "Pacific/Apia",
    ]
    /// Days around which clocks change or calendars turn: UTC midnights.
    private static let starts = [
        "2024-03-29", "2024-10-25", "2024-04-05", "2018-11-02", "2018-02-16", "2023-12-30", "2011-12-28", "2025-02-27",
    ]

    init(seed: UInt64, isLawful: Bool) {
        self.isLawful = isLawful
        random = TestRandom(seed: seed)
        spelling = Spelling(seed: seed ^ 0x5EED)
        isRound = random.oneIn(3)
        let day = LocalDate(random.pick(FleetHistory.starts)) ?? LocalDate(dayNumber: 19_800)
        start = Int64(day.dayNumber) * Milliseconds.day
        let devices = (0..<Int(random.int(1...4))).map { FleetMeter(index: $0, &random, isLawful: isLawful) }
        let tariffs = makeTariffs(devices)
        for device in devices { tell(device, tariffs) }
        if !isLawful {
            for device in devices { tellNonsense(device, tariffs) }
        }
    }

    /// The lines in a plausible order of arrival: much as told, some late, declarations in their order.
    mutating func arrival() -> [GeneratedLine] {
        var keyed = lines.enumerated().map { i, line in
            (place: Int64(i) + (random.oneIn(3) ? random.int(-30...30) : random.int(-2...2)), line: line)
        }
        keyed.sort { $0.place < $1.place }
        return FleetHistory.restoringOrder(keyed.map(\.line), of: lines)
    }

    /// Some other order of arrival, some lines told twice.
    static func otherArrival(of lines: [GeneratedLine], _ random: inout TestRandom) -> [GeneratedLine] {
        var shuffled = lines
        for line in lines where line.order == .free && random.oneIn(5) { shuffled.append(line) }
        shuffled.shuffle(using: &random)
        return restoringOrder(shuffled, of: lines)
    }

    /// Gives the places of ordered lines to them in the order that `original` has.
    private static func restoringOrder(_ lines: [GeneratedLine], of original: [GeneratedLine]) -> [GeneratedLine] {
        var queues: [GeneratedLine.Order: [GeneratedLine]] = [:]
        for line in original.reversed() { queues[line.order, default: []].append(line) }
        return lines.map { line in
            guard line.order != .free, let next = queues[line.order]?.popLast() else { return line }
            return next
        }
    }

    mutating func add(_ text: String, _ order: GeneratedLine.Order = .free) {
        lines.append(GeneratedLine(text: text, order: order))
    }

    /// An instant in the time of the history.
    mutating func instant() -> Int64 {
        let instant = start + random.int(0...(9 * Milliseconds.day))
        return random.oneIn(2) ? instant - instant % Milliseconds.hour : instant
    }

    mutating func date() -> String {
        LocalDate(dayNumber: Int32(start / Milliseconds.day + random.int(-2...9))).description
    }

    // MARK: Tariffs

    struct Tariff {
        var name: String
        var unit: Unit
        var currency: String
    }

    private mutating func makeTariffs(_ devices: [FleetMeter]) -> [Tariff] {
        var tariffs: [Tariff] = []
        for dimension in [Dimension.energy, .volume] where devices.contains(where: { $0.dimension == dimension }) {
            for i in 0..<random.int(1...2) {
                tariffs.append(
                    Tariff(
                        name: "t-\(dimension.shownUnit.symbol)-\(i)",
                        unit: dimension.shownUnit,
                        currency: isLawful || !random.oneIn(8) ? "EUR" : "JPY"
                    )
                )
            }
        }
        for tariff in tariffs { publish(tariff) }
        return tariffs
    }

    private mutating func publish(_ tariff: Tariff) {
        let first = start / Milliseconds.day + random.int(-3...4)
        var versions: [String] = []
        var day = first
        for _ in 0..<random.int(1...3) {
            let price =
                isRound ? random.pick(["1", "0.5", "2"]) : random.pick(["0", "0.3", "0.123456", "12.5", "1e-6"])
            versions.append("{\"from\":\"\(LocalDate(dayNumber: Int32(day)))\",\"default\":\"\(price)\"}")
            day += random.int(1...4)
        }
        var text = "{\"event\":\"TariffPublished\",\"tariff\":\"\(tariff.name)\",\"unit\":\"\(tariff.unit.symbol)\","
        text += "\"currency\":\"\(tariff.currency)\","
        if random.oneIn(2) { text += "\"timezone\":\"\(random.pick(FleetHistory.zones))\"," }
        add(text + "\"versions\":[\(versions.joined(separator: ","))]}", .declaration)
    }

    // MARK: Devices

    private mutating func tell(_ device: FleetMeter, _ tariffs: [Tariff]) {
        let usable = tariffs.filter { $0.unit.dimension == device.dimension }
        if device.isRegistered {
            if !isLawful, random.oneIn(4) { tellReading(device, device.registers[0]) }
            register(device, usable, isFirst: true)
        }
        if random.oneIn(2) { pay(device) }
        for (i, register) in device.registers.enumerated() {
            let isInterval = i == 0 ? device.countsIntervals : random.oneIn(4)
            if isInterval { tellIntervals(device, register) } else { tellRegister(device, register) }
            if !isLawful, random.oneIn(12) {
                if isInterval { tellRegister(device, register) } else { tellIntervals(device, register) }
            }
        }
        for _ in 0..<random.int(0...4) { pay(device) }
        guard device.isRegistered else { return }
        for _ in 0..<random.int(0...3) { redeclare(device, usable) }
    }

    private mutating func redeclare(_ device: FleetMeter, _ tariffs: [Tariff]) {
        let register = random.pick(device.registers)
        switch random.int(0...7) {
        case 5: reset(device)
        case 6...7: setRule(device)
        case 0: self.register(device, tariffs, isFirst: false)
        case 1:
            let tariff = random.pick(tariffs)
            let text = "{\"event\":\"TariffAssigned\",\"device\":\(device.json),\"tariff\":\"\(tariff.name)\""
            add(text + ",\"from\":\"\(date())\"}", .declaration)
        case 2: publish(random.pick(tariffs))
        case 3:
            var text = "{\"event\":\"MultiplierCorrected\",\"device\":\(device.json),\"register\":\"\(register)\","
            text += "\"multiplier\":\"\(random.pick(["1", "2.5", "0.333", "40"]))\",\"reason\":\"r\""
            if random.oneIn(2) { text += ",\"at\":\(spelling.time(instant()))" }
            add(text + "}", .declaration)
        default: exchange(device, register, at: instant(), around: random.int(0...2_000_000_000))
        }
    }

    private mutating func register(_ device: FleetMeter, _ tariffs: [Tariff], isFirst: Bool) {
        var text = "{\"event\":\"DeviceRegistered\",\"device\":\(device.json),\"utility\":\"\(device.utility.name)\""
        if let unit = device.declaredUnit, isFirst { text += ",\"unit\":\"\(unit.symbol)\"" }
        if let register = device.declaredRegister, isFirst { text += ",\"register\":\"\(register)\"" }
        if !isFirst, random.oneIn(6) { text += ",\"register\":\"\(device.registers.last ?? "")\"" }
        if random.oneIn(isFirst ? 2 : 3) { text += ",\"timezone\":\"\(random.pick(FleetHistory.zones))\"" }
        if random.oneIn(4) { text += ",\"multiplier\":\"\(random.pick(["1", "20", "0.5", "1.337", "1000000"]))\"" }
        // 1000 in kWh or m3, whatever the unit is called.
        let unit = device.declaredUnit ?? device.dimension.shownUnit
        let scale = unit.milliDigits == 3 ? "000" : ""
        if random.oneIn(2) { text += ",\"modulus\":\"\(random.pick(["1000", "100"]))\(scale)\"" }
        if random.oneIn(3) { text += ",\"maxRate\":\"\(random.pick(["5", "60"]))\(scale)\"" }
        if random.oneIn(3) { text += ",\"gapAfter\":\"\(random.pick(["1h", "30m", "2d", "12h"]))\"" }
        if random.oneIn(4) { text += ",\"account\":\"flat \(random.int(1...3))\"" }
        if !tariffs.isEmpty, isFirst ? !random.oneIn(4) : random.oneIn(3) {
            text += ",\"tariff\":\"\(random.pick(tariffs).name)\""
            if random.oneIn(2) { text += ",\"from\":\"\(date())\"" }
        }
        add(text + "}", .declaration)
    }

    /// Takes some of what is declared back to its default.
    private mutating func reset(_ device: FleetMeter) {
        var text = "{\"event\":\"DeviceRegistered\",\"device\":\(device.json),\"utility\":\"\(device.utility.name)\""
        let names = DeviceResets.fields.map(\.name).filter { _ in random.oneIn(3) }
        text += ",\"resets\":[\(names.map { "\"\($0)\"" }.joined(separator: ","))]"
        add(text + "}", .declaration)
    }

    private mutating func setRule(_ device: FleetMeter) {
        let rule = random.pick(["zero", "low", "lower"])
        var text = "\"rule\":\"\(rule)\""
        if rule != "zero", random.oneIn(5) {
            text += ",\"remove\":true"
        } else {
            if rule != "zero" { text += ",\"level\":\(random.int(-20...20))" }
            if random.oneIn(2) { text += ",\"cleared\":true" }
            if random.oneIn(3) { text += ",\"reminders\":[\"2h\",\"1d\"]" }
        }
        add("{\"event\":\"AlertRuleSet\",\"device\":\(device.json),\(text)}", .declaration)
    }

    // MARK: Money

    private mutating func pay(_ device: FleetMeter) {
        references += 1
        let currency = isLawful || !random.oneIn(10) ? "EUR" : "JPY"
        let amount =
            isRound || currency == "JPY" ? "\(random.int(1...20))" : "\(random.int(0...99)).\(random.int(1...9))"
        let reference = !isLawful && random.oneIn(8) ? "r1" : "r\(references)"
        let at = spelling.time(instant())
        let common = "\"device\":\(device.json),\"currency\":\"\(currency)\",\"reference\":\"\(reference)\",\"at\":"
        var copies = [at]
        if random.oneIn(4) { copies.append(spelling.time(instant())) }
        let kind = random.int(0...3)
        for at in copies {
            let paid = "\(common)\(at),\"provider\":\"p\",\"amount\":\"\(amount)\""
            switch kind {
            case 0: add("{\"event\":\"TopUpRefunded\",\(paid),\"reason\":\"r\"}")
            case 1:
                let sign = reference.utf8.count % 2 == 0 ? "-" : ""
                add("{\"event\":\"BalanceAdjusted\",\(common)\(at),\"amount\":\"\(sign)\(amount)\",\"reason\":\"r\"}")
            default: add("{\"event\":\"TopUpReceived\",\(paid)}")
            }
        }
    }
}

/// A device of a history: what does not change about it.
struct FleetMeter {
    let name: String
    let utility: Utility
    let dimension: Dimension
    let declaredUnit: Unit?
    let declaredRegister: String?
    /// The billing register is among them, first in most cases.
    let registers: [String]
    let isRegistered: Bool
    let countsIntervals: Bool

    init(index: Int, _ random: inout TestRandom, isLawful: Bool) {
        name = ["M1", "m-ä", "no 3", "M\"4\\"][index % 4]
        utility = random.pick([.electricity, .electricity, .water, .gas])
        declaredUnit =
            random.oneIn(2)
            ? nil : random.pick(utility == .electricity ? [.wattHour, .kilowattHour] : [.litre, .cubicMetre])
        dimension = (declaredUnit ?? utility.defaultUnit).dimension
        declaredRegister = random.oneIn(3) ? "dial" : nil
        var registers = [declaredRegister ?? utility.defaultRegister]
        if random.oneIn(4) { registers.append("side") }
        if random.oneIn(5) { registers.reverse() }
        self.registers = registers
        isRegistered = isLawful || !random.oneIn(8)
        countsIntervals = random.oneIn(4)
    }

    var json: String { jsonText(name) }

    /// Units in which its values may be told.
    var units: [Unit] {
        dimension == .energy ? [.wattHour, .kilowattHour, .megawattHour] : [.litre, .cubicMetre]
    }
}
