/// Reads `TariffPublished`'s versions (section 5).
///
/// What breaks a rule of section 5 is `tariff-invalid`.
struct TariffReader {
    private(set) var faults = Faults()

    /// Section 5: "prices from 0 to 100 000 with at most 6 fraction digits".
    private static let priceRange: ClosedRange<Int128> = 0...(100_000 * 1_000_000)

    mutating func versions(_ json: JSON?) -> [TariffVersion] {
        let versions = objects(json).compactMap { version($0) }
        // "A tariff has versions `[from, next from)` by local date, ascending."
        let isAscending = zip(versions, versions.dropFirst()).allSatisfy { $0.from < $1.from }
        if versions.isEmpty || !isAscending { faults.add(.tariffInvalid) }
        return versions
    }

    /// The objects of a list.
    private mutating func objects(_ json: JSON?) -> [Fields] {
        guard case .array(let items)? = json else {
            faults.add(.tariffInvalid)
            return []
        }
        return items.compactMap { item in
            if case .object(let members) = item { return Fields(members) }
            faults.add(.tariffInvalid)
            return nil
        }
    }

    private mutating func version(_ fields: Fields) -> TariffVersion? {
        open(fields, ["from", "default", "periods", "tiers", "standingCharge", "tax"], required: ["from", "default"])
        var periods: [Period] = []
        if fields.has("periods") { periods = objects(fields["periods"]).compactMap { period($0) } }
        // The names of the periods are those of the ledger's lines; `default` is one of them.
        let names = Set(periods.map(\.name) + [TariffVersion.defaultName])
        if names.count != periods.count + 1 { faults.add(.tariffInvalid) }
        let tiers = fields.has("tiers") ? tiers(fields["tiers"]) : nil
        let standingCharge = fields.has("standingCharge") ? price(fields, "standingCharge") : 0
        // "Percent, 0 to 100"; "at most 2 fraction digits".
        let taxRate = fields.has("tax") ? number(fields, "tax", places: 2, in: 0...10_000) : 0
        guard let from = date(fields, "from"), let defaultPrice = price(fields, "default"), let standingCharge,
            let taxRate
        else { return nil }
        return TariffVersion(
            from: from,
            defaultPrice: defaultPrice,
            periods: periods,
            tiers: tiers,
            standingCharge: standingCharge,
            taxRate: taxRate
        )
    }

    private mutating func period(_ fields: Fields) -> Period? {
        open(fields, ["name", "price", "windows"], required: ["name", "price", "windows"])
        let windows = fields.has("windows") ? objects(fields["windows"]).compactMap { window($0) } : []
        guard let name = text(fields, "name"), let price = price(fields, "price") else { return nil }
        if !name.isName { faults.add(.tariffInvalid) }
        return Period(name: name, price: price, windows: windows)
    }

    private mutating func window(_ fields: Fields) -> Window? {
        open(fields, ["days", "from", "to"], required: ["from", "to"])
        let days = fields.has("days") ? text(fields, "days").flatMap(weekdays) : Set(0..<7)
        let from = text(fields, "from").flatMap(clockTime)
        let to = text(fields, "to").flatMap(clockTime)
        guard let days, let from, let to, from < day else {
            faults.add(.tariffInvalid)
            return nil
        }
        return Window(days: days, from: from, to: to)
    }

    /// `mon-fri` or `sat,sun`.
    private func weekdays(_ text: Text) -> Set<Int>? {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        var days: Set<Int> = []
        for item in text.string.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = item.split(separator: "-", omittingEmptySubsequences: false)
                .map { names.firstIndex(of: String($0)) }
            guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil else { return nil }
            days.formUnion((first...(last >= first ? last : last + 7)).map { $0 % 7 })
        }
        return days
    }

    /// `HH:MM`; `24:00` is allowed.
    private func clockTime(_ text: Text) -> Int64? {
        var digits = Digits(text.bytes)
        guard let hours = digits.number(2), digits.take(":"), let minutes = digits.number(2), digits.isAtEnd,
            minutes < 60, hours * 60 + minutes <= 24 * 60
        else { return nil }
        return hours * hour + minutes * minute
    }

    private mutating func tiers(_ json: JSON?) -> Tiers? {
        guard case .object(let members)? = json else {
            faults.add(.tariffInvalid)
            return nil
        }
        let fields = Fields(members)
        open(fields, ["period", "steps"], required: ["period", "steps"])
        let steps = fields.has("steps") ? objects(fields["steps"]).compactMap { step($0) } : []
        let bounds = steps.dropLast().map(\.upTo)
        // "Upper bounds"; "the last step alone has none".
        let isAscending = zip([0] + bounds, bounds).allSatisfy { lower, upper in (lower ?? 0) < (upper ?? 0) }
        guard let period = text(fields, "period").flatMap({ TierPeriod(rawValue: $0.string) }), let last = steps.last,
            last.upTo == nil, isAscending
        else {
            faults.add(.tariffInvalid)
            return nil
        }
        return Tiers(period: period, steps: steps)
    }

    private mutating func step(_ fields: Fields) -> Tiers.Step? {
        open(fields, ["upTo", "add"], required: ["add"])
        let upTo = fields.has("upTo") ? number(fields, "upTo", places: 6, in: 0...powerOfTen(24)) : nil
        guard let add = price(fields, "add") else { return nil }
        return Tiers.Step(upTo: upTo, add: add)
    }

    private mutating func open(_ fields: Fields, _ allowed: [Text], required: [Text]) {
        var fields = fields
        fields.allow(allowed)
        required.forEach { fields.require($0) }
        if let fault = fields.faults.first { faults.add(fault) }
    }

    private mutating func price(_ fields: Fields, _ name: Text) -> Int128? {
        number(fields, name, places: 6, in: TariffReader.priceRange)
    }

    private mutating func number(_ fields: Fields, _ name: Text, places: Int, in range: ClosedRange<Int128>) -> Int128?
    {
        read(fields) { $0.count(name, places: places, in: range) }
    }

    private mutating func text(_ fields: Fields, _ name: Text) -> Text? {
        read(fields) { $0.text(name) }
    }

    private mutating func date(_ fields: Fields, _ name: Text) -> LocalDate? {
        read(fields) { $0.date(name) }
    }

    private mutating func read<Value>(_ fields: Fields, _ read: (inout Fields) -> Value?) -> Value? {
        var fields = fields
        let value = read(&fields)
        if fields.faults.first != nil { faults.add(.tariffInvalid) }
        return value
    }
}
