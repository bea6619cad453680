import MeterModel
import TimeZones

extension FleetHistory {
    private static let ruleNames = ["low", "zero", "ä", "a low one", "Low"]

    // MARK: Rules

    /// The rules of a declaration: each name once.
    mutating func alerts() -> String {
        let names = FleetHistory.ruleNames.shuffled(using: &random).prefix(Int(random.int(0...3)))
        return "[\(names.map { "{\(rule($0))}" }.joined(separator: ","))]"
    }

    mutating func setRule(_ device: FleetMeter) {
        let name = random.pick(FleetHistory.ruleNames)
        let isRemoved = name != "zero" && random.oneIn(3)
        let fields = isRemoved ? "\"rule\":\(jsonText(name)),\"remove\":true" : rule(name)
        add("{\"event\":\"AlertRuleSet\",\"device\":\(device.json),\(fields)}", needs: [device.key])
    }

    private mutating func rule(_ name: String) -> String {
        var text = "\"rule\":\(jsonText(name))"
        var level: Int64 = 0
        if name != "zero" {
            level = random.pick([0, 5000, 5000, -3500, random.int(-60...60) * 1000])
            text += ",\"level\":\(decimalText(Int128(level), fractionDigits: 3))"
        } else if random.oneIn(2) {
            text += ",\"level\":\"0\""
        }
        if random.oneIn(2) {
            level += random.pick([0, 1, 5000, 12_500, 100_000])
            text += ",\"rearm\":\"\(decimalText(Int128(level), fractionDigits: 3))\""
        }
        if random.oneIn(2) { text += ",\"cleared\":\(random.oneIn(3) ? "false" : "true")" }
        if random.oneIn(4) { text += ",\"staleAfter\":\"\(random.pick(["1h", "24h", "7d"]))\"" }
        if random.oneIn(2) {
            let ladder = random.pick([
                #"["1h"]"#, #"["1h","1d"]"#, #"["30m","6h","2d"]"#, #"["1d","3d","7d"]"#, #"["1s"]"#, "[]",
            ])
            text += ",\"reminders\":\(ladder)"
        }
        return text
    }

    // MARK: Days

    /// Days turn in some zone: at midnights mostly, in order, late or once more.
    mutating func turnDay() {
        let name = random.oneIn(5) ? random.pick(FleetHistory.zones) : random.pick(zonesInUse)
        guard let zone = testZones.rules(of: name) else { return }
        let first = zone.day(at: start) + Int(random.int(-2...9))
        for day in first..<(first + Int(random.int(1...3))) {
            let at = random.oneIn(6) ? instant() : zone.start(ofDay: day)
            add("{\"event\":\"DayTurned\",\"timezone\":\"\(name)\",\"at\":\(spelling.time(at))}")
        }
    }

    // MARK: Pushes

    /// Something became of a push, requested or not.
    mutating func settlePush(_ device: FleetMeter) {
        let kind = random.pick(["crossed", "crossed", "crossed", "crossed", "cleared", "reminder-1", "reminder-2"])
        let rule = random.oneIn(3) ? random.pick(FleetHistory.ruleNames) : "zero"
        let job = jsonText("\(device.name)/\(rule)/\(random.int(1...2))/\(kind)")
        for _ in 0..<random.int(1...2) {
            let outcome = random.pick(["Delivered", "Failed", "Superseded", "Stale", "Died"])
            var text = "{\"event\":\"Push\(outcome)\",\"job\":\(job),\"at\":\(spelling.time(instant()))"
            if random.oneIn(2) { text += ",\"response\":\"\(random.pick(["ok", "503"]))\"" }
            add(text + "}")
        }
    }
}
