import MeterModel

/// Tariffs (semantics, section 5). What a version may not say is `tariff-invalid`.
enum TariffFields {
    static let maximumVersionCount = 1000
    static let maximumPeriodCount = 100
    static let maximumWindowCount = 100
    static let maximumStepCount = 100

    static func published(_ fields: JSONFields) throws(Refusal) -> TariffPublished {
        try EventFields.check(fields, required: ["tariff", "unit", "currency", "versions"], optional: ["timezone"])
        let elements = try fields.list("versions", .tariffInvalid)
        try checkFields(elements)
        let tariff = try fields.name("tariff")
        let timezone = try fields.optionalName("timezone")
        guard let unit = try fields.unit(.tariffInvalid), unit == .kilowattHour || unit == .cubicMetre else {
            throw Refusal(.tariffInvalid, "unit: a tariff prices kWh or m3")
        }
        let currency = try fields.word("currency", .tariffInvalid) { Currency($0) }
        guard !elements.isEmpty else { throw Refusal(.tariffInvalid, "versions: there must be at least one") }
        guard elements.count <= maximumVersionCount else {
            throw Refusal(.tariffInvalid, "versions: more than \(maximumVersionCount)")
        }
        var versions: [TariffVersion] = []
        for (index, element) in elements.enumerated() {
            let version = try version(JSONFields(element, path: "versions[\(index)]", else: .tariffInvalid))
            if let last = versions.last, version.from <= last.from {
                throw Refusal(.tariffInvalid, "versions[\(index)].from \(version.from) is not after \(last.from)")
            }
            versions.append(version)
        }
        return TariffPublished(
            tariff: tariff,
            unit: unit,
            currency: currency,
            timezone: timezone,
            versions: versions
        )
    }

    /// Unknown and missing fields come before all faults of value, wherever they stand.
    private static func checkFields(_ versions: [JSONValue]) throws(Refusal) {
        for (index, element) in versions.enumerated() {
            let version = try JSONFields(element, path: "versions[\(index)]", else: .tariffInvalid)
            try version.check(required: ["from", "default"], optional: ["periods", "tiers", "standingCharge", "tax"])
            for (place, period) in try objects(version, "periods") {
                let period = try JSONFields(period, path: place, else: .tariffInvalid)
                try period.check(required: ["name", "price", "windows"], optional: [])
                for (place, window) in try objects(period, "windows") {
                    try JSONFields(window, path: place, else: .tariffInvalid)
                        .check(required: ["from", "to"], optional: ["days"])
                }
            }
            guard let tiers = version["tiers"] else { continue }
            let fields = try JSONFields(tiers, path: version.place("tiers"), else: .tariffInvalid)
            try fields.check(required: ["period", "steps"], optional: [])
            for (place, step) in try objects(fields, "steps") {
                try JSONFields(step, path: place, else: .tariffInvalid).check(required: ["add"], optional: ["upTo"])
            }
        }
    }

    /// The elements of a list that may be left out, each with its place.
    private static func objects(_ fields: JSONFields, _ name: String) throws(Refusal) -> [(String, JSONValue)] {
        guard fields.has(name) else { return [] }
        return try fields.list(name, .tariffInvalid).enumerated()
            .map { ("\(fields.place(name))[\($0.offset)]", $0.element) }
    }

    private static func version(_ fields: JSONFields) throws(Refusal) -> TariffVersion {
        let fromText = try fields.text("from", .tariffInvalid)
        guard let from = LocalDate(fromText) else {
            throw Refusal(.tariffInvalid, "\(fields.place("from")): \"\(fromText.prefix(40))\" is no date YYYY-MM-DD")
        }
        var version = TariffVersion(from: from, defaultPrice: try price(fields, "default"))
        let periods = try objects(fields, "periods")
        guard periods.count <= maximumPeriodCount else {
            throw Refusal(.tariffInvalid, "\(fields.place("periods")): more than \(maximumPeriodCount)")
        }
        var names: Set<[UInt8]> = [Array("default".utf8)]
        for (place, element) in periods {
            let period = try period(JSONFields(element, path: place, else: .tariffInvalid))
            guard names.insert(Array(period.name.utf8)).inserted else {
                throw Refusal(.tariffInvalid, "\(place).name: another period is called \(period.name)")
            }
            version.periods.append(period)
        }
        if let tiers = fields["tiers"] {
            version.tiers = try self.tiers(JSONFields(tiers, path: fields.place("tiers"), else: .tariffInvalid))
        }
        if fields.has("standingCharge") { version.standingCharge = try price(fields, "standingCharge") }
        if fields.has("tax") {
            version.tax = try decimal(fields, "tax", maximum: 100, maximumFractionDigits: 2)
        }
        return version
    }

    private static func period(_ fields: JSONFields) throws(Refusal) -> TariffPeriod {
        let name = try fields.text("name", .tariffInvalid)
        guard Name.isValid(name) else {
            throw Refusal(.tariffInvalid, "\(fields.place("name")): 1 to 128 bytes and no control characters")
        }
        let windows = try objects(fields, "windows")
        guard (1...maximumWindowCount).contains(windows.count) else {
            throw Refusal(.tariffInvalid, "\(fields.place("windows")): from 1 to \(maximumWindowCount) windows")
        }
        var period = TariffPeriod(name: name, price: try price(fields, "price"), windows: [])
        for (place, element) in windows {
            period.windows.append(try window(JSONFields(element, path: place, else: .tariffInvalid)))
        }
        return period
    }

    private static func window(_ fields: JSONFields) throws(Refusal) -> TariffWindow {
        var weekdays: UInt8 = 0x7F
        if fields.has("days") {
            let text = try fields.text("days", .tariffInvalid)
            guard let days = TariffWords.weekdays(text) else {
                throw Refusal(
                    .tariffInvalid,
                    "\(fields.place("days")): \"\(text.prefix(40))\" is not like mon-fri or sat,sun"
                )
            }
            weekdays = days
        }
        let from = try minute(fields, "from")
        guard from < 1440 else { throw Refusal(.tariffInvalid, "\(fields.place("from")): no window begins at 24:00") }
        return TariffWindow(weekdays: weekdays, fromMinute: from, toMinute: try minute(fields, "to"))
    }

    private static func minute(_ fields: JSONFields, _ name: String) throws(Refusal) -> Int {
        let text = try fields.text(name, .tariffInvalid)
        guard let minute = TariffWords.minuteOfDay(text) else {
            throw Refusal(.tariffInvalid, "\(fields.place(name)): \"\(text.prefix(40))\" is no time HH:MM")
        }
        return minute
    }

    private static func tiers(_ fields: JSONFields) throws(Refusal) -> TariffTiers {
        let period = try fields.word("period", .tariffInvalid) { (word: String) -> TariffTiers.Period? in
            switch word {
            case "month": .month
            case "year": .year
            default: nil
            }
        }
        let elements = try objects(fields, "steps")
        guard (1...maximumStepCount).contains(elements.count) else {
            throw Refusal(.tariffInvalid, "\(fields.place("steps")): from 1 to \(maximumStepCount) steps")
        }
        var tiers = TariffTiers(period: period, steps: [])
        for (index, (place, element)) in elements.enumerated() {
            let step = try JSONFields(element, path: place, else: .tariffInvalid)
            let isLast = index == elements.count - 1
            guard step.has("upTo") != isLast else {
                throw Refusal(.tariffInvalid, "\(place).upTo: all steps but the last have an upper bound")
            }
            var upTo: ExactDecimal?
            if !isLast {
                let bound = try decimal(step, "upTo", maximum: 1_000_000_000_000, maximumFractionDigits: 6)
                guard bound > tiers.steps.last?.upTo ?? .zero else {
                    throw Refusal(.tariffInvalid, "\(place).upTo \(bound) is not above the bound before it")
                }
                upTo = bound
            }
            tiers.steps.append(TariffTiers.Step(upTo: upTo, add: try price(step, "add")))
        }
        return tiers
    }

    private static func price(_ fields: JSONFields, _ name: String) throws(Refusal) -> ExactDecimal {
        try decimal(fields, name, maximum: 100_000, maximumFractionDigits: 6)
    }

    private static func decimal(
        _ fields: JSONFields,
        _ name: String,
        maximum: Int128,
        maximumFractionDigits: Int
    ) throws(Refusal) -> ExactDecimal {
        let value = try fields.decimal(name, .tariffInvalid)
        guard value >= .zero, value <= ExactDecimal(maximum) else {
            throw Refusal(.tariffInvalid, "\(fields.place(name)) \(value) lies outside 0 to \(maximum)")
        }
        guard value.fractionDigits <= maximumFractionDigits else {
            throw Refusal(
                .tariffInvalid,
                "\(fields.place(name)) \(value) has more than \(maximumFractionDigits) fraction digits"
            )
        }
        return value
    }
}

/// The small languages within a tariff's windows.
enum TariffWords {
    private static let dayNames = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

    /// `mon-fri`, `sat,sun`, `fri-mon`: bit 0 is Monday. Nil where the text is no such list.
    static func weekdays(_ text: String) -> UInt8? {
        var mask: UInt8 = 0
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false)
            guard (1...2).contains(ends.count), let first = day(ends[0]), let last = day(ends[ends.count - 1]) else {
                return nil
            }
            var current = first
            mask |= 1 << current
            while current != last {
                current = (current + 1) % 7
                mask |= 1 << current
            }
        }
        return mask
    }

    private static func day(_ text: Substring) -> Int? {
        dayNames.firstIndex(of: String(text.drop { $0 == " " }))
    }

    /// `HH:MM` up to `24:00`, as minutes.
    static func minuteOfDay(_ text: String) -> Int? {
        var text = text
        return text.withUTF8 { bytes -> Int? in
            guard let base = bytes.baseAddress, bytes.count == 5, bytes[2] == 0x3A else { return nil }
            let hour = InstantScanner.twoDigits(base, 0)
            let minute = InstantScanner.twoDigits(base, 3)
            guard minute < 60, hour < 24 || (hour == 24 && minute == 0) else { return nil }
            return Int(hour * 60 + minute)
        }
    }
}
