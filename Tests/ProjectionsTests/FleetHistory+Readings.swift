import MeterModel

extension FleetHistory {
    private static let steps: [Int64] = [
        15 * Milliseconds.minute, Milliseconds.hour, Milliseconds.hour, 3 * Milliseconds.hour, 7 * Milliseconds.hour,
        13 * Milliseconds.hour, 26 * Milliseconds.hour, 47 * Milliseconds.hour, 49 * Milliseconds.hour,
        100 * Milliseconds.hour,
    ]

    // MARK: Register readings

    mutating func tellRegister(_ device: FleetMeter, _ register: String) {
        var value = random.int(0...1_200_000_000)
        if isRound { value -= value % 1_000_000 }
        var at = start + random.int(-20...20) * Milliseconds.hour + (random.oneIn(2) ? 0 : random.int(0...3_599_999))
        var told: [(at: Int64, value: Int64)] = []
        for _ in 0..<random.int(2...11) {
            at += random.oneIn(60) ? random.pick([401, 45]) * Milliseconds.day : random.pick(FleetHistory.steps)
            if random.oneIn(3) { at -= at % Milliseconds.hour }
            var shown = value
            switch random.int(0...13) {
            case 0: shown = value / 2
            case 1: shown = value + 400_000_000
            case 2:
                value = random.int(0...3) * 1_000_000
                shown = value
            case 3:
                value += random.int(0...400) * 1_000_000
                shown = value
            case 4: value = told.last?.value ?? value
            default:
                value += isRound ? random.int(0...8) * 1_000_000 : random.int(0...9_000_000)
                shown = value
            }
            // A dial of 1000.
            if random.oneIn(3) {
                value %= 1_000_000_000
                shown %= 1_000_000_000
            }
            told.append((at, shown))
            reading(device, register, at: at, shown)
            trouble(device, register, told)
            if random.oneIn(4) { interrupt(device) }
        }
        if random.oneIn(6), let last = told.last { void(device, register, at: last.at) }
    }

    /// One reading before anything else is known of the device.
    mutating func tellReading(_ device: FleetMeter, _ register: String) {
        reading(device, register, at: instant(), random.int(0...1_000_000_000))
    }

    private mutating func trouble(_ device: FleetMeter, _ register: String, _ told: [(at: Int64, value: Int64)]) {
        let chosen = random.oneIn(3) ? random.pick(told) : told[told.count - 1]
        switch random.int(0...15) {
        case 0, 1: reading(device, register, at: chosen.at, chosen.value)
        case 2: reading(device, register, at: chosen.at, chosen.value + random.pick([-1, 1, 500_000, 1_000_000]))
        case 3:
            correct(device, register, at: chosen.at, chosen.value + random.pick([0, 3_000_000, -2_000_000]))
        case 4: correct(device, register, at: chosen.at + 1_800_000, chosen.value)
        case 5: void(device, register, at: chosen.at)
        case 6 where device.isRegistered:
            exchange(device, register, at: chosen.at + random.pick([0, 0, 1, 3_600_000]), around: chosen.value)
        case 7 where random.oneIn(6):
            // Beyond 16 values those that came first count, so that what stands follows the order of arrival.
            for i in 0..<(isLawful ? 4 : 20) {
                reading(device, register, at: chosen.at, chosen.value + Int64(i) * 1_000_000)
            }
        default: break
        }
    }

    /// `,"register":…` where the line needs it, or happens to have it.
    private mutating func registerField(_ device: FleetMeter, _ register: String) -> String {
        let isBilled = register == device.declaredRegister ?? device.utility.defaultRegister
        if !isLawful, isBilled, !random.oneIn(3) { return "" }
        return ",\"register\":\"\(register)\""
    }

    /// A value in the unit declared or in one that the line names.
    private mutating func valueField(_ device: FleetMeter, _ name: String, _ milli: Int64) -> String {
        let declared = device.declaredUnit ?? device.utility.defaultUnit
        if !isLawful, !random.oneIn(3) {
            return ",\"\(name)\":\(spelling.value(milli, units: [declared]).value)"
        }
        let spelled = spelling.value(milli, units: device.units)
        return ",\"\(name)\":\(spelled.value),\"unit\":\"\(spelled.unit.symbol)\""
    }

    private mutating func reading(_ device: FleetMeter, _ register: String, at: Int64, _ value: Int64) {
        var text = "{\"device\":\(device.json)\(registerField(device, register)),\"readAt\":\(spelling.time(at))"
        text += valueField(device, "value", value)
        if random.oneIn(5) {
            text += ",\"quality\":\"\(random.pick(["verified", "measured", "edited", "estimated"]))\""
        }
        add(text + "}")
    }

    private mutating func correct(_ device: FleetMeter, _ register: String, at: Int64, _ value: Int64) {
        var text = "{\"event\":\"ReadingCorrected\",\"device\":\(device.json)\(registerField(device, register))"
        text += ",\"readAt\":\(spelling.time(at))\(valueField(device, "value", value)),\"reason\":\"r\"}"
        add(text, keys: ["ruling \(device.name)/\(register)/\(at)"])
    }

    private mutating func void(_ device: FleetMeter, _ register: String, at: Int64) {
        var text = "{\"event\":\"ReadingVoided\",\"device\":\(device.json)\(registerField(device, register))"
        text += ",\"readAt\":\(spelling.time(at)),\"reason\":\"r\"}"
        add(text, keys: ["ruling \(device.name)/\(register)/\(at)"])
    }

    mutating func exchange(_ device: FleetMeter, _ register: String, at: Int64, around value: Int64) {
        let unit = device.declaredUnit ?? device.utility.defaultUnit
        let final = spelling.value(value + random.pick([0, 0, 500_000, -1_000_000]), units: [unit]).value
        let initial = spelling.value(random.int(0...3) * 1_000_000, units: [unit]).value
        var text = "{\"event\":\"MeterExchanged\",\"device\":\(device.json)\(registerField(device, register)),\"at\":"
        text += "\(spelling.time(at)),\"finalValue\":\(final),\"initialValue\":\(initial),\"unit\":\"\(unit.symbol)\""
        var keys = ["exchange \(device.name)/\(register)/\(at)"]
        let multiplies = random.oneIn(3)
        if multiplies { text += ",\"multiplier\":\"\(random.pick(["2", "0.001", "1"]))\"" }
        if multiplies || device.correctsLatestSegment { keys.append(device.multiplierKey) }
        if random.oneIn(3) { text += ",\"modulus\":\"\(unit.milliDigits == 3 ? "100000" : "100")\"" }
        add(text + "}", keys: keys, needs: [device.key])
    }

    // MARK: Interval readings

    mutating func tellIntervals(_ device: FleetMeter, _ register: String) {
        var at = start + random.int(-20...20) * Milliseconds.hour
        var told: [(start: Int64, end: Int64, value: Int64)] = []
        for _ in 0..<random.int(2...9) {
            let end = at + random.pick(FleetHistory.steps)
            let amount = isRound ? random.int(0...8) * 1_000_000 : random.int(0...9_000_000)
            told.append((at, end, amount))
            interval(device, register, at, end, amount)
            let chosen = random.oneIn(3) ? random.pick(told) : told[told.count - 1]
            switch random.int(0...11) {
            case 0: interval(device, register, chosen.start, chosen.end, chosen.value)
            case 1: interval(device, register, chosen.start, chosen.end, chosen.value + 1_000_000)
            case 2: interval(device, register, chosen.start, chosen.end - 600_000, 2_000_000)
            case 3: interval(device, register, chosen.start + 300_000, chosen.end + 600_000, 3_000_000)
            case 4: interval(device, register, chosen.start - 7_200_000, chosen.start, 1_000_000)
            case 5: correct(device, register, at: chosen.end, 1_000_000)
            case 6 where device.isRegistered: exchange(device, register, at: chosen.start, around: 5_000_000)
            case 7 where random.oneIn(3):
                interval(device, register, chosen.start, chosen.end, 900_000_000_000_000)
                interval(device, register, chosen.start, chosen.end, 2_000_000)
            default: break
            }
            if random.oneIn(4) { interrupt(device) }
            at = random.oneIn(5) ? end + random.pick(FleetHistory.steps) : end
        }
    }

    private mutating func interval(
        _ device: FleetMeter,
        _ register: String,
        _ from: Int64,
        _ to: Int64,
        _ amount: Int64
    ) {
        var text = "{\"device\":\(device.json)\(registerField(device, register)),\"kind\":\"interval\",\"start\":"
        text += "\(spelling.time(from)),\"end\":\(spelling.time(to))\(valueField(device, "value", amount))"
        if random.oneIn(5) { text += ",\"quality\":\"\(random.pick(["verified", "estimated"]))\"" }
        add(text + "}")
    }
}
