import MeterModel

/// A line of a generated history, and what of its place in the order of arrival its meaning depends on.
struct GeneratedLine {
    /// Tells lines of the same text apart; copies of a line share it.
    var number: Int
    var text: String
    /// Among lines with a key in common the order of telling is kept.
    var keys: [String] = []
    /// The line comes after the first that has such a key.
    var needs: [String] = []

    /// Lines in an order much like that of `wished`, but for what the order of `told` settles.
    ///
    /// `wished` holds every line of `told`, some of those without keys more than once.
    static func settled(_ wished: [GeneratedLine], as told: [GeneratedLine]) -> [GeneratedLine] {
        var latest: [String: Int] = [:]
        var first: [String: Int] = [:]
        var after: [Int: Set<Int>] = [:]
        for line in told {
            after[line.number] = Set(line.keys.compactMap { latest[$0] } + line.needs.compactMap { first[$0] })
            for key in line.keys {
                latest[key] = line.number
                if first[key] == nil { first[key] = line.number }
            }
        }
        var settled: [GeneratedLine] = []
        var waiting: [GeneratedLine] = []
        var arrived: Set<Int> = []
        for line in wished {
            waiting.append(line)
            while let next = waiting.firstIndex(where: { after[$0.number]?.isSubset(of: arrived) ?? true }) {
                arrived.insert(waiting[next].number)
                settled.append(waiting.remove(at: next))
            }
        }
        precondition(waiting.isEmpty, "a line waits for none but those before it")
        return settled
    }
}

/// Spells values and times in one of the ways that mean the same.
struct Spelling {
    var random: TestRandom
    /// Every instant that was spelled.
    private(set) var instants: [Int64] = []

    init(seed: UInt64) { random = TestRandom(seed: seed) }

    /// A quantity in thousandths of the base unit, with its unit unless `units` has but one.
    mutating func value(_ milli: Int64, units: [Unit]) -> (value: String, unit: Unit) {
        var unit = random.pick(units)
        // Finer than the unit's six digits it can only be told in a smaller one.
        if unit == .megawattHour, milli % 1000 != 0 { unit = .kilowattHour }
        var text = decimalText(Int128(milli), fractionDigits: unit.milliDigits)
        switch random.int(0...7) {
        case 0 where text.contains("."): text += "00"
        case 1: text = "\(milli)e-\(unit.milliDigits)"
        default: break
        }
        return (random.oneIn(3) && !text.hasPrefix("0") ? text : "\"\(text)\"", unit)
    }

    mutating func time(_ milliseconds: Int64) -> String {
        instants.append(milliseconds)
        return switch random.int(0...5) {
        case 0 where milliseconds % 1000 == 0: "\(milliseconds / 1000)"
        case 1: "\(milliseconds)"
        case 2: "\(milliseconds * 1000 + random.int(0...999))"
        case 3:
            "\"\(Instant(milliseconds: milliseconds).rfc3339(offsetSeconds: random.pick([3600, -10_800, 19_800])))\""
        default: "\"\(Instant(milliseconds: milliseconds).rfc3339)\""
        }
    }
}

/// Escapes a name for JSON.
func jsonText(_ text: String) -> String {
    "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
}
