import MeterModel

extension FleetHistory {
    struct Tariff {
        var name: String
        var unit: Unit
        var currency: String
    }

    mutating func makeTariffs(_ devices: [FleetMeter]) {
        for dimension in [Dimension.energy, .volume] where devices.contains(where: { $0.dimension == dimension }) {
            for i in 0..<random.int(1...2) {
                tariffs.append(
                    Tariff(
                        name: "t-\(dimension.shownUnit.symbol)-\(i)",
                        unit: dimension.shownUnit,
                        currency: random.oneIn(8) ? "JPY" : "EUR"
                    )
                )
            }
        }
        for tariff in tariffs { publish(tariff) }
    }

    /// Publishes a tariff, or publishes it anew: versions past, present and to come.
    mutating func publish(_ tariff: Tariff) {
        var day = start / Milliseconds.day
        day += random.oneIn(6) ? random.pick([-450, -35, 20]) : random.int(-3...4)
        var versions: [String] = []
        for _ in 0..<random.int(1...3) {
            versions.append(version(from: LocalDate(dayNumber: Int32(day))))
            day += random.oneIn(6) ? random.pick([28, 366]) : random.int(1...4)
        }
        var text = "{\"event\":\"TariffPublished\",\"tariff\":\"\(tariff.name)\",\"unit\":\"\(tariff.unit.symbol)\","
        text += "\"currency\":\"\(tariff.currency)\","
        if random.oneIn(2) { text += "\"timezone\":\"\(zone())\"," }
        add(text + "\"versions\":[\(versions.joined(separator: ","))]}", keys: ["tariff \(tariff.name)"])
    }

    private mutating func version(from day: LocalDate) -> String {
        var text = "{\"from\":\"\(day)\",\"default\":\"\(price())\""
        guard !isFlat else { return text + "}" }
        if random.oneIn(2) { text += ",\"periods\":[\(periods().joined(separator: ","))]" }
        if random.oneIn(2) { text += ",\"tiers\":\(tiers())" }
        if random.oneIn(2) {
            text += ",\"standingCharge\":\"\(random.pick(isRound ? ["1", "3"] : ["0.1", "1.234567", "3", "0"]))\""
        }
        if random.oneIn(2) { text += ",\"tax\":\"\(random.pick(isRound ? ["100", "0"] : ["13", "0.25", "7.5"]))\"" }
        return text + "}"
    }

    private mutating func price() -> String {
        if random.oneIn(40) { return "100000" }
        return random.pick(isRound ? ["1", "0.5", "2"] : ["0", "0.3", "0.123456", "12.5", "1e-6"])
    }

    private mutating func periods() -> [String] {
        var names = ["peak", "night", "nä"].shuffled(using: &random)
        names.removeLast(Int(random.int(0...2)))
        return names.map { name in
            let windows = (0..<random.int(1...2)).map { _ in window() }
            return "{\"name\":\"\(name)\",\"price\":\"\(price())\",\"windows\":[\(windows.joined(separator: ","))]}"
        }
    }

    /// A weekly window; many begin or end in the hours in which clocks change.
    private mutating func window() -> String {
        let times = [
            "00:00", "00:30", "01:00", "01:30", "01:45", "02:00", "02:15", "02:30", "03:00", "03:30", "06:00", "12:00",
            "21:17", "22:00", "23:00", "23:30",
        ]
        var text = "{"
        if random.oneIn(2) {
            text += "\"days\":\"\(random.pick(["mon-fri", "sat,sun", "sun", "fri-mon", "tue,thu-sat", "mon-sun"]))\","
        }
        return text + "\"from\":\"\(random.pick(times))\",\"to\":\"\(random.pick(times + ["24:00"]))\"}"
    }

    private mutating func tiers() -> String {
        var bound: Int64 = 0
        var steps: [String] = []
        for _ in 0..<random.int(0...2) {
            bound += isRound ? random.int(1...12) * 1_000_000 : random.int(1...20_000_000)
            let upTo = decimalText(Int128(bound), fractionDigits: 6)
            steps.append("{\"upTo\":\"\(upTo)\",\"add\":\"\(added())\"}")
        }
        steps.append("{\"add\":\"\(added())\"}")
        let period = random.pick(["month", "year"])
        return "{\"period\":\"\(period)\",\"steps\":[\(steps.joined(separator: ","))]}"
    }

    private mutating func added() -> String {
        random.pick(isRound ? ["0", "1", "2"] : ["0", "0.1", "0.333333", "7"])
    }
}
