import Billing
import MeterModel

extension DeviceFold {
    /// Writes what is folded of the device, its series apart.
    func write(to out: SnapshotWriter) throws(SnapshotFault) {
        guard !isQueued, dirtyDays == nil, !ledgerIsWhollyDirty else {
            throw SnapshotFault("rows of device \(name) are still to be written")
        }
        declaration.write(to: out)
        out.varint(multiplierPosition)
        out.varint(billingSeries.map { UInt64($0) + 1 } ?? 0)
        out.word(zone.name)
        out.count(assignments.count)
        for assignment in assignments {
            out.optional(assignment.from, out.date)
            out.word(assignment.tariff)
        }
        out.optional(currency) { out.word($0.code) }
        money.write(to: out)
        // Before anything was assigned it is the one that all have.
        out.flag(schedule === RateSchedule.none)
        charges.write(to: out)
        try alerts.write(to: out)
        out.flag(mayHaveLedger)
    }

    /// Takes in what `write` wrote.
    ///
    /// `fold`: has its tariffs and all series already.
    func read(from reader: SnapshotReader, in fold: Fold) throws(SnapshotFault) {
        declaration = try DeviceDeclaration(from: reader, in: &fold.declarations)
        multiplierPosition = try reader.varint()
        billingSeries = nil
        let billed = try reader.index(below: fold.series.count + 1)
        if billed > 0 {
            guard fold.owners[billed - 1] === self else { throw reader.malformed("another device's series") }
            billingSeries = UInt32(billed - 1)
        }
        let zoneName = try reader.word()
        guard let zone = fold.zones.rules(of: zoneName) else { throw reader.malformed("the zone \(zoneName)") }
        self.zone = zone
        for _ in 0..<(try reader.count()) {
            let from = try reader.optional(reader.date)
            assign(try reader.word(), from: from)
        }
        currency = try reader.optional(reader.currency)
        money = try MoneyBook(from: reader)
        let schedule = try reader.flag() ? RateSchedule.none : fold.schedule(of: self, in: zone)
        charges = try DeviceCharges(from: reader, schedule)
        alerts = try AlertBook(from: reader, device: index)
        mayHaveLedger = try reader.flag()
    }
}

extension DeviceDeclaration {
    fileprivate func write(to out: SnapshotWriter) {
        let terms = terms
        out.byte(terms.utility?.rawValue ?? 0)
        out.byte(terms.declaredUnit?.rawValue ?? 0)
        out.byte(terms.dimension?.rawValue ?? 0)
        out.optional(terms.declaredRegister?.text, out.word)
        out.optional(terms.firstRegister?.text, out.word)
        out.optional(terms.timezone?.text, out.word)
        out.optional(terms.multiplier, out.decimal)
        out.optional(terms.modulusMilli, out.zigzag)
        out.optional(terms.maxRateMilli, out.zigzag)
        out.optional(terms.gapAfterMilliseconds, out.zigzag)
        out.optional(account, out.text)
    }

    fileprivate init(from reader: SnapshotReader, in pool: inout DeclarationPool) throws(SnapshotFault) {
        var terms = DeviceTerms()
        terms.utility = try reader.raw(Utility.self)
        terms.declaredUnit = try reader.raw(Unit.self)
        terms.dimension = try reader.raw(Dimension.self)
        terms.declaredRegister = try reader.optional(reader.word).map { ByteName($0) }
        terms.firstRegister = try reader.optional(reader.word).map { ByteName($0) }
        terms.timezone = try reader.optional(reader.word).map { ByteName($0) }
        terms.multiplier = try reader.optional(reader.decimal)
        terms.modulusMilli = try reader.optional(reader.zigzag)
        terms.maxRateMilli = try reader.optional(reader.zigzag)
        terms.gapAfterMilliseconds = try reader.optional(reader.zigzag)
        self.init(terms, account: try reader.optional(reader.text), in: &pool)
    }
}

extension DeviceCharges {
    fileprivate func write(to out: SnapshotWriter) {
        out.money(narrow)
        out.count(wide.count)
        let ordered = wide.sorted { a, b in
            (a.key.start, a.key.end, a.key.quantity) < (b.key.start, b.key.end, b.key.quantity)
        }
        for (interval, bounds) in ordered {
            out.zigzag(interval.start)
            out.zigzag(interval.end)
            out.zigzag(interval.quantity)
            out.money(bounds.low)
            out.money(bounds.high)
        }
        out.count(tiers.pieces.count)
        for piece in tiers.pieces {
            out.zigzag(piece.start)
            out.zigzag(piece.end)
            out.zigzag(Int64(piece.month))
            out.count(piece.window)
            out.number(piece.quantity)
            out.number(piece.cost)
        }
        out.optional(standingDays) { days in
            out.zigzag(Int64(days.lowerBound))
            out.zigzag(Int64(days.upperBound))
        }
    }

    /// Days that standing charges may be due for: those of years 1 to 9999, and some more.
    private static let days = -1_000_000...4_000_000

    fileprivate init(from reader: SnapshotReader, _ schedule: RateSchedule) throws(SnapshotFault) {
        let narrow = try reader.money()
        var wide: [MeteredInterval: ChargeBounds] = [:]
        for _ in 0..<(try reader.count()) {
            let (start, end, quantity) = (try reader.zigzag(), try reader.zigzag(), try reader.zigzag())
            let (low, high) = (try reader.money(), try reader.money())
            wide[MeteredInterval(start: start, end: end, quantity: quantity)] = ChargeBounds(low: low, high: high)
        }
        var pieces: ContiguousArray<TierCounts.Piece> = []
        for _ in 0..<(try reader.count()) {
            let (start, end) = (try reader.zigzag(), try reader.zigzag())
            guard let month = Int32(exactly: try reader.zigzag()) else { throw reader.malformed("a month") }
            let window = try reader.index(below: schedule.windows.count)
            let (quantity, cost) = (try reader.number(), try reader.number())
            pieces.append(
                TierCounts.Piece(start: start, end: end, month: month, window: window, quantity: quantity, cost: cost)
            )
        }
        guard let tiers = TierCounts(pieces, schedule) else { throw reader.malformed("tiers of another schedule") }
        self.init(schedule, narrow: narrow, wide: wide, tiers: tiers)
        if try reader.flag() {
            let (first, last) = (Int(try reader.zigzag()), Int(try reader.zigzag()))
            guard first <= last, DeviceCharges.days.contains(first), DeviceCharges.days.contains(last) else {
                throw reader.malformed("days of a standing charge")
            }
            setStandingDays(first...last)
        }
    }
}
