import MeterModel

/// A random fleet with every kind of trouble, as the lines that tell of it.
///
/// `isLawful` leaves out what follows positions: series of mixed kinds, readings that need a declaration to be filled
/// in, more values of one instant than are kept.
struct FleetHistory {
    let isLawful: Bool
    var random: TestRandom
    var spelling: Spelling
    var lines: [GeneratedLine] = []
    /// Prices, quantities and payments in whole numbers, so that balances meet 0 exactly.
    let isRound: Bool
    /// Tariffs of one price and nothing else.
    let isFlat: Bool
    let start: Int64
    var references = 0
    var tariffs: [Tariff] = []
    /// The names of the zones that were told so far.
    var zonesInUse = ["UTC"]

    static let zones = [
        "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo", "Europe/Berlin", "UTC", "America/St_Johns",
        "Pacific/Apia", "Africa/Cairo", "Antarctica/Troll", "Asia/Kathmandu",
    ]
    /// Days around which clocks change or calendars turn: UTC midnights.
    private static let starts = [
        "2024-03-29", "2024-10-25", "2024-04-05", "2018-11-02", "2018-02-16", "2023-12-30", "2011-12-28", "2025-02-27",
        "2024-04-24",
    ]

    init(seed: UInt64, isLawful: Bool) {
        self.isLawful = isLawful
        random = TestRandom(seed: seed)
        spelling = Spelling(seed: seed ^ 0x5EED)
        isRound = random.oneIn(3)
        isFlat = random.oneIn(4)
        let day = LocalDate(random.pick(FleetHistory.starts)) ?? LocalDate(dayNumber: 19_800)
        start = Int64(day.dayNumber) * Milliseconds.day
        let devices = (0..<Int(random.int(1...4))).map { FleetMeter(index: $0, &random, isLawful: isLawful) }
        makeTariffs(devices)
        for device in devices { tell(device) }
        if !isLawful {
            for device in devices { tellNonsense(device) }
        }
    }

    /// The instants that the lines name.
    var instants: [Int64] { spelling.instants }

    /// The lines in some order of arrival: much as told, some late; or in any at all.
    mutating func arrival() -> [GeneratedLine] {
        if random.oneIn(4) { return FleetHistory.otherArrival(of: lines, &random) }
        var keyed = lines.enumerated().map { i, line in
            (place: Int64(i) + (random.oneIn(3) ? random.int(-30...30) : random.int(-2...2)), line: line)
        }
        keyed.sort { $0.place < $1.place }
        return GeneratedLine.settled(keyed.map(\.line), as: lines)
    }

    /// Any order of arrival, some lines told twice.
    static func otherArrival(of lines: [GeneratedLine], _ random: inout TestRandom) -> [GeneratedLine] {
        var shuffled = lines
        for line in lines where line.keys.isEmpty && random.oneIn(5) { shuffled.append(line) }
        shuffled.shuffle(using: &random)
        return GeneratedLine.settled(shuffled, as: lines)
    }

    mutating func add(_ text: String, keys: [String] = [], needs: [String] = []) {
        lines.append(GeneratedLine(number: lines.count, text: text, keys: keys, needs: needs))
    }

    /// An instant in the time of the history.
    mutating func instant() -> Int64 {
        let instant = start + random.int(0...(9 * Milliseconds.day))
        return random.oneIn(2) ? instant - instant % Milliseconds.hour : instant
    }

    mutating func date() -> String {
        let distance = random.oneIn(8) ? random.pick([-500, -40, 30]) : random.int(-2...9)
        return LocalDate(dayNumber: Int32(start / Milliseconds.day + distance)).description
    }

    /// The name of some zone, from now on in use.
    mutating func zone() -> String {
        let zone = random.pick(FleetHistory.zones)
        zonesInUse.append(zone)
        return zone
    }

    func tariffs(for device: FleetMeter) -> [Tariff] { tariffs.filter { $0.unit.dimension == device.dimension } }

    // MARK: Devices

    private mutating func tell(_ device: FleetMeter) {
        if device.isRegistered {
            if !isLawful, random.oneIn(4) { tellReading(device, device.registers[0]) }
            register(device, isFirst: true)
        }
        if random.oneIn(2) { pay(device) }
        for (i, register) in device.registers.enumerated() {
            let isInterval = i == 0 ? device.countsIntervals : random.oneIn(4)
            if isInterval { tellIntervals(device, register) } else { tellRegister(device, register) }
            if !isLawful, random.oneIn(12) {
                if isInterval { tellRegister(device, register) } else { tellIntervals(device, register) }
            }
        }
        for _ in 0..<random.int(0...3) { pay(device) }
        guard device.isRegistered else { return }
        for _ in 0..<random.int(0...3) { redeclare(device) }
        for _ in 0..<random.int(0...3) { settlePush(device) }
    }

    /// Something else than a reading, between two readings.
    mutating func interrupt(_ device: FleetMeter) {
        switch random.int(0...11) {
        case 0, 1: pay(device)
        case 2, 3, 4: turnDay()
        case 5 where device.isRegistered, 6 where device.isRegistered: setRule(device)
        case 7 where device.isRegistered, 8 where device.isRegistered: redeclare(device)
        case 9, 10: settlePush(device)
        default: break
        }
    }

    private mutating func redeclare(_ device: FleetMeter) {
        let register = random.pick(device.registers)
        switch random.int(0...7) {
        case 0: self.register(device, isFirst: false)
        case 1, 2: assign(device)
        case 3: publish(random.pick(tariffs(for: device)))
        case 4: correctMultiplier(device, register)
        case 5: setRule(device)
        case 6: reset(device)
        default: exchange(device, register, at: instant(), around: random.int(0...2_000_000_000))
        }
    }

    private mutating func assign(_ device: FleetMeter) {
        let tariff = random.pick(tariffs(for: device)).name
        let from = date()
        add(
            "{\"event\":\"TariffAssigned\",\"device\":\(device.json),\"tariff\":\"\(tariff)\",\"from\":\"\(from)\"}",
            keys: ["assignment \(device.name) \(from)"],
            needs: [device.key, "tariff \(tariff)"]
        )
    }

    private mutating func correctMultiplier(_ device: FleetMeter, _ register: String) {
        var text = "{\"event\":\"MultiplierCorrected\",\"device\":\(device.json),\"register\":\"\(register)\","
        text += "\"multiplier\":\"\(random.pick(["1", "2.5", "0.333", "40"]))\",\"reason\":\"r\""
        if !device.correctsLatestSegment || random.oneIn(2) { text += ",\"at\":\(spelling.time(instant()))" }
        add(text + "}", keys: [device.multiplierKey], needs: [device.key])
    }

    private mutating func register(_ device: FleetMeter, isFirst: Bool) {
        var keys = [device.key]
        var needs: [String] = []
        let others: [Utility] = device.dimension == .energy ? [.electricity, .gas] : [.water, .gas]
        let utility = isFirst || !random.oneIn(8) ? device.utility : random.pick(others)
        var text = "{\"event\":\"DeviceRegistered\",\"device\":\(device.json),\"utility\":\"\(utility.name)\""
        let otherUnit = isFirst || !random.oneIn(8) ? nil : random.pick(device.units)
        if let unit = isFirst ? device.declaredUnit : otherUnit { text += ",\"unit\":\"\(unit.symbol)\"" }
        if let register = device.declaredRegister, isFirst { text += ",\"register\":\"\(register)\"" }
        if !isFirst, random.oneIn(6) { text += ",\"register\":\"\(device.registers.last ?? "")\"" }
        if random.oneIn(isFirst ? 2 : 3) { text += ",\"timezone\":\"\(zone())\"" }
        if random.oneIn(4) {
            text += ",\"multiplier\":\"\(random.pick(["1", "20", "0.5", "1.337", "1000000"]))\""
            keys.append(device.multiplierKey)
        }
        // 1000 in kWh or m3, whatever the unit is called.
        let unit = otherUnit ?? device.declaredUnit ?? device.dimension.shownUnit
        let scale = unit.milliDigits == 3 ? "000" : ""
        if random.oneIn(2) { text += ",\"modulus\":\"\(random.pick(["1000", "100"]))\(scale)\"" }
        if random.oneIn(3) { text += ",\"maxRate\":\"\(random.pick(["5", "60"]))\(scale)\"" }
        if random.oneIn(3) { text += ",\"gapAfter\":\"\(random.pick(["1h", "30m", "2d", "12h"]))\"" }
        if random.oneIn(4) { text += ",\"account\":\"flat \(random.int(1...3))\"" }
        let usable = tariffs(for: device)
        if !usable.isEmpty, isFirst ? !random.oneIn(4) : random.oneIn(3) {
            let tariff = random.pick(usable).name
            let from = random.oneIn(2) ? date() : nil
            text += ",\"tariff\":\"\(tariff)\""
            if let from { text += ",\"from\":\"\(from)\"" }
            keys.append("assignment \(device.name) \(from ?? "")")
            needs.append("tariff \(tariff)")
        }
        if random.oneIn(isFirst ? 2 : 4) { text += ",\"alerts\":\(alerts())" }
        add(text + "}", keys: keys, needs: needs)
    }

    /// Takes some of what is declared back to its default.
    private mutating func reset(_ device: FleetMeter) {
        var text = "{\"event\":\"DeviceRegistered\",\"device\":\(device.json),\"utility\":\"\(device.utility.name)\""
        let names = DeviceResets.fields.map(\.name).filter { _ in random.oneIn(3) }
        text += ",\"resets\":[\(names.map { "\"\($0)\"" }.joined(separator: ","))]"
        add(text + "}", keys: [device.key, device.multiplierKey], needs: [device.key])
    }

    // MARK: Money

    mutating func pay(_ device: FleetMeter) {
        references += 1
        let currency = random.oneIn(12) ? "JPY" : "EUR"
        let amount =
            isRound || currency == "JPY" ? "\(random.int(1...20))" : "\(random.int(0...99)).\(random.int(1...9))"
        let reference = "r\(random.oneIn(8) ? random.int(1...Int64(references)) : Int64(references))"
        let at = spelling.time(instant())
        let common = "\"device\":\(device.json),\"currency\":\"\(currency)\",\"reference\":\"\(reference)\",\"at\":"
        var copies = [at]
        if random.oneIn(4) { copies.append(spelling.time(instant())) }
        let kind = random.int(0...3)
        let sign = random.oneIn(2) ? "-" : ""
        let provider = random.oneIn(6) ? "q" : "p"
        for at in copies {
            let paid = "\(common)\(at),\"provider\":\"\(provider)\",\"amount\":\"\(amount)\""
            switch kind {
            case 0: add("{\"event\":\"TopUpRefunded\",\(paid),\"reason\":\"r\"}")
            case 1:
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
    /// Whether corrections of its multiplier may mean the latest segment known.
    let correctsLatestSegment: Bool

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
        correctsLatestSegment = random.oneIn(2)
    }

    var json: String { jsonText(name) }

    /// What declares the device.
    var key: String { "device \(name)" }

    /// What multiplies its counts: of several the last stands.
    var multiplierKey: String { "multiplier \(name)" }

    /// Units in which its values may be told.
    var units: [Unit] {
        dimension == .energy ? [.wattHour, .kilowattHour, .megawattHour] : [.litre, .cubicMetre]
    }
}
