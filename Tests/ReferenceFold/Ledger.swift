/// One line of a ledger (section 10): one a day, kind and period.
struct LedgerLine: Sendable {
    let date: LocalDate
    let kind: String
    let period: Text?
    var quantity: Int128?
    let price: Int128?
    /// Signed, in 10^-16 of the currency: the lines sum to the balance.
    var amount: Int128
}

extension FoldedDevice {
    /// "Lines of nothing but 0 are left out"; order: day, kind, period.
    func ledger() -> [LedgerLine] {
        guard hasBalance else { return [] }
        var sums = LedgerSums()
        for part in parts(cuttingHours: false) {
            guard let price = part.price else { continue }
            let (energy, quantity) = (-part.energyCharge, part.quantity)
            sums.add(part.date, "energy", energy, period: part.period, quantity: quantity, price: price)
            sums.add(part.date, "tier", -part.tierCharge)
            sums.add(part.date, "tax", -tax(part.energyCharge + part.tierCharge, rate: part.taxRate))
        }
        for standing in standingCharges() {
            sums.add(standing.date, "standing", -standing.charge)
            sums.add(standing.date, "tax", -tax(standing.charge, rate: standing.taxRate))
        }
        for money in money {
            sums.add(zone.date(at: money.at), money.kind.rawValue, money.amount)
        }
        return sums.lines.values.filter { $0.amount != 0 || ($0.quantity ?? 0) != 0 }.sorted { left, right in
            if left.date != right.date { return left.date < right.date }
            if left.kind != right.kind { return Text(left.kind) < Text(right.kind) }
            guard let right = right.period else { return false }
            return left.period.map { $0 < right } ?? true
        }
    }
}

private struct LedgerSums {
    struct Key: Hashable {
        let date: LocalDate
        let kind: String
        let period: Text?
    }

    var lines: [Key: LedgerLine] = [:]

    mutating func add(
        _ date: LocalDate,
        _ kind: String,
        _ amount: Int128,
        period: Text? = nil,
        quantity: Int128? = nil,
        price: Int128? = nil
    ) {
        let key = Key(date: date, kind: kind, period: period)
        var line =
            lines[key]
            ?? LedgerLine(
                date: date,
                kind: kind,
                period: period,
                quantity: quantity.map { _ in 0 },
                price: price,
                amount: 0
            )
        line.amount += amount
        if let quantity { line.quantity = (line.quantity ?? 0) + quantity }
        lines[key] = line
    }
}
