import MeterModel

/// A line of a generated history, and what of its place in the order of arrival its meaning depends on.
struct GeneratedLine {
    enum Order: Hashable {
        /// None: a reading that names all it needs, or money.
        case free
        /// It keeps its place among declarations, exchanges and multipliers.
        case declaration
        /// It keeps its place among those of the same key.
        case ruling(String)
    }

    var text: String
    var order: Order
}

/// Spells values and times in one of the ways that mean the same.
struct Spelling {
    var random: TestRandom

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
        switch random.int(0...5) {
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
